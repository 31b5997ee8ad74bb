// Requests at a fixed rate. When one is due is settled beforehand and does not depend on any answer, and
// its latency counts from then: what is held up by a slow answer before it has that in its latency.

const path = require('node:path')
const { Worker } = require('node:worker_threads')
const { now } = require('./now')

let clock

/**
 * @param {import('./visitor').Visitor[]} visitors a request is made by one that has none under way; if
 *   there is none it waits for one
 * @param {{ page: string, perSecond: number, ms: number, seed: number }} how
 * @returns {Promise<number[]>} latencies in milliseconds, once every request is answered
 */
function keepRate(visitors, { page, perSecond, ms, seed }) {
  const start = now() + 5
  const dues = arrivals(perSecond, ms, seed).map((after) => start + after)
  const idle = [...visitors]
  const latencies = []
  let begun = 0
  let due = 0
  return new Promise((resolve, reject) => {
    const begin = () => {
      while (begun < due && idle.length > 0) request(idle.shift(), dues[begun++]).catch(reject)
    }
    const request = async (visitor, scheduled) => {
      await visitor.visit(page)
      latencies.push(now() - scheduled)
      idle.push(visitor)
      if (latencies.length === dues.length) resolve(latencies)
      else begin()
    }
    startClock(dues, (count) => {
      due = count
      begin()
    })
  })
}

/** Calls `tick` with how many are due by now, whenever there is another one. */
function startClock(dues, tick) {
  clock ??= new Worker(path.join(__dirname, 'clock.js'))
  clock.removeAllListeners('message')
  clock.on('message', tick)
  clock.postMessage(dues)
}

/**
 * Each moment is as likely as any other, as with visitors who do not know of one another; the same for
 * the same seed, so that every store gets the same.
 *
 * @returns {number[]} milliseconds from the start
 */
function arrivals(perSecond, ms, seed) {
  const random = randomNumbers(seed)
  const times = []
  for (;;) {
    const before = times.at(-1) ?? 0
    const next = before - (Math.log(1 - random()) * 1000) / perSecond
    if (next > ms) return times.length > 0 ? times : [ms]
    times.push(next)
  }
}

/** From 0 to below 1: the sequence of Park and Miller. */
function randomNumbers(seed) {
  let state = (seed % 2147483646) + 1
  return () => {
    state = (state * 48271) % 2147483647
    return (state - 1) / 2147483646
  }
}

module.exports = { keepRate }
