'use strict'

// What cannot be stored is refused with its path before anything is sent, and what goes beside it
// is unharmed. (Section 7 of the contract.)

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { inspect } = require('node:util')
const bson = require('bson')
const { SessionStoreError } = require('../..')
const { useDatabase } = require('../support/database')

/** In ids and in contents, which no error shows. */
const SECRET = 'do-not-show'

const LIMIT = 16 * 1024 * 1024

let store
const database = useDatabase({
  setUp: () => {
    store = database.store()
  },
})

/** `{ a: { a: … } }`, so many objects inside the session. */
function nested(levels, innermost = 1) {
  return levels === 0 ? innermost : { a: nested(levels - 1, innermost) }
}

function cycle() {
  const session = { user: { orders: [{}, {}] } }
  session.user.orders[1].buyer = session.user
  return session
}

/** Throws what an application might: its own words. */
function throwing(error = new TypeError(`not ${SECRET}`)) {
  return {
    get name() {
      throw error
    },
  }
}

/** Objects that each give an object with the next. */
function endless() {
  return { toJSON: () => ({ a: endless() }) }
}

/** What is refused: the session, and the path that the message has to name. */
const REFUSED = {
  'a cycle': [cycle, 'data.user.orders[1].buyer'],
  'a session in itself': [
    () => {
      const session = { at: new Date() }
      session.self = session
      return session
    },
    'data.self',
  ],
  'a Set': [() => ({ cart: [0, 1, 2, { tags: new Set(['a']) }] }), 'data.cart[3].tags'],
  'a WeakMap': [() => ({ 'a.b': { 'x y': new WeakMap() } }), 'data["a.b"]["x y"]'],
  'a WeakSet': [() => ({ a: new WeakSet() }), 'data.a'],
  'a WeakRef': [() => ({ a: new WeakRef({}) }), 'data.a'],
  'a Promise': [() => ({ a: Promise.resolve() }), 'data.a'],
  'a FinalizationRegistry': [() => ({ a: new FinalizationRegistry(() => {}) }), 'data.a'],
  'a generator': [() => ({ a: (function* () {})() }), 'data.a is a Generator'],
  'an async generator': [() => ({ a: (async function* () {})() }), 'data.a is an AsyncGenerator'],
  'an iterator of a Map': [() => ({ a: new Map().entries() }), 'data.a is a Map Iterator'],
  'an iterator of a Set': [() => ({ a: new Set().values() }), 'data.a is a Set Iterator'],
  'a Proxy of a Set': [() => ({ a: new Proxy(new Set(), {}) }), 'data.a is a Set'],
  'a Proxy of a Map': [() => ({ a: new Proxy(new Map(), {}) }), 'data.a'],
  'a Proxy of a Date': [() => ({ a: new Proxy(new Date(), {}) }), 'data.a'],
  'a Set without a prototype': [() => ({ a: Object.setPrototypeOf(new Set(), null) }), 'data.a'],
  'a Float64Array': [() => ({ a: [new Float64Array(1)] }), 'data.a[0]'],
  'a DataView': [() => ({ a: new DataView(new ArrayBuffer(1)) }), 'data.a'],
  'a Set in a Map': [() => ({ a: new Map([['b', new Set()]]) }), 'data.a.b'],
  'a Set in the scope of code': [
    () => ({ a: new bson.Code('f()', { b: [new Set()] }) }),
    'data.a.scope.b[0]',
  ],
  'a Set in a reference': [
    () => ({ a: new bson.DBRef('users', 1, 'db', { b: new Set() }) }),
    'data.a.b',
  ],
  'code in its own scope': [
    () => {
      const code = new bson.Code('f()', {})
      code.scope.code = code
      return { code }
    },
    'data.code.scope.code',
  ],
  'a scope that becomes a string': [
    () => ({ a: new bson.Code('f()', { toJSON: () => 'b' }) }),
    'data.a.scope',
  ],
  'a scope 101 deep': [() => ({ a: new bson.Code('f()', nested(102)) }), 'data.a.scope.a.a'],
  'a Map with an object for a key': [() => ({ a: new Map([[{}, 1]]) }), 'data.a'],
  'a bigint of 65 bits': [() => ({ a: [2n ** 63n] }), 'data.a[0]'],
  'a key with a NUL': [() => ({ a: { 'b\0c': 1 } }), 'data.a["b\\u0000c"]'],
  'a long key with a NUL': [() => ({ [`${'k'.repeat(50)}\0`]: 1 }), 'data["k'],
  'a Set under a long key': [
    () => ({ ['k'.repeat(65)]: new Set() }),
    `data["${'k'.repeat(64)}…"] is a Set`,
  ],
  'a regular expression with a NUL': [
    () => ({ a: [/a\0/, new RegExp(`a${String.fromCharCode(0)}`)] }),
    'data.a[1]',
  ],
  'objects 101 deep': [() => nested(102), `data${'.a'.repeat(101)}`],
  'objects 101 deep beside a Date': [() => ({ at: new Date(), ...nested(102) }), 'data.a.a.a'],
  'arrays without an end': [
    () => ({ a: JSON.parse('['.repeat(5000) + ']'.repeat(5000)) }),
    'data.a[0][0]',
  ],
  'toJSON without an end': [endless, `data${'.a'.repeat(101)} nests`],
  'a toJSON that gives what contains it': [
    () => ({
      a: {
        toJSON() {
          return { self: this }
        },
      },
    }),
    'data.a.self refers back',
  ],
  'a getter that throws': [
    () => ({ user: throwing() }),
    'data.user.name cannot be read: it threw a TypeError',
  ],
  'a getter that throws no error': [() => ({ user: throwing(null) }), 'data.user.name'],
  'a toJSON that throws': [
    () => ({
      user: {
        toJSON() {
          throw new Error(SECRET)
        },
      },
    }),
    'data.user cannot be read: it threw an Error',
  ],
}

