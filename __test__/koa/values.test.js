'use strict'

// What a request puts into its session is what the next one finds, and what any other client of the
// database sees: plain sessions, and those with values that JSON has no form for.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { ObjectId } = require('bson')
const { Visitor, startApp, versions } = require('../support/app')
const { useDatabase } = require('../support/database')

let store
const database = useDatabase({
  setUp: () => {
    store = database.store()
  },
})

/** An object with a key `__proto__` of its own. */
const withProto = () => JSON.parse('{ "__proto__": { "admin": true }, "after": 1 }')

const PLAIN = {
  'a nested value': () => ({ a: { b: [{ c: [] }, {}, [[null]]] } }),
  'numbers of every kind': () => [
    0,
    1,
    -1,
    2 ** 31,
    -(2 ** 31) - 1,
    2 ** 53 - 1,
    1.5,
    1e300,
    5e-324,
  ],
  'any Unicode': () => ({ 'ключ 🔑': 'значение\u0000\u2028\u{10ffff}é"\\/' }),
  'an empty string and null': () => ({ empty: '', nothing: null, no: false }),
  'keys with dots and dollars': () => ({ 'a.b': 1, $where: 2, '': 3, constructor: 4, length: 5 }),
  'a key __proto__': withProto,
}

const MIXED = {
  'a Date': () => new Date('2001-02-03T04:05:06.789Z'),
  'a Buffer': () => Buffer.from([0, 1, 254, 255]),
  'an ObjectId': () => new ObjectId('0123456789abcdef01234567'),
  'numbers without a JSON form': () => [Number.NaN, Infinity, -Infinity, -0],
  'nested dates and ids': () => ({ a: [{ at: new Date(0), id: new ObjectId() }, null] }),
  'a key __proto__ beside a Date': () => Object.assign(withProto(), { at: new Date(1) }),
}

const VALUES = { ...PLAIN, ...MIXED }

/** The session as the official driver reads it. */
async function stored(id) {
  const options = { promoteBuffers: true }
  const document = await database.document(id, undefined, options)
  return document.data
}

for (const version of versions) {
  describe(`the next request, with ${version.name}`, { timeout: 60_000 }, () => {
    for (const [name, make] of Object.entries(VALUES)) {
      it(`finds ${name}`, async (t) => {
        const visitor = new Visitor(await startApp(t, version, { store }))
        const value = make()
        await visitor.change({ value })
        assert.deepEqual(await visitor.read(), { value })
        assert.deepEqual((await stored(visitor.id)).value, value)

        // Written once more beside another value, then changed into something else.
        await visitor.change({ beside: new Date(7) })
        assert.deepEqual(await visitor.read(), { value, beside: new Date(7) })
        await visitor.change({ value: 'plain' })
        assert.deepEqual(await visitor.read(), { value: 'plain', beside: new Date(7) })
      })
    }

    it('finds all of them in one session', async (t) => {
      const visitor = new Visitor(await startApp(t, version, { store }))
      const values = Object.fromEntries(
        Object.entries(VALUES).map(([name, make]) => [name, make()]),
      )
      await visitor.change(values)
      const found = await visitor.read()
      assert.deepEqual(found, values)
      assert.deepEqual(Object.keys(found), Object.keys(values))
      assert.ok(found['an ObjectId'] instanceof ObjectId)
      assert.ok(Buffer.isBuffer(found['a Buffer']))
    })

    it('finds nothing where a value was undefined or a function', async (t) => {
      const visitor = new Visitor(await startApp(t, version, { store }))
      await visitor.change({ kept: { a: undefined, b() {}, c: 1 } })
      assert.deepEqual(await visitor.read(), { kept: { c: 1 } })
    })
  })
}

describe('a session written directly', { timeout: 60_000 }, () => {
  for (const [name, make] of Object.entries(VALUES)) {
    it(`keeps ${name}, as a value and as a session`, async () => {
      const value = make()
      await store.set(name, { value })
      assert.deepEqual(await store.get(name), { value })
      assert.deepEqual((await stored(name)).value, value)
      if (Object.getPrototypeOf(value) === Object.prototype) {
        await store.set(name, value)
        const found = await store.get(name)
        assert.deepEqual(found, value)
        assert.deepEqual(Object.keys(found), Object.keys(value))
        assert.deepEqual(await stored(name), value)
      }
    })
  }

  it('keeps a key __proto__ that a request changes', async () => {
    const request = { ctx: {} }
    await store.set('proto', withProto())
    const session = await store.get('proto', undefined, request)
    Object.defineProperty(session, '__proto__', { value: { admin: false } })
    await store.set('proto', session, 1000, request)
    const found = await store.get('proto')
    assert.deepEqual(Object.getOwnPropertyDescriptor(found, '__proto__').value, { admin: false })
    assert.equal(Object.getPrototypeOf(found), Object.prototype)
    assert.equal(found.admin, undefined)
  })

  it('is what it was when set was called', async () => {
    const session = { list: [1], at: new Date(5) }
    const written = store.set('snapshot', session)
    session.list.push(2)
    session.at.setTime(6)
    await written
    assert.deepEqual(await store.get('snapshot'), { list: [1], at: new Date(5) })
  })

  it('is not shared between those who read it at once', async () => {
    await store.set('shared', { list: [1] })
    const [a, b] = await Promise.all([store.get('shared'), store.get('shared')])
    a.list.push(2)
    assert.deepEqual(b, { list: [1] })
  })
})
