'use strict'

// Servers that speak MongoDB's protocol and lack what the promises rest on: retryable writes, or
// sessions, or that a number is honoured which is accepted. The store works there, tells once what is
// missing, and then repeats no write that may have been executed.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { hasServer } = require('../../scripts/servers/mongodb')
const { LostWrites, MINE } = require('../support/lost-writes')
const { GONE, named, useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

const WRITE_CONFLICT = 112

/** So many operations a store may take to find out what the server does with numbers. */
const MANY = 150

/** The words that they have in common; code 20 is that of a standalone mongod. */
const refuseNumbers = (code) => ({
  refusal: ({ number }) => {
    if (number === undefined) return undefined
    return { ok: 0, code, errmsg: 'Retryable writes are not supported' }
  },
})

const lookAlikes = {
  'refuses numbers by the code of a bad value': refuseNumbers(2),
  'refuses numbers, as Amazon DocumentDB does': refuseNumbers(301),
  'has no sessions': {
    reply: (body) => void delete body.logicalSessionTimeoutMinutes,
  },
  // DocumentDB on PostgreSQL executes a command again that has the number of an earlier one, and one
  // that has a lower number.
  'takes numbers, and does not honour them': {
    command: (body, { number }) => {
      if (number === undefined) return
      delete body.txnNumber
      delete body.lsid
    },
  },
}

describe('on a server that only resembles MongoDB', { timeout: 120_000 }, () => {
  const network = useNetwork()
  const lostWrites = new LostWrites(network)

  function storeWithWarnings(options) {
    const store = network.store(options)
    const warnings = []
    store.on('warning', (warning) => warnings.push(warning))
    return { store, warnings }
  }

  /** Uses the store until it has warned, or has had every occasion to. */
  async function use(store, warnings) {
    for (let round = 0; warnings.length === 0 && round < MANY; round++) {
      await store.set(`used ${round % 10}`, { round })
    }
  }

  for (const [what, as] of Object.entries(lookAlikes)) {
    test(`that ${what}, everything else works, and one warning says so`, async () => {
      network.proxy.disguise(as)
      const { store, warnings } = storeWithWarnings()
      await store.set('works', { a: 1, b: 2 })
      const request = { ctx: {} }
      const session = await store.get('works', undefined, request)
      await store.set('works', { ...session, b: 3, c: 4 }, undefined, request)
      await store.set('works', { ...session, b: 3, 'a.b': 5 }, undefined, request)
      assert.deepEqual(await store.get('works'), { a: 1, b: 3, 'a.b': 5 })
      const ids = named(what, 30)
      await Promise.all(ids.map((id) => store.set(id, { id })))
      await Promise.all(ids.slice(1).map((id) => store.destroy(id)))
      assert.deepEqual(await network.stored(ids), new Map([[ids[0], { id: ids[0] }]]))
      await use(store, warnings)
      // On connections that are new, too: a read goes on to those, what is written may not be repeated.
      network.proxy.reset()
      await store.get('works')
      for (const id of ids) await store.set(id, { again: true })
      assert.equal(warnings.length, 1)
      for (const { name, message } of warnings) {
        assert.equal(name, 'SessionStoreError')
        assert.match(message, /numbers|retryable writes|sessions/)
      }
    })
  }

  describe('that takes numbers, and does not honour them', () => {
    async function storeThere() {
      network.proxy.disguise(lookAlikes['takes numbers, and does not honour them'])
      const { store, warnings } = storeWithWarnings({ timeoutMS: 1500 })
      await lostWrites.prepare(store)
      await use(store, warnings)
      return store
    }

    test('a write whose answer was lost is not repeated', async () => {
      const store = await storeThere()
      await lostWrites.assertNotRepeated(store, async (exchange) => exchange.reset())
      await store.set('after', MINE)
      assert.deepEqual(await store.get('after'), MINE)
    })

    test('a write of a command that was executed in part, and failed, is not repeated', async () => {
      // As after a deadlock: what was executed before it stays.
      const store = await storeThere()
      const conflict = {
        ok: 0,
        code: WRITE_CONFLICT,
        codeName: 'WriteConflict',
        errmsg: 'conflict',
      }
      await lostWrites.assertNotRepeated(store, (exchange) => exchange.pretend(conflict), {
        codes: [...GONE, 'ERR_SERVER'],
      })
    })
  })
})

const needs = 'transactionNumbers'
const skip = hasServer(needs) ? false : 'no MongoDB at hand refuses old transaction numbers'

describe('on a server that honours numbers', { timeout: 120_000, skip }, () => {
  const network = useNetwork({ needs })

  test('nothing is said of them', async () => {
    const store = network.store()
    const warnings = []
    store.on('warning', (warning) => warnings.push(warning))
    for (let round = 0; round < MANY; round++) await store.set(`used ${round % 10}`, { round })
    network.proxy.reset()
    for (let round = 0; round < MANY; round++) await store.set(`used ${round % 10}`, { round })
    assert.deepEqual(warnings, [])
    await store.set('repeated', {})
    const destroy = () => network.collection.deleteOne({ _id: 'repeated' })
    const when = (exchange) => exchange.names(['repeated'])
    network.proxy.inject(faults.loseReply(destroy), { commands: ['update'], when })
    await store.set('repeated', MINE)
    assert.equal(await store.get('repeated'), undefined)
  })
})