const NO_OBJECT = {
  nothing: undefined,
  null: null,
  'a string': 'text',
  'a number': 5,
  'an array': [1],
  'a function': () => {},
  'a Date': new Date(),
  'a Buffer': Buffer.from('a'),
  'an ObjectId': new bson.ObjectId(),
  'a URL': new URL('https://example.org'),
}

const BAD_IDS = {
  'an operator': { $ne: null },
  'an operator in an array': [{ $gt: '' }],
  'a regular expression': /./,
  'an object with a toString': { toString: () => 'kept' },
  'a boxed string': Object('kept'),
  'a Buffer': Buffer.from('kept'),
  'a number': 5,
  nothing: undefined,
  null: null,
  'an empty string': '',
  'a string of 1025 bytes': 'x'.repeat(1025),
  'a string of 1026 bytes': 'é'.repeat(513),
}

async function refusal(promise, code) {
  const error = await promise.then(
    () => assert.fail('it was accepted'),
    (error) => error,
  )
  assert.ok(error instanceof SessionStoreError)
  assert.equal(error.code, code)
  const shown = inspect(error, { depth: 10, showHidden: true })
  assert.ok(!shown.includes(SECRET), shown)
  return error
}

describe('a session is refused', { timeout: 60_000 }, () => {
  for (const [name, [make, path]] of Object.entries(REFUSED)) {
    it(`for ${name}, with the path`, async () => {
      const id = `${SECRET} ${name}`
      const before = store.set(`${name} before`, { n: 1 })
      const refused = store.set(id, Object.assign(make(), { secret: [SECRET] }))
      const after = store.set(`${name} after`, { n: 2 })
      const { message } = await refusal(refused, 'ERR_SESSION_VALUE')
      assert.ok(message.startsWith(path), message)
      assert.match(message, /^data\S+( \S+)+$/s)
      await Promise.all([before, after])
      assert.deepEqual(await store.get(`${name} before`), { n: 1 })
      assert.deepEqual(await store.get(`${name} after`), { n: 2 })
      assert.equal(await database.document(id), null)
    })
  }

  for (const [name, data] of Object.entries(NO_OBJECT)) {
    it(`that is ${name}`, async () => {
      await refusal(store.set(`no object: ${name}`, data), 'ERR_SESSION_VALUE')
      assert.equal(await database.document(`no object: ${name}`), null)
    })
  }

  it('at once, so that the next attempt finds nothing of it', async () => {
    await refusal(store.set('again', cycle()), 'ERR_SESSION_VALUE')
    await store.set('again', { a: [{ b: new Date(1) }] })
    assert.deepEqual(await store.get('again'), { a: [{ b: new Date(1) }] })
  })
})

