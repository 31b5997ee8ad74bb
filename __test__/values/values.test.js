'use strict'

// What is stored is byte for byte what the official `bson` package writes, and what is read is what
// it reads. (Section 7 of the contract.)

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { inspect } = require('node:util')
const bson = require('bson')
const fc = require('fast-check')
const { encode } = require('../../lib/values/values')
const { useDatabase } = require('../support/database')
const {
  deepSession,
  mixedSession,
  officialBytes,
  plainSession,
  readAs,
  sparseSession,
} = require('../support/values')

/** So many at a time, as a busy application does. */
const SESSIONS = 150

let store
const database = useDatabase({
  setUp: () => {
    store = database.store()
  },
})

/** The bytes of the stored sessions, by id. */
async function storedBytes(ids, collection) {
  const found = database.collection(collection).find({ _id: { $in: ids } }, { raw: true })
  const contents = new Map()
  for await (const record of found) {
    const { _id, data } = bson.deserialize(record, { raw: true })
    contents.set(_id, data)
  }
  return contents
}

/**
 * What the official driver stores of these sessions, by id: a server may refuse a value, or store
 * it as another.
 */
async function officiallyStored(ids, sessions, name = 'official') {
  const collection = database.collection(name)
  const inserts = sessions.map((data, index) =>
    collection.replaceOne({ _id: ids[index] }, { data }, { upsert: true, ignoreUndefined: true }),
  )
  await Promise.allSettled(inserts)
  return storedBytes(ids, name)
}

/** The SecantusDB written in Rust puts no value that is a symbol in the place of another. */
async function changeSymbolOfficially() {
  const collection = database.collection('official, symbols')
  await collection.insertOne({ data: { symbol: 1 } })
  await collection.updateOne({}, { $set: { 'data.symbol': new bson.BSONSymbol('a') } })
}

/** Equal in values, prototypes and the order of keys. */
function assertSame(actual, expected) {
  assert.deepStrictEqual(actual, expected)
  const all = { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity }
  assert.equal(inspect(actual, all), inspect(expected, all))
}

const KINDS = {
  plain: plainSession,
  sparse: sparseSession,
  mixed: mixedSession,
  deep: deepSession,
}

describe('the bytes of a session', () => {
  for (const [kind, session] of Object.entries(KINDS)) {
    it(`are those of the official package: ${kind} sessions`, () => {
      const sameBytes = (data) => assert.ok(officialBytes(data).equals(encode(data)))
      fc.assert(fc.property(session, sameBytes), { numRuns: 3000 })
    })
  }
})

describe('sessions that travel together', { timeout: 120_000 }, () => {
  for (const [kind, session] of Object.entries(KINDS)) {
    it(`are stored and read as the official driver does: ${kind} sessions`, async () => {
      const seed = Date.now()
      const sessions = fc.sample(session, { numRuns: SESSIONS, seed })
      const ids = sessions.map((_, index) => `${kind} ${index}`)
      const expected = await officiallyStored(ids, sessions)
      await Promise.allSettled(sessions.map((data, index) => store.set(ids[index], data)))
      const stored = await storedBytes(ids)
      assert.ok(expected.size > SESSIONS / 3)
      assert.deepEqual([...stored.keys()].sort(), [...expected.keys()].sort())
      const found = await Promise.all(ids.map((id) => store.get(id)))
      for (const [index, id] of ids.entries()) {
        const bytes = expected.get(id)
        if (bytes) {
          assert.ok(bytes.equals(stored.get(id)), `seed ${seed}, session ${index}`)
          assertSame(found[index], readAs(bytes))
        }
      }
    })

    it(`come out of a request's changes alike: ${kind} sessions`, async () => {
      const seed = Date.now()
      const before = fc.sample(session, { numRuns: SESSIONS, seed })
      const after = fc.sample(session, { numRuns: SESSIONS, seed: seed + 1 })
      const all = before.map((_, index) => `changed ${kind} ${index}`)
      const stored = await officiallyStored(all, before)
      const expected = await officiallyStored(all, after, 'official, changed')
      const ids = all.filter((id) => stored.has(id) && expected.has(id))
      const at = (sessions, id) => sessions[all.indexOf(id)]
      await Promise.all(ids.map((id) => store.set(id, at(before, id))))
      const requests = ids.map(() => ({ ctx: {} }))
      await Promise.all(ids.map((id, index) => store.get(id, 0, requests[index])))
      const results = await Promise.allSettled(
        ids.map((id, index) => store.set(id, at(after, id), 60_000, requests[index])),
      )
      for (const [index, id] of ids.entries()) {
        const { reason } = results[index]
        if (reason) {
          const both = inspect([at(before, id), at(after, id)], { depth: Infinity })
          assert.match(both, /BSONSymbol/, `seed ${seed}, ${id}: ${reason}`)
          await assert.rejects(changeSymbolOfficially(), { code: reason.mongoCode })
          continue
        }
        assert.deepStrictEqual(await store.get(id), readAs(expected.get(id)), `seed ${seed}, ${id}`)
      }
    })
  }
})

