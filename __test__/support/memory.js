'use strict'

const { setFlagsFromString } = require('node:v8')
const { runInNewContext } = require('node:vm')
const { memory } = require('../../scripts/memory')

/** V8 gives pages back beside what it does, and is done with those of one collection by the next. */
const COLLECTIONS = 3

function collectGarbage() {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  for (let each = 0; each < COLLECTIONS; each++) collect()
}

/** Without garbage, and without what V8 holds in reserve, which grows and shrinks as it sees fit. */
function memoryInUse() {
  collectGarbage()
  const { heapTotal, heapUsed } = process.memoryUsage()
  return memory() - heapTotal + heapUsed
}

/** Collects garbage until what has to follow from that has happened. */
async function untilCollected(happens) {
  let hasHappened = false
  happens.then(() => {
    hasHappened = true
  })
  while (!hasHappened) {
    collectGarbage()
    await new Promise(setImmediate)
  }
}

module.exports = { collectGarbage, memoryInUse, untilCollected }
