'use strict'

// Whatever somebody else put into the collection gives a session, undefined or a clear error, and
// never disturbs the sessions that are read together with it.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const bson = require('bson')
const fc = require('fast-check')
const { MongoClient } = require('mongodb')
const { SessionStore, SessionStoreError } = require('../..')
const { useDatabase } = require('../support/database')
const { MALFORMED, startMangler } = require('../support/malformed')
const { mixedSession, readAs } = require('../support/values')

const LATER = new Date(Date.now() + 3_600_000)
const EARLIER = new Date(Date.now() - 3_600_000)

const ID = new bson.ObjectId('0123456789abcdef01234567')

let store
let client
const database = useDatabase({
  setUp: () => {
    store = database.store()
    client = new MongoClient(database.uri)
  },
  tearDown: () => client.close(),
})

/** What each document has beside its id, and what `get` gives of it. */
const DOCUMENTS = {
  'no data': [{}, undefined],
  'data that is null': [{ data: null }, undefined],
  'data that is a string': [{ data: '{"a":1}' }, undefined],
  'data that is a number': [{ data: 5 }, undefined],
  'data that is an array': [{ data: [{ a: 1 }] }, undefined],
  'data that is a date': [{ data: new Date() }, undefined],
  'data that is binary': [{ data: Buffer.from('a') }, undefined],
  'empty data': [{ data: {} }, {}],
  'no dates': [{ data: { a: 1 } }, { a: 1 }],
  'dates that are null': [{ data: { a: 1 }, expiresAt: null, updatedAt: null }, { a: 1 }],
  'dates that are numbers': [{ data: { a: 1 }, expiresAt: 1, updatedAt: 1 }, { a: 1 }],
  'dates that are strings': [{ data: { a: 1 }, expiresAt: '1970', updatedAt: 'x' }, { a: 1 }],
  'dates that are documents': [{ data: { a: 1 }, expiresAt: {}, updatedAt: [] }, { a: 1 }],
  'a timestamp': [{ data: { a: 1 }, expiresAt: new bson.Timestamp({ t: 1, i: 1 }) }, { a: 1 }],
  'an end that has passed': [{ data: { a: 1 }, expiresAt: EARLIER }, undefined],
  'an end before 1970': [{ data: { a: 1 }, expiresAt: new Date(-1) }, undefined],
  'the last date of all': [{ data: { a: 1 }, expiresAt: new Date(8.64e15) }, { a: 1 }],
  'more fields': [{ more: { data: 1 }, data: { a: 1 }, expiresAt: LATER, __v: 0 }, { a: 1 }],
  'fields in another order': [{ expiresAt: LATER, data: { a: 1 } }, { a: 1 }],
  'numbers of every class': [
    {
      data: {
        double: new bson.Double(5),
        long: bson.Long.fromNumber(5),
        large: bson.Long.fromBigInt(2n ** 53n),
        larger: bson.Long.fromBigInt(2n ** 53n + 1n),
        int: new bson.Int32(5),
      },
    },
    { double: 5, long: 5, large: 2 ** 53, larger: bson.Long.fromBigInt(2n ** 53n + 1n), int: 5 },
  ],
  'a regular expression that JavaScript has not': [
    { data: { a: new bson.BSONRegExp('(?#', 'x') } },
    { a: new bson.BSONRegExp('(?#', 'x') },
  ],
  'a symbol': [{ data: { a: [new bson.BSONSymbol('x')] } }, { a: ['x'] }],
  'a reference at the top': [
    { data: { $ref: 'users', $id: 1, at: new Date(1) } },
    { $ref: 'users', $id: 1, at: new Date(1) },
  ],
  'a reference with a dot at the top': [
    { data: { $ref: 'app.users', $id: ID, at: new Date(1) } },
    { $ref: 'app.users', $id: ID, at: new Date(1) },
  ],
}

/** A store that sees malformed documents. */
async function mangledStore(t) {
  const mangler = await startMangler(client.options.hosts[0])
  const connection = new URL(database.uri)
  connection.hostname = '127.0.0.1'
  connection.port = String(mangler.address().port)
  connection.searchParams.delete('replicaSet')
  connection.searchParams.set('directConnection', 'true')
  const mangled = new SessionStore({ ...database.options, connection: connection.href })
  t.after(async () => {
    await mangled.close()
    mangler.close()
  })
  return mangled
}

