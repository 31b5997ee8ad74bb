'use strict'

// A write of a key that no path can name replaces the session, if nobody has written meanwhile. What MongoDB
// takes for equal to what was there before may have been written all the same.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { Decimal128 } = require('bson')
const { Gate } = require('../support/gate')
const { useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

describe('a write of a key that no path can name', { timeout: 60_000 }, () => {
  const network = useNetwork()

  for (const [what, from, to] of [
    ['0 to -0', 0, -0],
    ['a number to one of more digits', 1, Decimal128.fromString('1.00')],
  ]) {
    it(`keeps what another request changed meanwhile from ${what}`, async () => {
      const [store, id] = [network.store(), `from ${what}`]
      await store.set(id, { value: from })
      const mine = { ctx: {} }
      const session = await store.get(id, undefined, mine)
      const gate = new Gate()
      network.proxy.inject(faults.holdCommand(gate), { commands: ['update'] })
      const swap = store.set(id, { ...session, 'a.b': 1 }, undefined, mine)
      await gate.reached
      await network.collection.updateOne(
        { _id: id },
        { $set: { 'data.value': to, updatedAt: new Date() } },
      )
      gate.open()
      await swap
      assert.deepEqual(await store.get(id), { value: to, 'a.b': 1 })
    })
  }
})
