'use strict'

// MongoDB is gone for some time under a load that does not slow down: what the process sees of it.

const assert = require('node:assert/strict')
const { setTimeout: sleep } = require('node:timers/promises')
const { memory } = require('../../scripts/memory')

const EVERY_MS = 10
const EACH_TIME = 20

/** The growth of the memory that a process may use for what is under way: bytes. */
const MEMORY_BOUND = 150_000_000

/**
 * @param {import('../..').SessionStore} store
 * @param {object} server of scripts/servers/mongodb.js
 * @param {number} milliseconds
 */
async function outage(store, server, milliseconds) {
  const seen = { operations: 0, codes: {}, slowest: 0, growth: 0, back: 0 }
  const underWay = new Set()
  let number = 0
  const send = () => {
    for (let each = 0; each < EACH_TIME; each++) {
      const id = `outage ${'x'.repeat(500)} ${number++}`
      const called = performance.now()
      const promise = number % 2 === 0 ? store.get(id) : store.set(id, { number })
      const settled = promise
        .then(
          () => 'none',
          ({ code }) => code,
        )
        .then((code) => {
          seen.operations++
          seen.codes[code] = (seen.codes[code] ?? 0) + 1
          seen.slowest = Math.max(seen.slowest, performance.now() - called)
          underWay.delete(settled)
        })
      underWay.add(settled)
    }
  }
  await server.kill()
  const before = memory()
  const load = setInterval(send, EVERY_MS)
  const watch = setInterval(() => {
    seen.growth = Math.max(seen.growth, memory() - before)
  }, 100)
  await sleep(milliseconds)
  clearInterval(load)
  clearInterval(watch)
  await Promise.all(underWay)
  await server.start()
  const started = performance.now()
  while (!(await store.set('back', { a: 1 }).catch(() => undefined)));
  seen.back = performance.now() - started
  return seen
}

/**
 * What such an outage may cost, where operations wait for so many milliseconds. The bounds are
 * generous: a machine may be busy with other things.
 */
function assertBounded({ codes, slowest, growth, back }, wait) {
  assert.deepEqual(Object.keys(codes), ['ERR_UNAVAILABLE'])
  assert.ok(slowest < wait + 1000, `the slowest error took ${slowest} ms`)
  assert.ok(growth < MEMORY_BOUND, `the memory grew by ${growth} bytes`)
  assert.ok(back < 1000, `the service was back after ${back} ms`)
}

module.exports = { MEMORY_BOUND, assertBounded, outage }