/** Inserts what the server takes: some refuse a date or a class. Gives the ids of those. */
async function insert(documents) {
  const inserts = documents.map((document) =>
    database.collection().insertOne(document, { ignoreUndefined: true }),
  )
  const settled = await Promise.allSettled(inserts)
  const taken = settled.filter(({ status }) => status === 'fulfilled')
  return taken.map(({ value }) => value.insertedId)
}

/** Reads these and as many good sessions at once; gives what became of these. */
async function getAmongGoodOnes(ids, reader = store) {
  const good = ids.map((_, index) => `good ${index}`)
  await Promise.all(good.map((id) => store.set(id, { id })))
  const mixed = ids.flatMap((id, index) => [reader.get(good[index]), reader.get(id)])
  const settled = await Promise.allSettled(mixed)
  for (const [index, id] of good.entries()) {
    assert.deepEqual(settled[2 * index], { status: 'fulfilled', value: { id } })
  }
  return settled.filter((_, index) => index % 2 === 1)
}

function assertGives({ status, value, reason }, expected, what) {
  if (expected === SessionStoreError) {
    assert.ok(reason instanceof SessionStoreError, `${what}: ${status}`)
    assert.equal(reason.code, 'ERR_SESSION_VALUE')
    assert.equal(reason.message, 'the stored session is malformed')
  } else {
    assert.equal(reason, undefined, what)
    // Two dates that are invalid are never equal.
    for (const [key, item] of Object.entries(value ?? {})) {
      if (item instanceof Date && Number.isNaN(item.getTime())) value[key] = 'Invalid Date'
    }
    assert.deepStrictEqual(value, expected, what)
  }
}

describe('a foreign document', { timeout: 120_000 }, () => {
  it('gives a session, undefined or a clear error, among others that are read', async () => {
    const all = Object.entries(DOCUMENTS).map(([_id, [document]]) => ({ _id, ...document }))
    const ids = await insert(all)
    assert.ok(ids.length > all.length - 3)
    const settled = await getAmongGoodOnes(ids)
    for (const [index, id] of ids.entries()) {
      assertGives(settled[index], DOCUMENTS[id][1], id)
    }
  })

  it('may be malformed in any way, which is no harm to those in the same batch', async (t) => {
    const mangled = await mangledStore(t)
    const ids = Object.keys(MALFORMED)
    const documents = ids.map((_id) => ({ _id, ...MALFORMED[_id].document }))
    await database.collection().insertMany(documents)
    const alone = await Promise.allSettled(ids.map((id) => mangled.get(id)))
    for (const settled of [alone, await getAmongGoodOnes(ids, mangled)]) {
      for (const [index, id] of ids.entries()) {
        assertGives(settled[index], MALFORMED[id].gives, id)
      }
    }
    await Promise.all(ids.slice(0, -1).map((id) => mangled.set(id, { id })))
    const found = await Promise.all(ids.slice(0, -1).map((id) => mangled.get(id)))
    assert.deepEqual(
      found,
      ids.slice(0, -1).map((id) => ({ id })),
    )
  })

  it('is read as the official package reads it, whatever is in it', async () => {
    const sessions = fc.sample(mixedSession, 150)
    const ids = await insert(sessions.map((data, index) => ({ _id: `any ${index}`, data })))
    assert.ok(ids.length > 50)
    const found = database.collection().find({ _id: { $in: ids } }, { raw: true })
    const stored = await found.toArray()
    const records = stored.map((record) => bson.deserialize(record, { raw: true }))
    const settled = await getAmongGoodOnes(records.map(({ _id }) => _id))
    for (const [index, { _id, data }] of records.entries()) {
      assertGives(settled[index], readAs(data), _id)
    }
  })

  it('may nest as deep as the server allows', async () => {
    for (const depth of [100, 101, 102, 120, 150, 170]) {
      for (const innermost of [1, new Date(1)]) {
        let data = { a: innermost }
        for (let level = 1; level < depth; level++) {
          data = level % 2 === 0 ? { a: data } : { a: [data] }
        }
        const stored = await database
          .collection()
          .replaceOne({ _id: 'deep' }, { data }, { upsert: true })
          .catch(() => false)
        if (!stored) break
        const [settled] = await getAmongGoodOnes(['deep'])
        assertGives(settled, data, `depth ${depth}`)
      }
    }
  })

  it('may have 16 MiB', async () => {
    const data = { text: 'x'.repeat(16 * 1024 * 1024 - 50) }
    await database.collection().insertOne({ _id: 'large', data })
    await database.collection().insertOne({ _id: 'large too', data: { ...data, text: data.text } })
    const [large, other] = await getAmongGoodOnes(['large', 'large too'])
    assert.ok(large.value.text === data.text && other.value.text === data.text)
    const request = { ctx: {} }
    const session = await store.get('large', 0, request)
    const more = store.set('large', { ...session, more: 'y'.repeat(100) }, 60_000, request)
    await assert.rejects(more, { code: 'ERR_SESSION_TOO_LARGE' })
    await store.destroy('large')
    await store.destroy('large too')
  })

  it('may have an id that is no string, which no session has', async () => {
    const ids = [5, null, true, new Date(1), new bson.ObjectId('0123456789abcdef01234567')]
    await database.collection().insertMany(ids.map((_id) => ({ _id, data: { a: 1 } })))
    for (const id of ['5', 'null', 'true', '0123456789abcdef01234567']) {
      assert.equal(await store.get(id), undefined)
    }
  })
})

