'use strict'

// Worker threads that load the addon, work and end, some of them terminated in the middle. Run in a
// process of its own: prints what that process was made of after each round, as JSON.

const { once } = require('node:events')
const { setTimeout: sleep } = require('node:timers/promises')
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads')
const { footprint } = require('./day')

const AT_ONCE = 4

if (isMainThread) main(JSON.parse(process.argv[2]))
else work(workerData)

/** With `alone`, the main thread has no store, and no addon: it comes and goes with the workers. */
async function main({ options, rounds, operations, alone }) {
  const store = alone ? undefined : openStore(options)
  const figures = []
  for (let round = 0; round < rounds; round++) {
    const workers = Array.from({ length: AT_ONCE }, (_, number) =>
      run({ options, operations, round, name: `worker ${round} ${number}` }, number),
    )
    await Promise.all(workers)
    if (store) await goOn(store, round)
    figures.push(footprint())
  }
  await store?.close()
  console.log(JSON.stringify(figures))
}

function openStore(options) {
  const { SessionStore } = require('../..')
  return new SessionStore(options)
}

async function goOn(store, round) {
  await store.set('main', { round })
  if ((await store.get('main')).round !== round) throw new Error('the main thread lost a write')
}

/**
 * The last of them is terminated while it works, in each round a little later; the one before it
 * leaves its store open.
 */
async function run(data, number) {
  const worker = new Worker(__filename, { workerData: { ...data, close: number !== AT_ONCE - 2 } })
  const exit = once(worker, 'exit')
  const [verdict] = await once(worker, 'message')
  if (number === AT_ONCE - 1) {
    await sleep(data.round % 10)
    return worker.terminate()
  }
  if (verdict !== 'working') throw new Error(verdict)
  const [code] = await exit
  if (code !== 0) throw new Error(`a worker ended with ${code}`)
}

async function work({ options, name, operations, close }) {
  const store = openStore(options)
  const underWay = Array.from({ length: operations }, async (_, index) => {
    const id = `${name} ${index}`
    await store.set(id, { id })
    if ((await store.get(id)).id !== id) throw new Error('a worker lost a write')
  })
  parentPort.postMessage('working')
  await Promise.all(underWay)
  if (close) await store.close()
}
