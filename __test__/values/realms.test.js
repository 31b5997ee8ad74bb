'use strict'

// Values from another realm are the values they are, and the package works where it is itself loaded
// in one, as test runners do. (Section 7 of the contract.)

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { inspect } = require('node:util')
const bson = require('bson')
const { encode } = require('../../lib/values/values')
const { DRIVERS, MONGOOSES, classesOf, valuesOf } = require('../support/bsons')
const { useDatabase } = require('../support/database')
const { Realm } = require('../support/realm')

let store
const database = useDatabase({
  setUp: () => {
    store = database.store()
  },
})

const realm = new Realm()

/** What each is in either realm, as source text. */
const VALUES = {
  'a plain object': '({ a: 1, b: { c: [] } })',
  'an object without a prototype': 'Object.assign(Object.create(null), { a: 1 })',
  'an object with a key _bsontype': "({ a: { _bsontype: 'ObjectId', id: 'x' }, b: 1 })",
  'an object with a key __proto__': `JSON.parse('{ "__proto__": { "a": 1 }, "b": 1 }')`,
  'an array': '[1, [2, null], undefined, () => {}]',
  'a Date': 'new Date(5)',
  'an invalid Date': 'new Date(NaN)',
  'a regular expression': '/a.b/gi',
  'a Map': "new Map([['a', new Date(1)], ['b', new Map()]])",
  'a Uint8Array': 'new Uint8Array([1, 2, 3])',
  'a part of a Uint8Array': 'new Uint8Array([1, 2, 3]).subarray(1)',
  'an ArrayBuffer': 'new Uint8Array([1, 2, 3]).buffer',
  'a SharedArrayBuffer': 'new SharedArrayBuffer(3)',
  'a Buffer': "Buffer.from('abc')",
  'boxed values': "[Object(1), Object('a'), Object(true), Object(2n)]",
  'an error': "Object.assign(new Error('not shown'), { code: 5 })",
  'an instance of a class': 'new (class Point { x = 1; y = new Date(2) })()',
  'an instance with a toJSON': 'new (class { toJSON() { return { at: new Date(3) } } })()',
  'an instance with a toBSON': 'new (class { toBSON() { return [new Date(3)] } })()',
  'a subclass of a Map': "new (class More extends Map {})([['a', 1]])",
  'a subclass of a Date': 'new (class Moment extends Date {})(5)',
  'a Proxy of an object': 'new Proxy({ a: [new Date(1)] }, {})',
  'a Proxy of an array': 'new Proxy([new Date(1)], {})',
  arguments: '(function () { return arguments })(1, 2)',
}

const REFUSED = {
  'a Set': ['new Set([1])', 'is a Set'],
  'a WeakMap': ['new WeakMap()', 'is a WeakMap'],
  'a WeakSet': ['new WeakSet()', 'is a WeakSet'],
  'a WeakRef': ['new WeakRef({})', 'is a WeakRef'],
  'a FinalizationRegistry': ['new FinalizationRegistry(() => {})', 'is a FinalizationRegistry'],
  'a Promise': ['Promise.resolve()', 'is a Promise'],
  'a generator': ['(function* () {})()', 'is a Generator'],
  'a Float64Array': ['new Float64Array(1)', 'is a Float64Array'],
  'a DataView': ['new DataView(new ArrayBuffer(1))', 'is a DataView'],
  'an iterator of a Map': ['new Map().keys()', 'is a Map Iterator'],
  'a Proxy of a Set': ['new Proxy(new Set(), {})', 'is a Set'],
  'a Proxy of a Map': ['new Proxy(new Map(), {})', 'a'],
  'a Proxy of a Date': ['new Proxy(new Date(), {})', 'a'],
  'a Proxy of a regular expression': ['new Proxy(/a/, {})', 'a'],
  'a Proxy of a Uint8Array': ['new Proxy(new Uint8Array(1), {})', 'a'],
  'a Proxy of an ArrayBuffer': ['new Proxy(new ArrayBuffer(1), {})', 'a'],
  'what inherits from a Date': ['Object.create(new Date())', 'a'],
  'a Set without a prototype': ['Object.setPrototypeOf(new Set(), null)', 'a'],
  'a cycle': ['(() => { const a = {}; a.a = [a]; return a })()', 'refers back'],
}