describe('a request that changes a foreign session', () => {
  it('leaves alone what it did not change', async () => {
    const data = {
      long: bson.Long.fromBigInt(2n ** 53n),
      list: [new bson.Double(1), bson.Long.fromNumber(2)],
      keys: new Map([
        ['b', 1],
        ['10', { a: [new Map(Object.entries({ a: 1, 0: bson.Long.fromNumber(2) }).reverse())] }],
        ['2', 3],
      ]),
      // SecantusDB does not take a symbol out of a document, as encrypting it does.
      ...(!database.isSealed && { symbol: new bson.BSONSymbol('x') }),
      expression: new bson.BSONRegExp('a', 'ims'),
      unreadable: new bson.BSONRegExp('(?i)a', 'x'),
      scope: new bson.Code('f()', { a: new bson.Double(1) }),
      changed: 1,
    }
    await database.collection().insertOne({ _id: 'partly', data })
    const expected = await database.sessionBytes('partly')
    expected.writeInt32LE(2, expected.indexOf('changed\0') + 'changed\0'.length)
    const request = { ctx: {} }
    const session = await store.get('partly', 0, request)
    await store.set('partly', { ...session, changed: 2 }, 60_000, request)
    assert.equal((await database.sessionBytes('partly')).toString('hex'), expected.toString('hex'))
  })

  // What the proxy makes of a document is not what is stored: a swap, which encrypting is, finds that.
  const skip = process.env.SEALED !== undefined
  it('leaves alone what JavaScript cannot write', { skip }, async (t) => {
    const mangled = await mangledStore(t)
    for (const name of ['a nested key twice', 'undefined', 'undefined among items']) {
      const { data } = MALFORMED[name].document
      await database.collection().insertOne({ _id: `partly ${name}`, data })
      const request = { ctx: {} }
      const session = await mangled.get(`partly ${name}`, 0, request)
      await mangled.set(`partly ${name}`, { ...session, n: 2 }, 60_000, request)
      const stored = await database.document(`partly ${name}`)
      assert.deepEqual(stored.data, { ...data, n: 2 }, name)
    }
  })

  it('finds its changes refused where data is no longer a document', async () => {
    const request = { ctx: {} }
    await store.set('spoilt', { a: 1 }, 60_000, request)
    await database.collection().updateOne({ _id: 'spoilt' }, { $set: { data: 'text' } })
    const beside = store.set('beside', { n: 1 }, 60_000)
    await assert.rejects(store.set('spoilt', { a: 2 }, 60_000, request), SessionStoreError)
    await beside
    assert.equal(await store.get('spoilt'), undefined)
    await store.set('spoilt', { a: 3 })
    assert.deepEqual(await store.get('spoilt'), { a: 3 })
  })
})