describe('what BSON does not tell apart', () => {
  it('a plain object with a key _bsontype is a plain object', async () => {
    const data = { a: { _bsontype: 'ObjectId', id: 'x' }, b: { _bsontype: 5 }, at: new Date(1) }
    await store.set('bsontype', data)
    assertSame(await store.get('bsontype'), data)
    const root = { _bsontype: 'Binary', sub_type: 0, value: 1 }
    await store.set('bsontype', root)
    assertSame(await store.get('bsontype'), root)
  })

  it('a document that refers to another is a DBRef, beside plain values and others', async () => {
    const data = { $ref: 'app.users', $id: 1, ref: { $ref: 'users', $id: 1 }, no: { $ref: 1 } }
    for (const session of [
      data,
      { ...data, at: new Date(1) },
      { ...data, id: new bson.ObjectId() },
    ]) {
      await store.set('reference', session)
      assertSame(await store.get('reference'), {
        ...session,
        ref: new bson.DBRef('users', 1),
      })
    }
  })

  it('what has a toJSON and no form in BSON is stored as that', async () => {
    const url = new URL('https://example.org/a?b=c')
    const data = { url, list: [url], own: { toJSON: (key) => ({ key, at: new Date(1) }) } }
    await store.set('toJSON', data)
    assertSame(await store.get('toJSON'), {
      url: url.href,
      list: [url.href],
      own: { key: 'own', at: new Date(1) },
    })
  })

  it('what has converters is what the official package or JSON makes of it', async () => {
    class Itself {
      x = 1
      toBSON = () => ({ ...this })
    }
    class Nested {
      constructor(inner) {
        this.inner = inner
      }

      toBSON() {
        return { inner: this.inner }
      }
    }
    const chain = { toBSON: () => ({ toBSON: () => ({ a: 1, toBSON: () => ({ b: 1 }) }) }) }
    const deep = Array.from({ length: 100 }).reduce((inner) => new Nested(inner), 1)
    for (const value of [new Itself(), [new Itself()], chain, deep]) {
      const expected = officialBytes({ value })
      assert.ok(expected.equals(encode({ value })))
    }
    const endless = () => ({ toJSON: endless })
    const url = new URL('https://example.org')
    const converted = {
      more: {
        x: 1,
        toJSON() {
          return { ...this, y: 2 }
        },
      },
      endless: endless(),
      nothing: { toJSON: () => undefined },
      list: [{ toJSON: () => undefined }, { toJSON: () => [url] }],
    }
    await store.set('converted', { converted })
    assertSame(await store.get('converted'), JSON.parse(JSON.stringify({ converted })))
  })

  it('what JSON leaves out is left out', async () => {
    const left = { a: undefined, b() {}, c: Symbol('c'), [Symbol('d')]: 1 }
    const data = { ...left, list: [undefined, () => {}, Symbol('e'), 1], map: new Map([['a']]) }
    await store.set('left out', data)
    assertSame(await store.get('left out'), { list: [null, null, null, 1], map: {} })
  })

  it('boxed values, array buffers and proxies are what they hold', async () => {
    const data = {
      boxed: [Object(1), Object('a'), Object(true), Object(2n)],
      buffer: new Uint8Array([1, 2]).buffer,
      proxy: new Proxy({ a: [new Date(1)] }, {}),
    }
    await store.set('inside', data)
    assertSame(await store.get('inside'), {
      boxed: [1, 'a', true, 2],
      buffer: Buffer.from([1, 2]),
      proxy: { a: [new Date(1)] },
    })
  })
})

