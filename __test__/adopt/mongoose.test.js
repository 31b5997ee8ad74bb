'use strict'

// Collections that the real koa-session-mongoose and the store in `sessionStore.js` wrote, each with its
// index.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const MongooseStore = require('koa-session-mongoose')
const { Mongoose } = require('mongoose')
const { NOTHING_LEFT } = require('../support/adopted')
const { Visitor, startApp, versionsWithCtx } = require('../support/app')
const { connectMongo, expressSessionOf } = require('../support/connect-mongo')
const { useDatabase } = require('../support/database')
const { runInShell } = require('../support/mongosh')
const { OriginalStore } = require('../support/original-store')
const { readPage, take } = require('../support/pages')
const { TcpProxy, faults } = require('../support/proxy')

const mongoose = new Mongoose()
const database = useDatabase({
  setUp: ({ uri, name }) => mongoose.connect(uri, { dbName: name }),
  tearDown: () => mongoose.disconnect(),
})
let number = 0

const WRITTEN = { changed: true, rolling: false }
const HOUR = 3_600_000

/** Each makes its store over a collection of its own, with its index. */
const STORES = {
  'koa-session-mongoose': (collection, expires) =>
    MongooseStore.create({ connection: mongoose, name: collection, collection, expires }),
  'sessionStore.js': (collection, expires) =>
    // It ignores `collection`: Mongoose names that after the model.
    OriginalStore.create({
      connection: { Mongo: mongoose, Schema: mongoose.Schema },
      name: collection,
      expires,
    }),
}

async function filled(kind, expires, sessions) {
  const collection = `${kind.replace(/\W/g, '').toLowerCase()}${number++}s`
  const theirs = STORES[kind](collection, expires)
  await theirs.session.init()
  for (const [id, data] of Object.entries(sessions)) {
    await theirs.set(id, data, HOUR, WRITTEN)
  }
  const before = await database.documents(collection)
  const store = database.store({ collection })
  store.on('warning', () => {})
  return { collection, theirs, before, store }
}

const content = () => ({
  at: new Date('2001-02-03T04:05:06.789Z'),
  nested: { list: [1, { deep: null }] },
  _expire: Date.now() + HOUR,
  _maxAge: HOUR,
})

for (const kind of Object.keys(STORES)) {
  describe(kind, { timeout: 120_000 }, () => {
    it('wrote sessions that adopt() takes over: they end when its index would have ended them', async () => {
      const sessions = { a: content(), b: content() }
      const { before, collection, store } = await filled(kind, 7200, sessions)
      assert.ok((await database.indexNames(collection)).includes('updatedAt_1'))
      assert.deepEqual(await store.adopt(), {
        ...{ looked: 2, adopted: 2, left: NOTHING_LEFT },
        ...{ dropped: ['updatedAt_1'], kept: [] },
      })
      for (const [id, session] of Object.entries(sessions)) {
        const expiresAt = new Date(before[id].updatedAt.getTime() + 7200_000)
        assert.deepEqual(await database.document(id, collection), { ...before[id], expiresAt })
        assert.deepEqual(await store.get(id), session)
      }
      assert.deepEqual(await database.indexNames(collection), ['expiresAt_1'])
    })

    it('wrote sessions whose index is gone: they end when koa-session says, else after `expires`', async () => {
      const untimed = { a: 1, _session: true }
      const sessions = { timed: content(), untimed }
      const { collection, store } = await filled(kind, 7200, sessions)
      await database.collection(collection).dropIndex('updatedAt_1')
      await store.close()
      const begin = Date.now()
      const other = database.store({ collection, expires: 600 })
      await other.adopt()
      const adopted = await database.documents(collection)
      assert.equal(adopted.timed.expiresAt.getTime(), sessions.timed._expire)
      const end = adopted.untimed.expiresAt.getTime()
      assert.ok(end >= begin + 600_000 && end <= Date.now() + 600_000)
    })

    it('has users who stay signed in when its place is taken', async (t) => {
      const collection = `${kind.replace(/\W/g, '').toLowerCase()}${number++}s`
      const theirs = STORES[kind](collection, 7200)
      await theirs.session.init()
      const version = versionsWithCtx.at(-1)
      const visitor = new Visitor(await startApp(t, version, { store: readsNothing(theirs) }))
      await visitor.change({ user: 42 })
      const store = database.store({ collection })
      store.on('warning', () => {})
      const app = await startApp(t, version, { store })
      visitor.app = app
      const before = await visitor.read()
      await store.adopt()
      assert.deepEqual(await visitor.read(), before)
      await visitor.change({ views: 1 })
      assert.deepEqual((await visitor.read()).user, 42)
      assert.equal(await database.collection(collection).countDocuments(), 1)
      // And back.
      await store.close()
      await runInShell(
        take(readPage('docs/migration/koa-session-mongoose.md'), '$unset: { expiresAt'),
        database,
        collection,
      )
      visitor.app = await startApp(t, version, { store: readsNothing(theirs) })
      assert.deepEqual((await visitor.read()).views, 1)
      const [{ expiresAt }] = await database.collection(collection).find().toArray()
      assert.equal(expiresAt, undefined)
    })
  })
}

describe('a collection of both', { timeout: 60_000 }, () => {
  it('never has a document of connect-mongo that an index on updatedAt would remove', async (t) => {
    const { collection } = await filled('koa-session-mongoose', 1, { ours: content() })
    const { uri, name: db } = database
    const express = await connectMongo('connect-mongo 6', { uri, db, collection, touchAfter: 60 })
    t.after(() => express.close())
    await express.set('theirs', expressSessionOf({ a: 1 }))
    const long = new Date(Date.now() - HOUR)
    await database
      .collection(collection)
      .updateOne({ _id: 'theirs' }, { $set: { lastModified: long } })
    const proxy = await TcpProxy.open(Number(new URL(uri).port))
    t.after(() => proxy.close())
    const seen = []
    const watch = async (exchange) => {
      // What it is before each of the store's commands.
      const document = await database.document('theirs', collection)
      const names = await database.indexNames(collection)
      seen.push({
        hasDate: document.updatedAt !== undefined,
        hasIndex: names.includes('updatedAt_1'),
      })
      await faults.none(exchange)
    }
    proxy.inject(watch, { commands: ['aggregate', 'update', 'dropIndexes'], times: Infinity })
    const store = database.store({ connection: proxy.uri, collection })
    store.on('warning', () => {})
    const { dropped } = await store.adopt()
    assert.deepEqual(dropped, ['updatedAt_1', 'expires_1'])
    assert.ok(seen.some(({ hasIndex }) => hasIndex) && seen.some(({ hasDate }) => hasDate))
    assert.ok(!seen.some(({ hasDate, hasIndex }) => hasDate && hasIndex))
    assert.deepEqual(await store.get('theirs'), { a: 1 })
  })
})

/** Their `get` without the TypeError for a session that is not there. */
function readsNothing(theirs) {
  return {
    get: async (id) => (await theirs.session.findById(id))?.data,
    set: (...args) => theirs.set(...args),
    destroy: async (id) => theirs.session.deleteOne({ _id: id }),
  }
}
