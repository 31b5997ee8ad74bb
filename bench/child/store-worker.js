// One store in a process of its own: opens it, fills it, and measures a round when told to.

const assert = require('node:assert')
const { answer } = require('./answer')
const { operations, STORE_MAX_AGE } = require('./operations')
const { measure } = require('./measure')
const { makeId, makeSession } = require('./sessions')
const { openers } = require('./stores')
const { memory } = require('../../scripts/memory')
const { cpuTimes, threads } = require('./usage')

const AT_ONCE_WHEN_FILLING = 100
const PREPARED = 1000
const PARSED = 500

let opened
/** What `operationsOn` has made. */
const known = new Map()

answer({
  async open({ peer, place }) {
    opened = await openers[peer](place)
  },

  /** Stores sessions 0 … count - 1 of a size, and sees to it that they are really there. */
  async fill({ size, count }) {
    for (let first = 0; first < count; first += AT_ONCE_WHEN_FILLING) {
      const numbers = Array.from(
        { length: Math.min(AT_ONCE_WHEN_FILLING, count - first) },
        (_, i) => first + i,
      )
      await Promise.all(numbers.map((number) => write(size, number)))
    }
    const number = count - 1
    const found = await opened.store.get(makeId(size, number), STORE_MAX_AGE, { ctx: {} })
    const { _expire, ...expected } = makeSession(size, number)
    assert.deepStrictEqual({ ...found, _expire: undefined }, { ...expected, _expire: undefined })
  },

  /** A round; sessions 0 … count - 1 of the size take part. */
  async round({ operation, size, count, ...how }) {
    const round = await measure(operationsOn(size, count)[operation], { ...how, count })
    return operation === 'get' ? { ...round, parse: parseTime(size, count) } : round
  },

  /** Memory in bytes after a collection of garbage, and threads. */
  async footprint() {
    for (let i = 0; i < 3; i++) {
      globalThis.gc()
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    return { memory: memory(), heapUsed: process.memoryUsage().heapUsed, threads: threads() }
  },

  close: () => opened.close(),
})

/** Microseconds that `JSON.parse` of such a session takes here and now. */
function parseTime(size, count) {
  const length = Math.min(count, PARSED)
  const texts = Array.from({ length }, (_, number) => JSON.stringify(makeSession(size, number)))
  const before = cpuTimes()
  for (const text of texts) JSON.parse(text)
  return (cpuTimes().main - before.main) / length
}

function write(size, number) {
  const data = makeSession(size, number)
  const how = { ctx: {}, changed: true, rolling: false }
  return opened.store.set(makeId(size, number), data, STORE_MAX_AGE, how)
}

/** The operations on sessions 0 … count - 1 of a size, made once: what they know is kept. */
function operationsOn(size, count) {
  const key = `${size} ${count}`
  if (!known.has(key)) known.set(key, operations(opened.store, sessionsOf(size, count)))
  return known.get(key)
}

/** Made beforehand as far as memory allows, so that no round measures how sessions are made. */
function sessionsOf(size, count) {
  const made = Array.from({ length: Math.min(count, PREPARED) }, (_, number) => ({
    id: makeId(size, number),
    data: makeSession(size, number),
  }))
  if (count <= PREPARED) return (number) => made[number]
  return (number) => ({ id: makeId(size, number), data: made[number % PREPARED].data })
}
