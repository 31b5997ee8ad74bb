'use strict'

// Sessions near the 16 MiB that MongoDB allows for a document: what is allowed can be written, and a
// swap that is too large for one command loses nothing that others wrote.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { hasServer } = require('../../scripts/servers/mongodb')
const { Gate } = require('../support/gate')
const { useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

const MIB = 1024 * 1024

/** A mongod takes no command beyond this: BSONObjMaxInternalSize. */
const MOST_BYTES = 16 * MIB + 16 * 1024
const OBJECT_TOO_LARGE = 10334

// Thousands of keys in one update keep the slower of the stand-ins busy for a minute.
const needs = 'transactionNumbers'
const skip = hasServer(needs) ? false : 'no MongoDB at hand is fast enough'

describe('a session near the limit', { timeout: 120_000, skip }, () => {
  const network = useNetwork({ needs })

  /** The server refuses what a mongod refuses. */
  function refuseBeyondLimit() {
    let largest = 0
    network.proxy.disguise({
      refusal: ({ command, size }) => {
        if (command === 'update') largest = Math.max(largest, size)
        if (size <= MOST_BYTES) return undefined
        return { ok: 0, code: OBJECT_TOO_LARGE, codeName: 'BSONObjectTooLarge', errmsg: 'large' }
      },
    })
    return () => largest
  }

  /** A write at that time. */
  const writeAt = (date) => async (exchange) => {
    const change = (body) => {
      body.updates[0].u.$set.updatedAt = date
    }
    await exchange.send({ change })
    await exchange.answer(await exchange.reply())
  }

  test('is swapped only where nobody wrote meanwhile, also within the same millisecond', async () => {
    const largest = refuseBeyondLimit()
    const id = 'swapped'
    const store = network.store({ timeoutMS: 30_000 })
    await store.set(id, { text: 'x'.repeat(8.5 * MIB), count: 0 })
    const { updatedAt } = await network.collection.findOne({ _id: id })
    const request = { ctx: {} }
    const session = await store.get(id, undefined, request)
    const gate = new Gate()
    const where = { commands: ['update'], when: (exchange) => exchange.names([id]) }
    const { struck } = network.proxy.inject(faults.holdCommand(gate), where)
    const set = store.set(id, { ...session, 'a.b': 1 }, undefined, request)
    await gate.reached
    // Meanwhile another writes, and all that is within one millisecond.
    const other = network.store({ timeoutMS: 30_000 })
    const another = { ctx: {} }
    const read = await other.get(id, undefined, another)
    network.proxy.inject(writeAt(updatedAt), where)
    await other.set(id, { ...read, count: 1 }, undefined, another)
    gate.open()
    await Promise.all([struck, set])
    const { text, ...rest } = (await network.stored([id])).get(id)
    assert.equal(text.length, 8.5 * MIB)
    assert.deepEqual(rest, { count: 1, 'a.b': 1 })
    assert.ok(largest() > 8 * MIB)
  })

  test('is written, though the difference is larger than itself', async () => {
    // Each key has a path in the command, which is longer.
    const largest = refuseBeyondLimit()
    const store = network.store({ timeoutMS: 30_000 })
    const id = 'difference'
    const make = (digit) => {
      const keys = Array.from({ length: 8000 }, (_, key) => `key ${1000 + key}`)
      return Object.fromEntries(keys.map((key) => [key, digit.repeat(2082)]))
    }
    await store.set(id, make('1'))
    const request = { ctx: {} }
    await store.get(id, undefined, request)
    await store.set(id, make('2'), undefined, request)
    assert.deepEqual((await network.stored([id])).get(id), make('2'))
    assert.ok(largest() > 15.9 * MIB && largest() <= MOST_BYTES, `${largest()} bytes`)
  })
})
