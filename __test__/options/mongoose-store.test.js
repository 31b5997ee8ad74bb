'use strict'

// koa-session-mongoose, the real package on Mongoose, over the same collection: each reads what the
// other wrote.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { describe, it } = require('node:test')
const { ObjectId } = require('bson')
const MongooseStore = require('koa-session-mongoose')
const { Mongoose } = require('mongoose')
const { SessionStore } = require('../..')
const { Visitor, startApp, versions } = require('../support/app')
const { useDatabase } = require('../support/database')

const mongoose = new Mongoose()
let theirs
let ours
const database = useDatabase({
  setUp: async ({ uri, name }) => {
    await mongoose.connect(uri, { dbName: name })
    theirs = MongooseStore.create({ connection: mongoose, name: 'Theirs', collection: 'shared' })
    await theirs.session.init() // with its index
    ours = database.store({ connection: mongoose, collection: 'shared' })
    ours.on('warning', () => {})
  },
  tearDown: async () => {
    await ours.close()
    await mongoose.disconnect()
  },
})

const WRITTEN = { changed: true, rolling: false }

const makeSession = () => ({
  text: 'é🔑',
  list: [1, 2.5, 2 ** 40, null, true, { deep: [] }],
  empty: {},
  at: new Date('2001-02-03T04:05:06.789Z'),
  id: new ObjectId(),
  nested: { ids: [new ObjectId()], dates: { first: new Date(0) } },
  _expire: Date.now() + 86_400_000,
  _maxAge: 86_400_000,
})

describe('koa-session-mongoose', { timeout: 60_000 }, () => {
  it('wrote what this store reads', async () => {
    const session = makeSession()
    await theirs.set('theirs', session, 86_410_000, WRITTEN)
    const found = await ours.get('theirs')
    assert.deepEqual(found, session)
    assert.deepEqual(Object.keys(found), Object.keys(session))
  })

  it('reads what this store wrote', async () => {
    const session = makeSession()
    await ours.set('ours', session, 86_410_000, WRITTEN)
    const found = await theirs.get('ours')
    assert.deepEqual(found, session)
    assert.deepEqual(Object.keys(found), Object.keys(session))
  })

  it('reads what this store changed of a session that it wrote, and the other way round', async () => {
    const session = makeSession()
    const request = { ctx: {} }
    await theirs.set('both', session, 86_410_000, WRITTEN)
    await ours.get('both', 0, request)
    const changed = { ...session, at: new Date(1), list: [] }
    await ours.set('both', changed, 86_410_000, { ...WRITTEN, ...request })
    assert.deepEqual(await theirs.get('both'), changed)
    await theirs.set('both', session, 86_410_000, WRITTEN)
    assert.deepEqual(await ours.get('both'), session)
  })

  it('and this store destroy what the other wrote', async () => {
    await theirs.set('a', { a: 1 }, 1000, WRITTEN)
    await ours.destroy('a')
    assert.equal(await theirs.get('a'), undefined)
    await ours.set('b', { b: 1 })
    await theirs.destroy('b')
    assert.equal(await ours.get('b'), undefined)
  })

  for (const version of versions) {
    it(`can be replaced by this store, and back, without signing anybody out: ${version.name}`, async (t) => {
      const before = await startApp(t, version, { store: theirs })
      const after = await startApp(t, version, { store: ours })
      const visitor = new Visitor(before)
      const signedIn = { at: new Date(5), user: { id: new ObjectId() } }
      await visitor.change(signedIn)
      const { id } = visitor

      visitor.app = after
      assert.deepEqual(await visitor.read(), signedIn)
      assert.equal((await database.document(id, 'shared')).expiresAt, undefined)
      await visitor.change({ count: 1 })
      assert.ok((await database.document(id, 'shared')).expiresAt instanceof Date)

      visitor.app = before
      assert.deepEqual(await visitor.read(), { ...signedIn, count: 1 })
      await visitor.change({ count: 2 })
      visitor.app = after
      assert.deepEqual(await visitor.read(), { ...signedIn, count: 2 })
      assert.equal(visitor.id, id)
    })
  }
})

describe('the index of koa-session-mongoose on updatedAt', { timeout: 60_000 }, () => {
  const openStore = () =>
    new SessionStore({ connection: database.uri, db: database.name, collection: 'shared' })

  it('is warned of once', async () => {
    const store = openStore()
    const warnings = []
    store.on('warning', (warning) => warnings.push(warning))
    await once(store, 'warning')
    await store.set('warned', { a: 1 })
    await store.get('warned')
    await store.close()
    assert.equal(warnings.length, 1)
    assert.equal(warnings[0].name, 'SessionStoreError')
    assert.match(warnings[0].message, /updatedAt/)
  })

  it('is warned of by the process where nobody listens', async () => {
    const warned = once(process, 'warning')
    const store = openStore()
    const [warning] = await warned
    await store.close()
    assert.match(warning.message, /updatedAt/)
  })

  it('is left as it is', async () => {
    const indexes = await database.indexes('shared')
    const found = indexes.map(({ key, expireAfterSeconds }) => ({ key, expireAfterSeconds }))
    assert.deepEqual(
      found.sort((a, b) => a.expireAfterSeconds - b.expireAfterSeconds),
      [
        { key: { expiresAt: 1 }, expireAfterSeconds: 0 },
        { key: { updatedAt: 1 }, expireAfterSeconds: 86400 },
      ],
    )
  })
})
