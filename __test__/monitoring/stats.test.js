'use strict'

// What stats() counts, in numbers that can be checked one by one.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { Mongoose } = require('mongoose')
const { SessionStore } = require('../..')
const { hasServer } = require('../../scripts/servers/mongodb')
const { CALLS } = require('../support/calls')
const { useDatabase } = require('../support/database')
const { Gate } = require('../support/gate')
const { named, useNetwork } = require('../support/network')
const { failure } = require('../support/outcome')
const { faults } = require('../support/proxy')

const needs = 'transactionNumbers'
const skip = hasServer(needs) ? false : 'no MongoDB at hand refuses old transaction numbers'

/** The outcomes of those calls that have any. */
function outcomesOf(store) {
  const calls = Object.entries(store.stats().calls)
  const entries = calls.map(([call, { outcomes }]) => [call, outcomes])
  return Object.fromEntries(entries.filter(([, outcomes]) => Object.keys(outcomes).length > 0))
}

const sum = (numbers) => numbers.reduce((all, one) => all + one, 0)

async function until(condition) {
  while (!condition()) await sleep(10)
}

describe('stats()', { timeout: 60_000 }, () => {
  const database = useDatabase()

  it('counts what calls ended in', async () => {
    const store = database.store({ collection: 'outcomes', touchAfter: 30 })
    const request = { ctx: {} }
    await store.set('id', { a: 1 }, 60_000)
    await store.set('id', { a: 2 }, 60_000)
    await store.get('id', undefined, request)
    await store.get('nobody')
    await store.set('id', { a: 2, _expire: 5, _maxAge: 5 }, 600_000, request)
    await store.set('id', { a: 2, _expire: 6, _maxAge: 5 }, 600_000, request)
    await store.set('id', { a: 3 }, 600_000, request)
    await store.touch('id', 1_200_000)
    await store.touch('nobody')
    await store.ids().toArray()
    await store.all().toArray()
    await store.length()
    await store.destroy('id')
    await store.set('id', { a: 4 }, 600_000, request)
    await store.destroyMany({ a: 1 })
    await store.clear()
    assert.deepEqual(outcomesOf(store), {
      get: { found: 1, missing: 1 },
      set: { create: 1, update: 2, touch: 1, unchanged: 1, dropped: 1 },
      touch: { touch: 1, missing: 1 },
      destroy: { destroy: 1 },
      all: { page: 1 },
      ids: { page: 1 },
      length: { count: 1 },
      destroyMany: { count: 1 },
      clear: { count: 1 },
    })
  })

  it('counts errors by their codes, and not what is refused before it is sent', async () => {
    const unreachable = { connection: 'mongodb://127.0.0.1:1', serverSelectionTimeoutMS: 200 }
    const store = new SessionStore(unreachable)
    store.on('warning', () => {})
    await failure(store.get('id'))
    await failure(store.set('id', { a: new Set() }))
    await failure(store.get(5))
    assert.deepEqual(outcomesOf(store), { get: { ERR_UNAVAILABLE: 1 } })
    await store.close()
  })

  it('gives the time that calls took as a histogram for each', async () => {
    const store = database.store({ collection: 'histogram' })
    for (const id of named('of histogram', 20)) await store.set(id, { a: 1 })
    const { count, sum: seconds, buckets } = store.stats().calls.set.seconds
    assert.equal(count, 20)
    assert.ok(seconds > 0 && seconds < 60)
    const bounds = buckets.map(({ le }) => le)
    assert.deepEqual(
      bounds,
      [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    )
    const counts = buckets.map(({ count }) => count)
    assert.deepEqual(
      counts,
      counts.toSorted((one, other) => one - other),
      'they are cumulative',
    )
    assert.equal(counts.at(-1), 20)
  })

  it('counts batches and what was in them', async () => {
    const store = database.store({ collection: 'batches' })
    const ids = named('of batches', 100)
    await Promise.all(ids.map((id) => store.set(id, { a: 1 })))
    await store.get(ids[0])
    const { count, operations, largest, sizes } = store.stats().batches
    assert.equal(operations, 101)
    assert.ok(count >= 2 && count < 101, `${count} batches`)
    assert.ok(largest > 1 && largest <= 100, `${largest} in the largest`)
    assert.equal(sizes[0].le, 1)
    assert.ok(sizes[0].count >= 1)
    assert.equal(sizes.at(-1).count, count)
  })

  it('is there before there is a connection, and after close()', async () => {
    const mongoose = new Mongoose()
    const store = database.store({ connection: mongoose, collection: 'early' })
    const before = store.stats()
    assert.deepEqual(Object.keys(before.calls), CALLS)
    assert.deepEqual(outcomesOf(store), {})
    assert.deepEqual(before.pool, { connections: 0, created: 0, closed: 0 })
    assert.ok(before.since instanceof Date && before.since <= new Date())
    const waiting = store.set('id', { a: 1 })
    assert.equal(store.stats().waiting, 1, 'what waits for mongoose.connect()')
    await mongoose.connect(database.uri, { dbName: database.name })
    await waiting
    await store.close()
    await mongoose.disconnect()
    const { calls, waiting: left, underWay, pool, since } = store.stats()
    assert.deepEqual(calls.set.outcomes, { create: 1 })
    assert.deepEqual([left, underWay, pool.connections], [0, 0, 0])
    assert.ok(pool.created > 0 && pool.closed === pool.created)
    assert.deepEqual(since, before.since)
  })

  it('counts what waited for an address that never came', async () => {
    const limit = { serverSelectionTimeoutMS: 100 }
    const store = database.store({ connection: new Mongoose(), collection: 'never', ...limit })
    assert.equal((await failure(store.get('id'))).code, 'ERR_UNAVAILABLE')
    const { calls, waiting } = store.stats()
    assert.deepEqual(calls.get.outcomes, { ERR_UNAVAILABLE: 1 })
    assert.ok(calls.get.seconds.sum >= 0.1)
    assert.equal(waiting, 0)
  })

  it('goes on where Mongoose moves to another address', async () => {
    const mongoose = new Mongoose()
    const options = { dbName: database.name }
    const store = database.store({ connection: mongoose, db: undefined, collection: 'moving' })
    await mongoose.connect(database.uri, options)
    await store.set('id', { a: 1 })
    await mongoose.disconnect()
    await mongoose.connect(database.uri, { dbName: `${database.name}_b` })
    await store.set('id', { a: 1 })
    await mongoose.connection.dropDatabase()
    await mongoose.disconnect()
    assert.deepEqual(outcomesOf(store), { set: { create: 2 } })
  })

  it('tells no id and no content', async () => {
    const store = database.store({ collection: 'secret' })
    await store.set('secret id', { key: 'secret content' })
    await store.get('secret id')
    assert.doesNotMatch(JSON.stringify(store.stats()), /secret/)
  })
})

describe('stats(), while MongoDB or the network does not answer', { timeout: 60_000 }, () => {
  const network = useNetwork()

  it('tells what is under way and what waits behind it', async () => {
    const store = network.store({ timeoutMS: 30_000 })
    await store.set('held', { a: 1 })
    const gate = new Gate()
    network.proxy.inject(faults.holdReply(gate), { commands: ['update'] })
    const calls = [1, 2, 3].map((a) => store.set('held', { a }))
    await gate.reached
    const { waiting, underWay } = store.stats()
    assert.deepEqual({ waiting, underWay }, { waiting: 2, underWay: 1 })
    gate.open()
    await Promise.all(calls)
    const after = store.stats()
    assert.deepEqual([after.waiting, after.underWay], [0, 0])
  })

  it('counts what has left its batch to go alone, once among the calls', async () => {
    const store = network.store()
    const ids = named('of leaving', 8)
    const request = { ctx: {} }
    await Promise.all(ids.map((id) => store.set(id, { a: 1 })))
    for (const id of ids) await store.get(id, undefined, request)
    // A key that no path can name takes a command of its own.
    const changed = ids.map((id) => store.set(id, { a: 1, 'b.c': 1 }, undefined, request))
    await Promise.all(changed)
    const { calls, waiting, underWay } = store.stats()
    assert.deepEqual(calls.set.outcomes, { create: 8, update: 8 })
    assert.deepEqual([waiting, underWay], [0, 0])
    assert.equal(sum(Object.values(calls.get.outcomes)), 8)
  })
})

// Only there is a write repeated, or shut out.
describe('stats(), where MongoDB heeds transaction numbers', { timeout: 60_000, skip }, () => {
  const network = useNetwork({ needs })

  it('counts commands that are sent again', async () => {
    const store = network.store()
    await store.set('id', { a: 1 })
    assert.equal(store.stats().retries, 0)
    network.proxy.inject(faults.cutCommand, { commands: ['update'] })
    await store.set('id', { a: 2 })
    assert.equal(store.stats().retries, 1)
  })

  it('counts what shuts out a write that got no answer, until that is done', async () => {
    const store = network.store({ timeoutMS: 500 })
    await store.set('late', { a: 1 })
    const gate = new Gate()
    // Held back, with the connection open: the write itself, then what shuts it out.
    network.proxy.inject(faults.silence, { commands: ['update'] })
    network.proxy.inject(faults.holdCommand(gate), { commands: ['update'] })
    assert.equal((await failure(store.set('late', { a: 2 }))).code, 'ERR_TIMEOUT')
    await until(() => store.stats().fences.waiting === 1)
    assert.equal(store.stats().fences.sent, 1)
    gate.open()
    await until(() => store.stats().fences.waiting === 0)
    assert.equal(store.stats().fences.sent, 1)
  })
})
