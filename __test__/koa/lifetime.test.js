'use strict'

// A life may be any number of milliseconds; beyond all dates it is the longest, and what is no number
// is refused. (Section 2 of the contract.)

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { Visitor, startApp, versions } = require('../support/app')
const { useDatabase } = require('../support/database')

/** The last date that every driver reads, and every server. */
const LAST_DATE = new Date('9999-12-31T23:59:59.999Z')

const YEAR = 365.25 * 86_400_000

let store
const database = useDatabase({
  setUp: () => {
    store = database.store()
  },
})

const ENDLESS = {
  Infinity: Number.POSITIVE_INFINITY,
  '2 ** 53': 2 ** 53,
  '2 ** 63': 2 ** 63,
  'the largest number': Number.MAX_VALUE,
  'as many as a Date holds': 8.64e15,
  'eight thousand years': 8000 * YEAR,
}

const OVER = {
  'no time': 0,
  'less than no time': -1,
  'a century ago': -100 * YEAR,
  'before all dates': -Number.MAX_VALUE,
  '-Infinity': Number.NEGATIVE_INFINITY,
}

const NO_NUMBER = {
  NaN: Number.NaN,
  'a string of digits': '60000',
  'a duration in words': '1 day',
  'Session with a capital': 'Session',
  'an empty string': '',
  true: true,
  false: false,
  'a bigint': 60_000n,
  'a boxed number': Object(60_000),
  'a Date': new Date(),
  'an object': { valueOf: () => 60_000 },
  'an array': [60_000],
  'a function': () => 60_000,
  'a symbol': Symbol('60000'),
}

async function endOf(id) {
  const { expiresAt, updatedAt } = await database.document(id)
  return { expiresAt, life: expiresAt - updatedAt }
}

describe('a maxAge', { timeout: 60_000 }, () => {
  for (const [name, maxAge] of Object.entries(ENDLESS)) {
    it(`beyond all dates is the longest life: ${name}`, async () => {
      await store.set(name, { n: 1 }, maxAge)
      assert.deepEqual((await endOf(name)).expiresAt, LAST_DATE)
      // As a difference, too.
      const request = { ctx: {} }
      const session = await store.get(name, maxAge, request)
      assert.deepEqual(session, { n: 1 })
      await store.set(name, { n: 2 }, maxAge, request)
      await store.set(name, { n: 3 }, maxAge, request)
      assert.deepEqual((await endOf(name)).expiresAt, LAST_DATE)
      assert.deepEqual(await store.get(name), { n: 3 })
    })
  }

  it('may be as long as it likes below that', async () => {
    await store.set('long', { n: 1 }, 5000 * YEAR)
    assert.equal((await endOf('long')).life, 5000 * YEAR)
  })

  it('that has a fraction is cut to milliseconds', async () => {
    await store.set('fraction', { n: 1 }, 60_000.9)
    assert.equal((await endOf('fraction')).life, 60_000)
  })

  for (const [name, maxAge] of Object.entries(OVER)) {
    it(`that is over ends the session: ${name}`, async () => {
      await store.set('ended', { n: 1 })
      await store.set('ended', { n: 2 }, maxAge)
      assert.equal(await store.get('ended'), undefined)
      await store.set('ended', { n: 3 }, 60_000)
      assert.deepEqual(await store.get('ended'), { n: 3 })
    })
  }

  for (const [name, maxAge] of Object.entries(NO_NUMBER)) {
    it(`that is no number of milliseconds is refused: ${name}`, async () => {
      await store.set('kept', { n: 1 })
      const request = { ctx: {} }
      await store.get('kept', 1000, request)
      for (const more of [[], [request]]) {
        await assert.rejects(store.set('kept', { n: 2 }, maxAge, ...more), {
          name: 'SessionStoreError',
          code: 'ERR_SESSION_VALUE',
          message: "maxAge has to be a number of milliseconds, or 'session'",
        })
      }
      // Also where the option `expires` overrules it.
      const decided = database.store({ expires: 60 })
      for (const call of [
        () => decided.set('kept', { n: 2 }, maxAge),
        () => decided.touch('kept', maxAge),
        () => store.touch('kept', maxAge),
      ]) {
        await assert.rejects(call(), { name: 'SessionStoreError', code: 'ERR_SESSION_VALUE' })
      }
      assert.deepEqual(await store.get('kept'), { n: 1 })
    })
  }

  it('is not asked by get', async () => {
    await store.set('got', { n: 1 })
    for (const maxAge of [...Object.values(NO_NUMBER), ...Object.values(ENDLESS)]) {
      assert.deepEqual(await store.get('got', maxAge), { n: 1 })
    }
  })
})

describe('a life by `expires`', { timeout: 60_000 }, () => {
  for (const expires of [Number.POSITIVE_INFINITY, Number.MAX_VALUE, 1e12, 1e100]) {
    it(`of ${expires} seconds is the longest, whatever maxAge says`, async () => {
      const lasting = database.store({ expires })
      for (const maxAge of [60_000, 0, 'session', Number.POSITIVE_INFINITY]) {
        await lasting.set('lasting', { n: 1 }, maxAge)
        assert.deepEqual((await endOf('lasting')).expiresAt, LAST_DATE)
        assert.deepEqual(await lasting.get('lasting'), { n: 1 })
      }
    })
  }

  it('goes before a maxAge beyond all dates', async () => {
    const short = database.store({ expires: 60 })
    await short.set('short', { n: 1 }, Number.POSITIVE_INFINITY)
    assert.equal((await endOf('short')).life, 60_000)
  })
})

describe('the longest life', { timeout: 60_000 }, () => {
  it('needs no touch', async () => {
    const touching = database.store({ touchAfter: 60 })
    const events = []
    for (const event of ['create', 'update', 'touch']) touching.on(event, () => events.push(event))
    const endless = Number.POSITIVE_INFINITY
    const request = { ctx: {} }
    await touching.set('touched', { n: 1, _expire: 1 }, endless, request)
    // By the request that wrote it, and by one that read it.
    await touching.set('touched', { n: 1, _expire: 2 }, endless, request)
    const other = { ctx: {} }
    await touching.get('touched', endless, other)
    await touching.set('touched', { n: 1, _expire: 3 }, endless, other)
    assert.deepEqual(events, ['create'])
    // A shorter one is written.
    await touching.set('touched', { n: 1, _expire: 4 }, 60_000, other)
    assert.deepEqual(events, ['create', 'touch'])
    assert.equal((await endOf('touched')).life, 60_000)
  })

  for (const version of versions) {
    it(`is what koa-session's maxAge may ask for, with ${version.name}`, async (t) => {
      const visitor = new Visitor(await startApp(t, version, { store, maxAge: 2 ** 53 }))
      await visitor.change({ n: 1 })
      assert.deepEqual((await endOf(visitor.id)).expiresAt, LAST_DATE)
      await visitor.change({ n: 2 })
      assert.deepEqual(await visitor.read(), { n: 2 })
      assert.deepEqual((await endOf(visitor.id)).expiresAt, LAST_DATE)
    })
  }
})
