'use strict'

// In a process of its own: what other tests leave behind in memory would count, too.

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { SessionStore } = require('../..')
const { memoryInUse } = require('../support/memory')

test('a server that never was there leaves the memory bounded', async () => {
  const store = new SessionStore({
    connection: 'mongodb://127.0.0.1:1/',
    serverSelectionTimeoutMS: 100,
  })
  const long = 'x'.repeat(1000)
  const fail = async (round) => {
    const ids = Array.from({ length: 2000 }, (_, index) => `${long} ${round} ${index}`)
    await Promise.allSettled(ids.map((id) => store.get(id)))
  }
  for (let round = 0; round < 10; round++) await fail(round)
  // What leaks does so every time; what the allocator takes once it keeps.
  const growth = []
  for (let stretch = 0; stretch < 3; stretch++) {
    const before = memoryInUse()
    // Their ids alone take more than is allowed.
    for (let round = 0; round < 20; round++) await fail(round)
    growth.push(memoryInUse() - before)
  }
  assert.ok(Math.min(...growth) < 20_000_000, `${growth} bytes`)
  await store.close()
})
