'use strict'

// Finding encrypted sessions: by keyed hashes of the values at the paths of `indexes`, and by nothing
// else.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const bson = require('bson')
const { useDatabase } = require('../support/database')
const { lookup } = require('../support/sealed-format')

const OLD = 'an old encryption key of more than thirty-two bytes'
const KEY = 'an encryption key of more than thirty-two bytes'
const MAX_AGE = 60_000
const indexes = ['userInfo.id', 'tags', 'at']

let plain
let old
let store
const database = useDatabase({
  setUp: () => {
    plain = database.store({ encryption: undefined, indexes })
    old = database.store({ encryption: { keys: [OLD] }, indexes })
    store = database.store({ encryption: { keys: [KEY, OLD] }, indexes })
  },
})

const record = (_id) => database.collection().findOne({ _id })
const idsOf = async (filter) => (await store.ids(filter).toArray()).sort()

async function change(from, id, changes) {
  const request = { ctx: {} }
  const session = await from.get(id, undefined, request)
  await from.set(id, { ...session, ...changes }, MAX_AGE, request)
}

describe('with encryption', { timeout: 60_000 }, () => {
  it('sessions are found that are encrypted, under any key, or still plain', async () => {
    await store.clear()
    for (const [id, from] of Object.entries({ plain, old, new: store })) {
      await from.set(id, { userInfo: { id: 42 } }, MAX_AGE)
      await from.set(`${id} other`, { userInfo: { id: 43 } }, MAX_AGE)
    }
    assert.deepEqual(await idsOf({ 'userInfo.id': 42 }), ['new', 'old', 'plain'])
    assert.equal(await store.length({ 'userInfo.id': 42 }), 3)
    const all = await store.all({ 'userInfo.id': 42 }).toArray()
    assert.deepEqual(new Set(all.map(({ data }) => data.userInfo.id)), new Set([42]))
    assert.equal(await store.destroyMany({ 'userInfo.id': 42 }, { except: 'new' }), 2)
    assert.deepEqual(await idsOf({ 'userInfo.id': 42 }), ['new'])
    assert.equal(await store.length({ 'userInfo.id': 43 }), 3)
  })

  it('a value is found by all that MongoDB takes for equal, and by nothing else', async () => {
    await store.clear()
    const at = new Date(5)
    const user = new bson.ObjectId()
    await store.set('numbers', { userInfo: { id: 42 }, at }, MAX_AGE)
    await store.set('text', { userInfo: { id: '42' } }, MAX_AGE)
    await store.set('object id', { userInfo: { id: user } }, MAX_AGE)
    await store.set('document', { userInfo: { id: { a: 1, b: 2 } } }, MAX_AGE)
    await store.set('nothing', { userInfo: { id: null } }, MAX_AGE)
    await store.set('absent', { userInfo: {} }, MAX_AGE)
    const equal = [
      42,
      new bson.Double(42),
      bson.Long.fromNumber(42),
      bson.Decimal128.fromString('42.0'),
    ]
    for (const value of equal) assert.deepEqual(await idsOf({ 'userInfo.id': value }), ['numbers'])
    const found = {
      text: '42',
      'object id': user,
      document: { a: 1, b: 2 },
      nothing: null,
    }
    for (const [id, value] of Object.entries(found)) {
      assert.deepEqual(await idsOf({ 'userInfo.id': value }), [id], id)
    }
    for (const value of [4.2, true, [42], { b: 2, a: 1 }, '', new bson.ObjectId(), /42/]) {
      assert.deepEqual(await idsOf({ 'userInfo.id': value }), [], String(value))
    }
    assert.deepEqual(await idsOf({ 'userInfo.id': 42, at }), ['numbers'])
    assert.deepEqual(await idsOf({ 'userInfo.id': 42, at: new Date(6) }), [])
  })

  it('a list is found by each of its items, and as a whole', async () => {
    await store.clear()
    await store.set('list', { tags: ['a', 'b'], userInfo: [{ id: 1 }, { id: 2 }] }, MAX_AGE)
    for (const value of ['a', 'b', ['a', 'b']]) {
      assert.deepEqual(await idsOf({ tags: value }), ['list'])
    }
    for (const value of ['c', ['a'], ['b', 'a']]) assert.deepEqual(await idsOf({ tags: value }), [])
    assert.deepEqual(await idsOf({ 'userInfo.id': 2 }), ['list'])
  })

  it('what is found follows every kind of write', async () => {
    await store.clear()
    await store.set('follows', { userInfo: { id: 1 }, tags: 'x', other: 1 }, MAX_AGE)
    const { lookup: before } = await record('follows')
    await change(store, 'follows', { other: 2 })
    assert.deepEqual((await record('follows')).lookup, before)
    await change(store, 'follows', { userInfo: { id: 2 } })
    assert.deepEqual((await record('follows')).lookup.tags, before.tags)
    assert.deepEqual(
      [await idsOf({ 'userInfo.id': 1 }), await idsOf({ 'userInfo.id': 2 })],
      [[], ['follows']],
    )
    await change(store, 'follows', { userInfo: { id: 3 }, 'x.y': 1 })
    assert.deepEqual(await idsOf({ 'userInfo.id': 3 }), ['follows'])
    await change(store, 'follows', { userInfo: undefined })
    assert.deepEqual(await idsOf({ 'userInfo.id': 3 }), [])
    await store.set('follows', { at: 1 }, MAX_AGE)
    assert.deepEqual([await idsOf({ tags: 'x' }), await idsOf({ at: 1 })], [[], ['follows']])
  })

  it('two requests at once that change what is found both keep their change', async () => {
    const other = database.store({ encryption: { keys: [KEY, OLD] }, indexes })
    await store.set('both', { userInfo: { id: 1 }, tags: 'x' }, MAX_AGE)
    const changes = [{ userInfo: { id: 8 } }, { tags: 'y' }]
    const writes = [store, other].map(async (from, number) => {
      const request = { ctx: {} }
      const session = await from.get('both', undefined, request)
      return () => from.set('both', { ...session, ...changes[number] }, MAX_AGE, request)
    })
    await Promise.all((await Promise.all(writes)).map((write) => write()))
    assert.deepEqual(await idsOf({ 'userInfo.id': 8, tags: 'y' }), ['both'])
  })

  it('a path that was added is found from the next write of a session on', async () => {
    const without = database.store({ encryption: { keys: [KEY] } })
    await without.set('added', { userInfo: { id: 77 } }, MAX_AGE)
    assert.deepEqual(await idsOf({ 'userInfo.id': 77 }), [])
    await change(store, 'added', { other: 1 })
    assert.deepEqual(await idsOf({ 'userInfo.id': 77 }), ['added'])
  })

  it('what is kept is a hash under a field for each path, and indexed, sparse', async () => {
    await store.set('kept', { userInfo: { id: 42 } }, MAX_AGE)
    const { lookup: kept } = await record('kept')
    assert.deepEqual(Object.keys(kept), ['userInfo%2Eid'])
    assert.deepEqual(Buffer.from(kept['userInfo%2Eid'].buffer), lookup(KEY, 'userInfo.id', 42))
    const wanted = ['lookup.userInfo%2Eid', 'lookup.tags', 'data.userInfo.id', 'data.tags']
    const deadline = Date.now() + 30_000
    let fields = []
    while (!wanted.every((field) => fields.includes(field)) && Date.now() < deadline) {
      const all = await database.indexes()
      fields = all.filter(({ sparse }) => sparse).flatMap(({ key }) => Object.keys(key))
      await sleep(20)
    }
    for (const field of wanted) assert.ok(fields.includes(field), field)
  })

  it('a filter that cannot be answered is refused, and says why', async () => {
    const refused = (filter, options, words) =>
      assert.rejects(
        store.length(filter, options),
        ({ code, message }) => code === 'ERR_OPTIONS' && message.includes(words),
      )
    await refused({ 'userInfo.name': 'Ann' }, undefined, "'userInfo.name' is not among them")
    await refused({ 'userInfo.id': { $gt: 1 } }, { operators: true }, 'equality only')
    await refused({ 'userInfo.id': { $ne: null } }, undefined, 'taken literally')
    await assert.rejects(store.destroyMany({ name: 1 }), { code: 'ERR_OPTIONS' })
    await assert.rejects(store.ids({ name: 1 }).toArray(), { code: 'ERR_OPTIONS' })
  })

  it('and hashIds all of a user’s sessions are found and ended', async () => {
    await store.clear()
    const hashed = database.store({
      encryption: { keys: [KEY] },
      hashIds: { key: KEY },
      indexes,
    })
    for (const id of ['phone', 'laptop', 'here']) {
      await hashed.set(id, { userInfo: { id: 42 } }, MAX_AGE)
    }
    assert.equal(await hashed.destroyMany({ 'userInfo.id': 42 }, { except: 'here' }), 2)
    assert.deepEqual(await hashed.ids().toArray(), [hashed.storedId('here')])
  })
})
