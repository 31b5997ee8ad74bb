'use strict'

// What a session has under its plain id and under the hash of it may be on different servers, or be
// reached at different times: one that gets no answer fails alone, and a sweep finds what moves meanwhile.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { hasServer } = require('../../scripts/servers/mongodb')
const { Gate } = require('../support/gate')
const { named, useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

const needs = 'transactionNumbers'
const skip = hasServer(needs) ? false : 'no MongoDB at hand refuses old transaction numbers'

const HASHED = { hashIds: { key: 'a key for ids of more than thirty-two bytes' } }

const TIMEOUT = 6000

describe('one session that gets no answer', { timeout: 60_000, skip }, () => {
  const network = useNetwork({ needs })

  /** What becomes of the calls, where deletes of the fourth session are not answered. */
  async function outcomes(name, options, prepare, call) {
    const store = network.store({ ...options, timeoutMS: TIMEOUT })
    const ids = named(name, 8)
    await prepare(store, ids)
    network.proxy.inject(faults.silence, {
      commands: ['delete'],
      when: (exchange) => exchange.names([ids[3]]),
      times: Infinity,
    })
    const settled = await Promise.allSettled(ids.map((id) => call(store, id)))
    return settled.map(({ reason }) => reason?.code)
  }

  const ALONE = Array.from({ length: 8 }, (_, index) => (index === 3 ? 'ERR_TIMEOUT' : undefined))

  test('fails alone, though others of its batch were gone', async () => {
    const prepare = (store, ids) => Promise.all(ids.slice(0, 5).map((id) => store.set(id, { id })))
    const codes = await outcomes('gone', {}, prepare, (store, id) => store.destroy(id))
    assert.deepEqual(codes, ALONE)
  })

  test('under its former id fails alone, where it is destroyed with others', async () => {
    const plain = network.store()
    const prepare = (_store, ids) => Promise.all(ids.map((id) => plain.set(id, { id })))
    const codes = await outcomes('ends', HASHED, prepare, (store, id) => store.destroy(id))
    assert.deepEqual(codes, ALONE)
  })

  test('under its former id fails alone, where it is written whole with others', async () => {
    const prepare = (store) => store.get('any')
    const codes = await outcomes('whole', HASHED, prepare, (store, id) => store.set(id, { id }))
    assert.deepEqual(codes, ALONE)
  })
})

describe('a sweep', { timeout: 60_000 }, () => {
  const network = useNetwork()

  test('ends a session that moves ahead of it, to where it has looked before', async () => {
    const store = network.store(HASHED)
    const others = named('other', 700)
    await Promise.all(others.map((id) => store.set(id, { user: 1 })))
    // Its plain id comes last of all, and the hash of it first.
    const first = (one, other) => (store.storedId(one) < store.storedId(other) ? one : other)
    const moving = named('moving', 5000).reduce(first)
    await network.store().set(moving, { user: 1 })
    const request = { ctx: {} }
    const session = await store.get(moving, undefined, request)
    const gate = new Gate()
    network.proxy.inject(faults.holdCommand(gate), { commands: ['getMore'], when: () => true })
    const swept = store.destroyMany({ user: 1 })
    await gate.reached
    await network.store(HASHED).set(moving, { ...session, moved: true }, undefined, request)
    gate.open()
    await swept
    assert.equal(await store.get(moving), undefined)
    assert.equal(await store.length(), 0)
  })
})
