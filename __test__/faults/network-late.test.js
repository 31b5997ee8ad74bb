'use strict'

// A network that delivers a write when its time is over: it changes nothing any more.
//
// MongoDB refuses it since a later command of the same session went ahead. Of the servers that
// stand in for it, not each does.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { hasServer } = require('../../scripts/servers/mongodb')
const { Gate } = require('../support/gate')
const { GONE, SOON, named, useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

const needs = 'transactionNumbers'
const skip = hasServer(needs) ? false : 'no MongoDB at hand refuses old transaction numbers'

describe('a write that arrives after it ran out of time', { timeout: 120_000, skip }, () => {
  const network = useNetwork({ needs })

  const fails = (promise) => assert.rejects(promise, ({ code }) => GONE.includes(code))

  /** Each is held back by the network; `late` stands for all that it would store. */
  const writes = {
    'a whole session': (store, id) => store.set(id, { late: true }),
    'a difference': async (store, id) => {
      const request = { ctx: {} }
      const session = await store.get(id, undefined, request)
      await store.set(id, { ...session, late: true }, undefined, request)
    },
    'a compare-and-swap': async (store, id) => {
      const request = { ctx: {} }
      const session = await store.get(id, undefined, request)
      await store.set(id, { ...session, late: true, 'a.b': 1 }, undefined, request)
    },
    'a destroy': (store, id) => store.destroy(id),
  }
  /** What is acknowledged meanwhile, and what has to be there afterwards. */
  const meanwhile = {
    'does not undo a later one': async (store, id) => {
      await store.set(id, { later: true })
      return { later: true }
    },
    'does not bring back a destroyed session': async (store, id) => {
      await store.destroy(id)
      return undefined
    },
  }
  for (const [what, write] of Object.entries(writes)) {
    for (const [how, act] of Object.entries(meanwhile)) {
      test(`${what} ${how}`, async () => {
        const store = network.store(SOON)
        const id = `${what} ${how}`
        await store.set(id, { before: true })
        const gate = new Gate()
        const commands = ['update', 'delete']
        const { struck } = network.proxy.inject(faults.late(gate), { commands })
        await fails(write(store, id))
        const expected = await act(store, id)
        await gate.reached
        gate.open()
        await struck
        assert.deepEqual((await network.stored([id])).get(id), expected)
      })
    }
  }

  test('leaves the others that travelled with it as they are', async () => {
    const store = network.store(SOON)
    const ids = named('together', 20)
    await Promise.all(ids.map((id) => store.set(id, { before: true })))
    const gate = new Gate()
    const late = network.proxy.inject(faults.late(gate), { commands: ['update'], times: 2 })
    const sets = await Promise.allSettled(ids.map((id) => store.set(id, { late: true })))
    for (const { reason } of sets) assert.ok(reason === undefined || GONE.includes(reason.code))
    await Promise.all(ids.map((id) => store.set(id, { later: true })))
    gate.open()
    await late.struck
    const stored = await network.stored(ids)
    for (const id of ids) assert.deepEqual(stored.get(id), { later: true })
  })
})
