'use strict'

// Servers that speak MongoDB's protocol and lack what the promises rest on: retryable writes, or
// sessions, or that a number is honoured which is accepted. The store works there, tells once what is
// missing, and then repeats no write that may have been executed.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { hasServer } = require('../../scripts/servers/mongodb')
const { LostWrites, MINE } = require('../support/lost-writes')
const { GONE, named, useNetwork } = require('../support/network')
const { next } = require('../support/outcome')
const { faults } = require('../support/proxy')

const WRITE_CONFLICT = 112
const ATLAS_ERROR = 8000

/** So many operations a store may take to find out what the server does with numbers. */
const MANY = 150

/** Code 20 is that of a standalone mongod. */
const refuseNumbers = (code, errmsg = 'Retryable writes are not supported') => ({
  refusal: ({ number }) => (number === undefined ? undefined : { ok: 0, code, errmsg }),
})

/** MongoDB's code for a field that it does not know. */
const unknownField = refuseNumbers(40415, "BSON field 'update.txnNumber' is an unknown field.")

const lookAlikes = {
  'refuses numbers by the code of a bad value': refuseNumbers(2),
  'refuses numbers, as Amazon DocumentDB does': refuseNumbers(301),
  'does not know the field of numbers': unknownField,
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

  /** Known to be repeated: the answer of this write is lost. */
  async function assertRepeated(store, id) {
    const when = (exchange) => exchange.names([id])
    const { struck } = network.proxy.inject(faults.loseReply(), { commands: ['update'], when })
    await store.set(id, MINE)
    await struck
    assert.deepEqual(await store.get(id), MINE)
  }

  function storeThatSaysNothing() {
    const store = network.store()
    store.on('warning', ({ message }) => assert.fail(message))
    return store
  }

  test('it is found out also where every second connection breaks', async () => {
    const store = storeThatSaysNothing()
    let asked = 0
    const cutEverySecond = (exchange) => (asked++ % 2 === 0 ? faults.none : faults.cut)(exchange)
    network.proxy.inject(cutEverySecond, { commands: ['findAndModify'], times: Infinity })
    await assertRepeated(store, 'repeated')
  })

  test('it is found out also where the first question is refused for another reason', async () => {
    const refuse = faults.fail({ errorCode: ATLAS_ERROR })
    network.proxy.inject(refuse, { commands: ['findAndModify'] })
    await assertRepeated(storeThatSaysNothing(), 'repeated')
  })

  test('what refuses writes for another reason is not taken for a refusal of numbers', async () => {
    const store = storeThatSaysNothing()
    for (const id of ['early', 'late']) {
      const when = (exchange) => exchange.names([id])
      const refuse = faults.fail({ errorCode: ATLAS_ERROR })
      network.proxy.inject(refuse, { commands: ['update'], when })
      await assert.rejects(store.set(id, MINE), { code: 'ERR_SERVER', mongoCode: ATLAS_ERROR })
      await assertRepeated(store, id)
    }
  })

  test('another one in its place may have no numbers', async () => {
    const store = network.store()
    store.on('warning', () => {})
    await assertRepeated(store, 'before')
    network.proxy.disguise(unknownField)
    await store.set('after', MINE)
    await store.destroy('before')
    assert.deepEqual(await network.stored(['before', 'after']), new Map([['after', MINE]]))
  })

  test('a question that is never answered is asked less and less, and one warning says so', async () => {
    const store = network.store()
    const told = []
    store.on('warning', (warning) => told.push(warning))
    const { end } = network.proxy.inject(faults.cut, {
      commands: ['findAndModify'],
      times: Infinity,
    })
    const { code, message, cause } = await next(store, 'warning')
    assert.equal(code, 'ERR_UNAVAILABLE')
    assert.match(message, /^whether this server heeds transaction numbers cannot be found out, /)
    assert.ok(cause instanceof Error)
    await store.set('works', MINE)
    assert.deepEqual(await store.get('works'), MINE)
    end()
    await assertRepeated(store, 'repeated')
    assert.equal(told.length, 1)
  })
})