describe('a key of another realm', { timeout: 60_000 }, () => {
  const bytes = 'new Uint8Array(32).fill(107)'

  it('is the key that it is', async () => {
    const [ours, theirs] = [Buffer.alloc(32, 107), realm.run(bytes)].map((key) =>
      database.store({ collection: 'keys', encryption: { keys: [key] }, hashIds: { key } }),
    )
    await theirs.set('id', { a: 1 })
    assert.deepEqual(await ours.get('id'), { a: 1 })
  })

  it('may be in a list and an object of that realm', async () => {
    const options = realm.run(`{ encryption: { keys: [${bytes}] }, hashIds: { key: ${bytes} } }`)
    const theirs = database.store({ collection: 'keys', ...options })
    assert.deepEqual(await theirs.get('id'), { a: 1 })
  })

  it('that is of another kind is refused', () => {
    for (const text of [
      'new Uint16Array(32)',
      'new DataView(new ArrayBuffer(32))',
      'new ArrayBuffer(32)',
    ]) {
      const given = { encryption: { keys: [realm.run(text)] } }
      assert.throws(() => database.store(given), { code: 'ERR_OPTIONS' })
    }
  })
})

describe('a value of another realm', { timeout: 60_000 }, () => {
  for (const [name, text] of Object.entries(VALUES)) {
    it(`is stored and read as one of this realm: ${name}`, async () => {
      const [theirs, ours] = [realm.run(text), new Function(`return (${text})`)()]
      assert.ok(encode({ value: theirs }).equals(encode({ value: ours })))
      const id = `stored: ${name}`
      await store.set(id, { value: theirs })
      const found = await store.get(id)
      await store.set(id, { value: ours })
      assert.equal(inspect(found), inspect(await store.get(id)))
    })
  }

  it('may be the session', async () => {
    await store.set('whole', realm.run("({ at: new Date(1), list: [new Map([['a', /b/i]])] })"))
    assert.deepStrictEqual(await store.get('whole'), { at: new Date(1), list: [{ a: /b/i }] })
  })

  it('is compared with what was read as one of this realm', async () => {
    const request = { ctx: realm.run('({})') }
    const text = '({ at: new Date(1), bytes: new Uint8Array([1]), a: [1] })'
    await store.set('compared', realm.run(text))
    await store.get('compared', 1000, request)
    const other = { at: new Date(2), bytes: Buffer.from([2]), a: [2] }
    await store.set('compared', other)
    // Nothing changed by this request, but one key.
    await store.set('compared', { ...realm.run(text), a: realm.run('[3]') }, 60_000, request)
    assert.deepStrictEqual(await store.get('compared'), { ...other, a: [3] })
  })

  for (const [name, [text, problem]] of Object.entries(REFUSED)) {
    it(`is refused as one of this realm is: ${name}`, async () => {
      const here = new Function(`return (${text})`)()
      for (const value of [realm.run(text), here]) {
        const { code, message } = await store.set('x', { value: [value] }).then(
          () => assert.fail('it was accepted'),
          (error) => error,
        )
        assert.equal(code, 'ERR_SESSION_VALUE')
        assert.ok(message.startsWith('data.value[0]') && message.includes(problem), message)
      }
    })
  }

  it('may throw anything', async () => {
    const data = realm.run("({ get a() { throw new TypeError('do-not-show') } })")
    await assert.rejects(store.set('throws', data), {
      code: 'ERR_SESSION_VALUE',
      message: 'data.a cannot be read: it threw a TypeError',
    })
  })

  for (const name of ['bson-4', 'bson-5', 'bson-6', 'bson']) {
    it(`may be of a class of ${name} that is loaded there`, async () => {
      const theirs = realm.require(name)
      const values = valuesOf(theirs)
      assert.ok(encode({ values }).equals(encode({ values: valuesOf(bson) })))
      const own = database.store({ bson: theirs })
      await own.set('classes', values)
      const found = await own.get('classes')
      for (const [kind, value] of Object.entries(values)) {
        assert.equal(found[kind].constructor, value.constructor)
      }
    })
  }
})

const REALMS = {
  "like that of Jest's jsdom environment": {},
  "like that of Jest's Node environment": { shared: ['ArrayBuffer', 'Uint8Array'] },
  'with the bson package of another': { foreign: ['bson'] },
}