describe('an id is refused', () => {
  for (const [name, id] of Object.entries(BAD_IDS)) {
    const what = typeof id === 'string' ? 'by set, and unknown to get and destroy' : 'by every call'
    it(`that is ${name}, ${what}`, async () => {
      await store.set('kept', { n: 1 })
      await refusal(store.set(id, { n: 2 }), 'ERR_SESSION_ID')
      if (typeof id === 'string') {
        assert.equal(await store.get(id), undefined)
        assert.equal(await store.destroy(id), undefined)
      } else {
        await refusal(store.get(id), 'ERR_SESSION_ID')
        await refusal(store.destroy(id), 'ERR_SESSION_ID')
      }
      assert.deepEqual(await store.get('kept'), { n: 1 })
    })
  }

  it('by bytes, not by characters', async () => {
    await store.set('é'.repeat(512), { n: 1 })
    assert.deepEqual(await store.get('é'.repeat(512)), { n: 1 })
  })

  it('only then: an id that looks like an operator is an id', async () => {
    for (const id of ['$ne', '{"$gt":""}', 'a.b', '__proto__', 'a\0b', '😀']) {
      await store.set(id, { id })
      assert.deepEqual(await store.get(id), { id })
      await store.destroy(id)
      assert.equal(await store.get(id), undefined)
    }
  })
})

describe('what just fits', { timeout: 300_000 }, () => {
  it('nests 100 deep', async () => {
    for (const session of [nested(101), { ...nested(101), at: new Date(1) }]) {
      await store.set('deep', session)
      assert.deepEqual(await store.get('deep'), session)
    }
  })

  /** A session whose stored document has so many bytes. */
  function sized(id, size, extra = {}) {
    const at = new Date()
    const document = { _id: id, data: { text: '', ...extra }, updatedAt: at, expiresAt: at }
    return { text: 'x'.repeat(size - bson.calculateObjectSize(document)), ...extra }
  }

  it('has 16 MiB, and not a byte more', async () => {
    for (const extra of [{}, { at: new Date(1) }]) {
      const beside = store.set('beside', { n: 1 })
      const tooMuch = store.set('large', sized('large', LIMIT + 1, extra))
      const { message } = await refusal(tooMuch, 'ERR_SESSION_TOO_LARGE')
      assert.match(message, /16 MiB/)
      await beside
    }
    assert.equal(await database.document('large'), null)
    const session = sized('large', LIMIT)
    await store.set('large', session)
    assert.equal(bson.calculateObjectSize(await database.document('large')), LIMIT)
    const [found, beside] = await Promise.all([store.get('large'), store.get('beside')])
    assert.ok(found.text === session.text)
    assert.deepEqual(beside, { n: 1 })
  })

  it('is not made too large by a small change', async () => {
    const request = { ctx: {} }
    await store.set('grows', { a: 1 }, 60_000, request)
    const grown = { ...sized('grows', LIMIT), b: 1 }
    await refusal(store.set('grows', grown, 60_000, request), 'ERR_SESSION_TOO_LARGE')
    await refusal(store.set('grows', { a: 'y'.repeat(600_000_000 / 2) }), 'ERR_SESSION_TOO_LARGE')
    assert.deepEqual(await store.get('grows'), { a: 1 })
  })

  it('shares an object often enough to be too large, and does not hang', async () => {
    let shared = { text: 'x'.repeat(100) }
    for (let level = 0; level < 60; level++) {
      shared = { a: shared, b: shared }
    }
    await refusal(store.set('shared', shared), 'ERR_SESSION_TOO_LARGE')
  })
})
