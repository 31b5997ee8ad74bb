'use strict'

// What is stored of an encrypted session: who reads the database sees names, and no values.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const bson = require('bson')
const fc = require('fast-check')
const { useDatabase } = require('../support/database')
const { PLAIN, SUBTYPE, isSealed, openSession } = require('../support/sealed-format')
const { mixedSession } = require('../support/values')

const KEYS = ['an encryption key of more than thirty-two bytes']
const MAX_AGE = 60_000

let store
let plain
const database = useDatabase({
  setUp: () => {
    store = database.store({ encryption: { keys: KEYS } })
    plain = database.store({ encryption: undefined })
  },
})

const SESSION = {
  user: { name: 'Ann Example', roles: ['admin'] },
  views: 7,
  at: new Date(1_700_000_000_000),
  nothing: null,
  _expire: 1_800_000_000_000,
  _maxAge: 3_600_000,
}

async function change(id, changes) {
  const request = { ctx: {} }
  const session = await store.get(id, undefined, request)
  await store.set(id, { ...session, ...changes }, MAX_AGE, request)
}

async function stored(id) {
  return (await database.collection().findOne({ _id: id })).data
}

describe('of an encrypted session', { timeout: 60_000 }, () => {
  it('the database shows the names of its keys, their order and koa-session’s own', async () => {
    await store.set('shown', SESSION, MAX_AGE)
    const data = await stored('shown')
    assert.deepEqual(Object.keys(data), Object.keys(SESSION))
    for (const [key, value] of Object.entries(data)) {
      assert.equal(isSealed(value), !key.startsWith('_'), key)
    }
    assert.equal(data._expire, SESSION._expire)
    assert.deepEqual(await store.get('shown'), SESSION)
  })

  it('the database shows no value, nor two equal values as equal', async () => {
    await store.set('hidden', { one: 'the same secret', other: 'the same secret' }, MAX_AGE)
    await store.set('hidden too', { one: 'the same secret' }, MAX_AGE)
    const record = await database.collection().findOne({ _id: 'hidden' }, { raw: true })
    assert.ok(!Buffer.from(record).includes('secret'))
    const values = [...Object.values(await stored('hidden')), (await stored('hidden too')).one]
    const bytes = values.map((value) => Buffer.from(value.buffer.subarray(17)).toString('hex'))
    assert.equal(new Set(bytes).size, 3)
  })

  it('a request writes the values that it changed, and no others', async () => {
    await store.set('partly', SESSION, MAX_AGE)
    const before = await stored('partly')
    await change('partly', { views: 8, added: true })
    const after = await stored('partly')
    for (const key of ['user', 'at', 'nothing']) {
      assert.deepEqual(after[key].buffer, before[key].buffer, key)
    }
    assert.notDeepEqual(after.views.buffer, before.views.buffer)
    assert.deepEqual(await store.get('partly'), { ...SESSION, views: 8, added: true })
  })

  it('a touch writes no value', async () => {
    await store.set('touched', SESSION, MAX_AGE)
    const before = await stored('touched')
    await change('touched', { _expire: SESSION._expire + 5 })
    assert.deepEqual(await stored('touched'), { ...before, _expire: SESSION._expire + 5 })
    assert.equal(await store.touch('touched', 120_000), true)
    const { _expire, _maxAge, ...values } = await stored('touched')
    assert.ok(_expire !== SESSION._expire && _maxAge === SESSION._maxAge)
    for (const key of Object.keys(values)) assert.deepEqual(values[key], before[key], key)
  })

  it('what is encrypted is byte for byte what the bson package would write, whatever it is', async () => {
    let count = 0
    for (const session of fc.sample(mixedSession, 150)) {
      const [id, read] = [`any ${count}`, `read ${count}`]
      await plain.set(read, session, MAX_AGE).catch(() => {})
      // As an application has it; a server may refuse a class, or what it made is not to be read.
      const data = await plain.get(read).catch(() => undefined)
      if (data === undefined) continue
      for (const key of PLAIN) delete data[key] // the server may write them otherwise
      await store.set(id, data, MAX_AGE)
      const record = await database.collection().findOne({ _id: id }, { raw: true })
      const stored = Buffer.from(bson.deserialize(record, { raw: true }).data)
      const expected = Buffer.from(bson.serialize(data, { ignoreUndefined: true }))
      assert.deepEqual(openSession(stored, KEYS, id), expected)
      // Two dates that are invalid are never equal: bytes are.
      const again = bson.serialize(await store.get(id), { ignoreUndefined: true })
      assert.deepEqual(Buffer.from(again), expected)
      count++
    }
    assert.ok(count > 50)
  })

  it('a binary of the application’s own that looks like an encrypted value comes back', async () => {
    await store.set('own', { a: 1 }, MAX_AGE)
    const { a: looks } = await stored('own')
    const own = new bson.Binary(Buffer.from(looks.buffer), SUBTYPE)
    await store.set('own', { a: own, inner: { own } }, MAX_AGE)
    const found = await store.get('own')
    assert.deepEqual(found.a.buffer, own.buffer)
    assert.equal(found.a.sub_type, SUBTYPE)
    assert.deepEqual(found.inner.own.buffer, own.buffer)
  })

  it('the limit of 16 MiB is that of what is stored', async () => {
    const room = 16 * 1024 * 1024 - 200
    await store.set('large', { text: 'x'.repeat(room) }, MAX_AGE)
    assert.equal((await store.get('large')).text.length, room)
    const values = Object.fromEntries(
      Array.from({ length: 10 }, (_, key) => [`k${key}`, 'x'.repeat(room / 10)]),
    )
    await assert.rejects(store.set('larger', values, MAX_AGE), { code: 'ERR_SESSION_TOO_LARGE' })
    await store.destroy('large')
  })

  it('all() gives what it says, and says of each session for itself that it cannot be read', async () => {
    const foreign = database.store({
      encryption: { keys: ['another key of more than thirty-two bytes'] },
    })
    await store.clear()
    await store.set('listed', { a: 1 }, MAX_AGE)
    await foreign.set('not to be read', { a: 2 }, MAX_AGE)
    const [one, other] = await store.all().toArray()
    assert.deepEqual([one.id, one.data], ['listed', { a: 1 }])
    assert.deepEqual([other.id, other.data], ['not to be read', undefined])
    assert.equal(other.error.code, 'ERR_DECRYPT')
  })
})