for (const [kind, options] of Object.entries(REALMS)) {
  describe(`the package, loaded in a realm ${kind}`, { timeout: 60_000 }, () => {
    const there = new Realm(options)

    function openStore(t, more) {
      const { SessionStore } = there.package
      const own = new SessionStore({ ...database.options, ...more })
      t.after(() => own.close())
      return own
    }

    for (const [name, text] of Object.entries(VALUES)) {
      it(`stores and reads ${name}, of that realm or of this`, async (t) => {
        const own = openStore(t)
        const [theirs, ours] = [there.run(text), new Function(`return (${text})`)()]
        // Alone a value crosses as bytes, beside much else as text.
        for (const padding of ['', 'x'.repeat(2000)]) {
          for (const value of [theirs, ours]) {
            await own.set('in a realm', { value, padding })
            await store.set('here', { value: ours, padding })
            const found = await own.get('in a realm')
            assert.equal(inspect(found), inspect(await store.get('here')))
          }
        }
      })
    }

    it('reads plain binary data as a Buffer, wherever it is', async (t) => {
      const own = openStore(t)
      const { Code, DBRef, ObjectId } = bson
      const bytes = Buffer.from('abc')
      await own.set('bytes', {
        bytes,
        list: [{ bytes }],
        reference: new DBRef('users', new ObjectId(), 'db', { bytes }),
        code: new Code('f()', { bytes }),
      })
      const { list, reference, code, ...found } = await own.get('bytes')
      for (const each of [found, list[0], reference.fields, code.scope]) {
        assert.ok(Buffer.isBuffer(each.bytes))
        assert.ok(each.bytes.equals(bytes))
      }
    })

    it('tells what failed by its own errors', async (t) => {
      const own = openStore(t)
      const { SessionStoreError } = there.package
      const failing = [
        [() => own.set('x', { a: there.run('new Set()') }), 'ERR_SESSION_VALUE'],
        [() => own.set('x', { a: new Set() }), 'ERR_SESSION_VALUE'],
        [() => own.set('x', {}, 'soon'), 'ERR_SESSION_VALUE'],
        [() => own.set('x', { a: 'x'.repeat(17 * 1024 * 1024) }), 'ERR_SESSION_TOO_LARGE'],
        [() => own.get(5), 'ERR_SESSION_ID'],
      ]
      for (const [call, code] of failing) {
        const error = await call().catch((error) => error)
        assert.ok(error instanceof SessionStoreError)
        assert.equal(error.code, code)
      }
      assert.throws(() => new there.package({ connection: 'http://localhost' }), SessionStoreError)
    })

    it('knows what a request read, and announces what it did', async (t) => {
      const own = openStore(t)
      const events = []
      for (const event of ['create', 'update', 'dropped', 'destroy']) {
        own.on(event, (id) => events.push(`${event} ${id}`))
      }
      const request = { ctx: there.run('({})') }
      await own.set('request', { a: 1 })
      const session = await own.get('request', 1000, request)
      await own.set('request', { ...session, b: there.run('new Date(1)') }, 60_000, request)
      await own.destroy('request')
      await own.set('request', { ...session, b: 2 }, 60_000, request)
      assert.equal(await own.get('request'), undefined)
      assert.deepEqual(events, [
        'create request',
        'update request',
        'destroy request',
        'dropped request',
      ])
    })

    it('takes a Mongoose and a driver of either realm', async (t) => {
      const mongoose = require(MONGOOSES[2])
      const { MongoClient, ObjectId } = require(DRIVERS[2])
      const connection = mongoose.createConnection(database.uri, { dbName: database.name })
      const client = new MongoClient(database.uri)
      t.after(() => Promise.all([connection.close(), client.close()]))
      const ids = [new mongoose.Types.ObjectId(), new ObjectId()]
      for (const [index, given] of [connection, client].entries()) {
        const own = openStore(t, { connection: given })
        await own.set('theirs', { id: ids[index] })
        assert.ok((await own.get('theirs')).id instanceof ids[index].constructor)
      }
    })

    it('takes a driver that is loaded there', async (t) => {
      const driver = there.require(DRIVERS[1])
      const client = new driver.MongoClient(database.uri)
      const own = openStore(t, { connection: client })
      const values = valuesOf(driver)
      await own.set('theirs', values)
      const found = await own.get('theirs')
      const classes = classesOf(driver)
      for (const name of Object.keys(values)) assert.equal(found[name].constructor, classes[name])
    })
  })
}