describe('a few values that JSON has no form for', () => {
  it('are where they were, whatever the keys', async () => {
    const at = new Date(1)
    const text =
      '{"b":{"__proto__":{"at":0,"__proto__":0}},"a":[[],{"10":0,"0":0,"length":0}],"":{"":0}}'
    const data = JSON.parse(text, (_key, value) => (value === 0 ? at : value))
    Object.assign(data.a[1], { 0: new bson.ObjectId(), length: -0 })
    data.a[0].push(Buffer.from('a'), 1, [NaN])
    data.text = 'x'.repeat(2000)
    await store.set('few', data)
    assertSame(await store.get('few'), data)
    assert.equal(Object.hasOwn(Object.prototype, 'at'), false)
  })

  it('may be a document that refers to another, or code with its scope', async () => {
    const id = new bson.ObjectId()
    const bytes = { buffer: Buffer.from('a'), binary: new bson.Binary(Buffer.from('b'), 128) }
    const reference = new bson.DBRef('users', id, 'db', { at: new Date(1), ...bytes })
    const code = new bson.Code('f()', { at: new Date(1), list: [id, bytes] })
    for (const padding of [0, 2000]) {
      const data = { list: [reference, { code }], text: 'x'.repeat(padding) }
      await store.set('documents', data)
      const found = await store.get('documents')
      assertSame(found, readAs(officialBytes(data)))
      assert.ok(Buffer.isBuffer(found.list[0].fields.buffer))
      assert.ok(Buffer.isBuffer(found.list[1].code.scope.list[1].buffer))
    }
  })

  it('may be regular expressions, also such as JavaScript has not', async () => {
    const foreign = {
      set: new bson.BSONRegExp('[z--a]'),
      other: new bson.BSONRegExp('(?i)abc', 'x'),
    }
    for (const padding of [0, 2000]) {
      const data = { own: /a/gi, set: /[z--a]/v, other: foreign.other, text: 'x'.repeat(padding) }
      await store.set('expressions', data)
      const found = await store.get('expressions')
      assertSame(found, { ...data, ...foreign })
      assert.ok(officialBytes(data).equals(encode(found)))
    }
  })

  it('are compared with what was read as exactly as others', async () => {
    const stored = { long: bson.Long.fromBigInt(2n ** 60n), zero: -0, at: new Date(1), n: 1 }
    await store.set('exact', { ...stored, text: 'x'.repeat(2000) })
    const request = { ctx: {} }
    const session = await store.get('exact', 0, request)
    const other = { ctx: {} }
    await store.get('exact', 0, other)
    await store.set('exact', { ...session, zero: 0, at: new Date(2) }, 60_000, request)
    await store.set('exact', { ...session, n: 2 }, 60_000, other)
    assertSame(await store.get('exact'), { ...session, zero: 0, at: new Date(2), n: 2 })
  })
})

describe('a session that was read', () => {
  it('shares no bytes with what its next write is compared with', async () => {
    const request = { ctx: {} }
    const buffer = () => Buffer.from('ab')
    const binary = () => new bson.Binary(buffer(), 128)
    await store.set('bytes', {
      buffer: buffer(),
      binary: binary(),
      uuid: new bson.UUID('00000000-0000-4000-8000-000000000000'),
      reference: new bson.DBRef('users', buffer(), 'db', { list: [binary()] }),
      code: new bson.Code('f()', { buffer: buffer(), inner: { binary: binary() } }),
    })
    const session = await store.get('bytes', 0, request)
    const { reference, code } = session
    const buffers = [session.buffer, reference.oid, code.scope.buffer]
    const binaries = [session.binary, session.uuid, reference.fields.list[0]]
    binaries.push(code.scope.inner.binary)
    for (const bytes of [...buffers, ...binaries.map((binary) => binary.buffer)]) bytes[1] = 0x7a
    await store.set('bytes', session, 60_000, request)
    assertSame(await store.get('bytes'), session)
  })
})
