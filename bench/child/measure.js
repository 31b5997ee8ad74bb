const { histogramOf } = require('../histogram')
const { cpuTimes } = require('./usage')

/** More than any round has; a round of the Map counts only these for its percentiles. */
const latencies = new Float64Array(2 ** 21)

/** A percentile of fewer would be a single operation. */
const FEWEST = 100

/**
 * @param {(number: number) => Promise<unknown>} operation
 * @param {object} how
 * @param {number} how.atATime
 * @param {number} how.ms how long
 * @param {number} [how.warmUpMs]
 * @param {number} [how.fewest] operations, even if they take longer
 * @param {number} how.count of the sessions that take part
 * @returns {Promise<Round>}
 *
 * @typedef {object} Round
 * @property {number} operations
 * @property {number} perSecond
 * @property {number} p50 in milliseconds
 * @property {[number, number][]} latencies a histogram
 * @property {number} mainCpu of the main thread, per operation, in microseconds
 * @property {number} processCpu the same of all threads
 * @property {number} otherCpu the same of all threads but the main one
 * @property {number} rss memory in bytes
 */
async function measure(operation, { atATime, ms, warmUpMs = 0, fewest = FEWEST, count }) {
  const step = stepThrough(count)
  if (warmUpMs > 0) await run(operation, { atATime, ms: warmUpMs, fewest: 1, step, count })
  const before = cpuTimes()
  const start = performance.now()
  const done = await run(operation, { atATime, ms, fewest, step, count })
  const seconds = (performance.now() - start) / 1000
  const after = cpuTimes()
  const mainCpu = (after.main - before.main) / done
  const processCpu = (after.process - before.process) / done
  const sorted = latencies.subarray(0, Math.min(done, latencies.length)).sort()
  return {
    operations: done,
    perSecond: done / seconds,
    p50: sorted[Math.floor(sorted.length * 0.5)],
    latencies: histogramOf(sorted),
    mainCpu,
    processCpu,
    otherCpu: processCpu - mainCpu,
    rss: process.memoryUsage.rss(),
  }
}

/** `atATime` callers, each of which begins its next operation as soon as its last has ended. */
async function run(operation, { atATime, ms, fewest, step, count }) {
  const end = performance.now() + ms
  let begun = 0
  let done = 0
  let number = Math.floor(Math.random() * count)
  const caller = async () => {
    for (;;) {
      const start = performance.now()
      if (start >= end && begun >= fewest) return
      begun++
      number = (number + step) % count
      await operation(number)
      if (done < latencies.length) latencies[done] = performance.now() - start
      done++
    }
  }
  await Promise.all(Array.from({ length: atATime }, caller))
  return done
}

/** A step that comes by all sessions before it comes back to the first, jumping about. */
function stepThrough(count) {
  let step = Math.max(1, Math.floor(count * 0.618))
  while (greatestCommonDivisor(step, count) !== 1) step++
  return step
}

function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}

module.exports = { measure }
