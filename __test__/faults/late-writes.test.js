'use strict'

// A network that holds a write back, heartbeats and all, and delivers it later. The store hears of
// that in different ways; whichever it is, the write changes nothing any more once something else on
// its session was acknowledged.
//
// MongoDB executes what arrives late, unless a command with a higher number went ahead in the same
// driver's session. Of the servers that stand in for it, not each refuses lower numbers.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { hasServer } = require('../../scripts/servers/mongodb')
const { Late } = require('../support/late')
const { GONE, useNetwork } = require('../support/network')
const { persist } = require('../support/persist')
const { GREETINGS, faults } = require('../support/proxy')

const needs = 'transactionNumbers'
const skip = hasServer(needs) ? false : 'no MongoDB at hand refuses old transaction numbers'

/** So soon the driver's monitor gives up on a server that does not answer. */
const WATCHFUL = { connectTimeoutMS: 300, heartbeatFrequencyMS: 500, timeoutMS: 10_000 }

const BEFORE = { before: true }

describe('a write that a network held back with the heartbeats', { timeout: 120_000, skip }, () => {
  const network = useNetwork({ needs })

  /** Each prepares a write of a session, and gives it. */
  const writes = {
    'a whole session': async (store, id) => () => store.set(id, { late: true }),
    'a difference': (store, id) => change(store, id, { late: true }),
    'a swap': (store, id) => change(store, id, { late: true, 'a.b': 1 }),
    'a destroy': async (store, id) => () => store.destroy(id),
  }

  async function change(store, id, changes) {
    const request = { ctx: {} }
    const session = await store.get(id, undefined, request)
    return () => store.set(id, { ...session, ...changes }, undefined, request)
  }

  /**
   * A network for each of these writes that stalls while the write is on its way: MongoDB has not got
   * it, and nothing else is answered either. Each has a store, so a connection, of its own.
   */
  async function stall(names, limits) {
    const sessions = await Promise.all(
      names.map(async (name) => {
        const store = network.store({ ...WATCHFUL, ...limits })
        await store.set(name, BEFORE)
        return { id: name, store, write: await writes[name](store, name) }
      }),
    )
    const late = new Late()
    const stalled = [
      network.proxy.inject(faults.silence, { commands: GREETINGS, times: Infinity }),
      network.proxy.inject(late.hold, {
        commands: ['update', 'delete'],
        when: (exchange) => exchange.names(names),
        times: Infinity,
      }),
    ]
    const written = Promise.allSettled(sessions.map(({ write }) => write()))
    await late.abandoned(names.length)
    const heal = () => {
      for (const { end } of stalled) end()
    }
    return { heal, late, sessions, written }
  }

  /** Something on each session is acknowledged, and then the writes arrive that were held back. */
  async function overtake({ late, sessions }, act) {
    const busy = await Promise.all(
      sessions.map(({ id, store }) => late.occupy(network.proxy, store, id)),
    )
    const expected = await Promise.all(sessions.map(({ id, store }) => act(store, id)))
    await late.arrive()
    const stored = await network.stored(sessions.map(({ id }) => id))
    await Promise.all(busy.map((free) => free()))
    assert.deepEqual(
      sessions.map(({ id }) => [id, stored.get(id)]),
      sessions.map(({ id }, index) => [id, expected[index]]),
    )
  }

  /** Again to what it was: else a swap that comes late would not find what it is to replace. */
  const setLater = async (store, id) => {
    await store.set(id, { later: true })
    await store.set(id, BEFORE)
    return BEFORE
  }
  const destroy = async (store, id) => {
    await store.destroy(id)
    return undefined
  }

  for (const [what, names, act] of [
    ['does not undo a later one', Object.keys(writes), setLater],
    ['does not bring back a destroyed session', ['a whole session'], destroy],
  ]) {
    test(`and that failed ${what}`, async () => {
      // The driver interrupts what is on its way when a heartbeat gets no answer, and finds no server
      // then for another attempt, long before the operation's own time is over.
      const stalled = await stall(names, { serverSelectionTimeoutMS: 300 })
      for (const { status, reason } of await stalled.written) {
        assert.ok(status === 'rejected' && GONE.includes(reason.code))
      }
      stalled.heal()
      await Promise.all(stalled.sessions.map(({ store }) => persist(() => store.get('any'))))
      await overtake(stalled, act)
    })
  }

  test('does not undo a later one, if its second attempt found no session', async () => {
    // MongoDB keeps no record of a number under which it found nothing to write.
    const stalled = await stall(['a difference', 'a swap', 'a destroy'])
    const ids = stalled.sessions.map(({ id }) => id)
    await network.collection.deleteMany({ _id: { $in: ids } })
    stalled.heal()
    for (const { status } of await stalled.written) assert.equal(status, 'fulfilled')
    await overtake(stalled, setLater)
  })
})
