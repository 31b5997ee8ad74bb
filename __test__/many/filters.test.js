'use strict'

// A filter's values are taken literally: what came with a request is never an operator, and signs
// nobody out whom it does not name.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { ObjectId } = require('bson')
const { useDatabase } = require('../support/database')
const { failure } = require('../support/outcome')

let store
const database = useDatabase({
  setUp: async () => {
    store = database.store()
    await Promise.all(Object.entries(SESSIONS).map(([id, data]) => store.set(id, data)))
  },
})

const user = new ObjectId()
const day = new Date('2026-01-01T00:00:00Z')

const SESSIONS = {
  a: { userInfo: { id: 42, name: 'a' }, roles: ['admin', 'editor'] },
  b: { userInfo: { id: 43, name: '$ne' }, roles: ['editor'], user },
  c: { userInfo: { id: null }, day, pattern: /a+/i },
  d: { other: { $set: 1 }, deep: { a: { b: 1 } } },
}

/** Nothing, and then all. */
function changing() {
  let looks = 0
  return {
    get 'userInfo.id'() {
      looks++
      return looks === 1 ? undefined : 42
    },
  }
}

/** As it comes from JSON, where this is a key like any other. */
const fromJson = (text) => JSON.parse(text)

describe('a filter', { timeout: 60_000 }, () => {
  const found = {
    'a number': [{ 'userInfo.id': 42 }, ['a']],
    'a number of another kind': [{ 'userInfo.id': 42.0 }, ['a']],
    'several paths, all of which count': [{ 'userInfo.id': 42, 'userInfo.name': 'b' }, []],
    'an item of a list': [{ roles: 'editor' }, ['a', 'b']],
    'a whole list': [{ roles: ['editor'] }, ['b']],
    'an ObjectId': [{ user }, ['b']],
    'a date': [{ day }, ['c']],
    'a regular expression, as it is': [{ pattern: /a+/i }, ['c']],
    'an object, as it is': [{ 'deep.a': { b: 1 } }, ['d']],
    'null, where there is null': [{ 'userInfo.id': null }, ['c']],
    'a text that begins with $': [{ 'userInfo.name': '$ne' }, ['b']],
  }
  for (const [name, [filter, ids]] of Object.entries(found)) {
    it(`finds by ${name}`, async () => {
      assert.deepEqual(await store.ids(filter).toArray(), ids)
      assert.equal(await store.length(filter), ids.length)
    })
  }

  const operators = {
    '{ $ne: null }': { $ne: null },
    "{ $gt: '' }": { $gt: '' },
    '{ $exists: true }': { $exists: true },
    '{ $regex }': { $regex: '.*' },
    'an operator within a list': [{ $ne: 1 }],
    'an operator within an object': { a: { b: [{ $gt: '' }] } },
    'an operator from JSON': fromJson('{ "$ne": null }'),
    'an operator that is not there at the first look': {
      get $ne() {
        return null
      },
    },
  }
  for (const [name, value] of Object.entries(operators)) {
    it(`refuses ${name} as a value`, async () => {
      for (const call of [
        () => store.destroyMany({ 'userInfo.id': value }),
        () => store.length({ 'userInfo.id': value }),
        () => store.ids({ 'userInfo.id': value }).toArray(),
      ]) {
        const { code, message } = await failure(call())
        assert.equal(code, 'ERR_OPTIONS')
        assert.match(message, /^the filter's 'userInfo\.id' has a key that begins with \$/)
      }
    })
  }

  const harmless = {
    'a list': ['x'],
    'an empty list': [],
    'an empty object': {},
    'a regular expression': /./,
    'an object with __proto__': fromJson('{ "__proto__": { "id": 42 } }'),
    true: true,
    'an empty text': '',
    NaN: Number.NaN,
  }
  for (const [name, value] of Object.entries(harmless)) {
    it(`with ${name} as a value ends no session`, async () => {
      assert.equal(await store.destroyMany({ 'userInfo.id': value }), 0)
    })
  }

  it('with a path __proto__ ends no session', async () => {
    assert.equal(await store.destroyMany(fromJson('{ "__proto__": 1 }')), 0)
    const inherited = Object.create({ 'userInfo.id': 42 })
    assert.equal((await failure(store.destroyMany(inherited))).code, 'ERR_OPTIONS')
  })

  const refused = {
    'undefined as a value': [{ 'userInfo.id': undefined }, /is undefined, and no session/],
    'a function as a value': [{ 'userInfo.id': () => 1 }, /is a function/],
    'a value that is nothing when it is written': [
      { 'userInfo.id': { toJSON: () => undefined } },
      /and no session/,
    ],
    'a filter that is another at the second look': [changing(), /and no session/],
    'an empty filter': [{}, /a filter that is not empty.*clear\(\) ends all/],
    nothing: [undefined, /a filter that is not empty/],
    null: [null, /has to be an object/],
    'a text': ['userInfo.id', /has to be an object/],
    'a list of filters': [[{ a: 1 }], /has to be an object/],
    'a Map': [new Map([['a', 1]]), /has to be an object.*given was a Map$/],
    'a promise of a filter': [Promise.resolve({ a: 1 }), /has to be an object.*was a Promise$/],
    'an instance of a class': [new (class Own {})(), /has to be an object.*given was an Own$/],
    'a path that begins with $': [{ $where: 'true' }, /names paths.*operators: true/],
    'a path with an operator in it': [{ 'userInfo.$gt': 1 }, /names paths/],
    'an empty path': [{ '': 1 }, /names paths/],
    'a path with an empty key': [{ 'a..b': 1 }, /names paths/],
    'a path with a NUL': [{ 'a\0': 1 }, /names paths/],
    'a joined filter': [{ $or: [{ a: 1 }] }, /operators: true/],
  }
  for (const [name, [filter, words]] of Object.entries(refused)) {
    it(`refuses ${name}`, async () => {
      const { code, message } = await failure(store.destroyMany(filter))
      assert.equal(code, 'ERR_OPTIONS')
      assert.match(message, words)
    })
  }

  const leftOut = {
    'beside another operator': { n: { $exists: true, $eq: undefined } },
    'in one of several filters': { $or: [{ n: 1, zz: undefined }, { n: 7 }] },
    'of what is not to be': { $nor: [{ n: { $gt: undefined } }] },
    'in a list': { n: { $in: [1, undefined] } },
    'that is a function': { n: { $ne: () => 1 } },
    'that is a symbol': { n: { $ne: Symbol('x') } },
    'that is nothing when it is written': { n: { $ne: { toJSON: () => undefined } } },
    'in a Map': { n: new Map([['$ne', undefined]]) },
  }
  for (const [where, filter] of Object.entries(leftOut)) {
    it(`refuses a value that would be left out, ${where}`, async () => {
      for (const call of [
        () => store.destroyMany(filter, { operators: true }),
        () => store.length(filter, { operators: true }),
        () => store.ids(filter, { operators: true }).toArray(),
      ]) {
        const { code, message } = await failure(call())
        assert.equal(code, 'ERR_OPTIONS')
        assert.match(
          message,
          /^filter\.(n\.|\$n?or\[0\]\.)\S+ is .*, and no session can be found by that$/,
        )
      }
    })
  }

  it('refuses a value that would be left out of an object that is meant as it is', async () => {
    const { code, message } = await failure(store.length({ deep: { a: { b: 1, c: undefined } } }))
    assert.equal(code, 'ERR_OPTIONS')
    assert.match(message, /^filter\.deep\.a\.c is undefined/)
  })

  it('that cannot be sent is told of as a filter', async () => {
    const circle = {}
    circle.again = circle
    const unfit = [
      [{ circle }, /^filter\.circle\.again refers back/],
      [{ text: 'x'.repeat(17 * 1024 * 1024) }, /^the filter exceeds 16 MiB$/],
      [{ set: new Set() }, /^filter\.set is a Set/],
    ]
    for (const [filter, words] of unfit) {
      const { code, message } = await failure(store.length(filter))
      assert.equal(code, 'ERR_OPTIONS')
      assert.match(message, words)
    }
  })

  const secret = 'words of the application'
  const fail = () => {
    throw new RangeError(secret)
  }
  const revoked = () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  }
  const throwing = {
    'a filter that is a Proxy which throws': () => [new Proxy({}, { ownKeys: fail })],
    'a filter that is a revoked Proxy': () => [revoked()],
    'a filter with a getter that throws': () => [
      Object.defineProperty({}, 'n', { get: fail, enumerable: true }),
    ],
    'options with a getter that throws': () => [
      { n: 1 },
      Object.defineProperty({}, 'operators', { get: fail }),
    ],
    'options that are a revoked Proxy': () => [{ n: 1 }, revoked()],
  }
  for (const [what, given] of Object.entries(throwing)) {
    it(`says in words of its own that it cannot read ${what}`, async () => {
      for (const call of [
        () => store.destroyMany(...given()),
        () => store.length(...given()),
        () => store.ids(...given()).toArray(),
        () => store.all(...given()).toArray(),
        () => store.watch(...given()).next(),
        () => store.watch(...given()).opened,
      ]) {
        const { code, message, cause } = await failure(call())
        assert.equal(code, 'ERR_OPTIONS')
        assert.match(
          message,
          /^the filter or its options cannot be read: a \w+ was thrown meanwhile$/,
        )
        assert.ok(!message.includes(secret) && cause === undefined)
      }
    })
  }

  it('says so of an exemption, too', async () => {
    const list = new Proxy(['a'], { get: fail })
    for (const options of [
      Object.defineProperty({}, 'except', { get: fail }),
      { except: list },
      { except: revoked() },
    ]) {
      assert.equal((await failure(store.destroyMany({ n: 1 }, options))).code, 'ERR_OPTIONS')
    }
  })

  it('refuses an exemption that names nobody: whoever has no id would end the own session', async () => {
    const filter = { 'userInfo.id': 42 }
    const { code, message } = await failure(store.destroyMany(filter, { except: undefined }))
    assert.equal(code, 'ERR_SESSION_ID')
    assert.match(message, /'except' is undefined.*or leave it out/)
    // biome-ignore lint/suspicious/noSparseArray: what is not there is no id either.
    for (const except of [null, '', ['a', ''], [undefined], [,], [['a']], new Set(['a']), 5]) {
      assert.equal((await failure(store.destroyMany(filter, { except }))).code, 'ERR_SESSION_ID')
    }
  })

  it('takes an exemption from what is a list for others, too', async () => {
    const except = new Proxy(['a'], {})
    assert.equal(await store.destroyMany({ 'userInfo.id': 42 }, { except }), 0)
  })

  it('refuses options that are none', async () => {
    const promise = Promise.resolve({ except: 'a' })
    for (const options of ['operators', 1, [], () => {}, promise, new Map([['except', 'a']])]) {
      for (const call of ['length', 'destroyMany']) {
        const { code } = await failure(store[call]({ 'userInfo.id': 42 }, options))
        assert.equal(code, 'ERR_OPTIONS')
      }
    }
  })

  it('refuses options that it does not know', async () => {
    for (const options of [{ excpet: 'a' }, { operators: 1 }]) {
      const { code } = await failure(store.destroyMany({ 'userInfo.id': 42 }, options))
      assert.equal(code, 'ERR_OPTIONS')
    }
    const { code } = await failure(store.destroyMany({ a: 1 }, { except: [1] }))
    assert.equal(code, 'ERR_SESSION_ID')
  })

  it('has operators where they are asked for', async () => {
    const ids = (filter) => store.ids(filter, { operators: true }).toArray()
    assert.deepEqual(await ids({ 'userInfo.id': { $gte: 42 } }), ['a', 'b'])
    assert.deepEqual(await ids({ $or: [{ 'userInfo.id': 42 }, { day }] }), ['a', 'c'])
    assert.deepEqual(await ids({ $and: [{ roles: 'editor' }, { $nor: [{ roles: 'admin' }] }] }), [
      'b',
    ])
    for (const filter of [
      { $where: 'true' },
      { $expr: {} },
      { $or: [] },
      { $or: [{}] },
      { $or: 1 },
    ]) {
      assert.equal((await failure(ids(filter))).code, 'ERR_OPTIONS')
    }
    for (const filter of [{ $where: 'true' }, { $or: [{ $expr: {} }] }]) {
      const { message } = await failure(ids(filter))
      assert.match(message, /the operators at the top of a filter are \$and, \$or, \$nor$/)
      assert.doesNotMatch(message, /operators: true/)
    }
  })

  it('has ended no session', async () => {
    assert.deepEqual(await store.ids().toArray(), Object.keys(SESSIONS))
  })
})
