'use strict'

// adopt() where indexes are in the way (codes 85 and 86), or may not be dropped, and where MongoDB cannot be
// reached.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { SessionStore } = require('../..')
const { connectMongo, expressSessionOf } = require('../support/connect-mongo')
const { useDatabase } = require('../support/database')
const { failure, next } = require('../support/outcome')
const { TcpProxy, faults } = require('../support/proxy')

const database = useDatabase()
let number = 0

const isAboutIndex = ({ message }) => message.includes('index')
const OWN = { expireAfterSeconds: 0 }

async function filled(t, indexes = []) {
  const collection = `sessions${number++}`
  const { uri, name: db } = database
  for (const [keys, options] of indexes) {
    await database.collection(collection).createIndex(keys, options)
  }
  const express = await connectMongo('connect-mongo 6', { uri, db, collection })
  t.after(() => express.close())
  await express.set('id', expressSessionOf({ a: 1 }))
  return collection
}

async function indexesOf(collection) {
  const indexes = await database.collection(collection).indexes()
  return indexes.map(({ name }) => name).sort()
}

/** It is adopted, and everything works. */
async function assertWorks(store) {
  assert.equal((await store.adopt()).adopted, 1)
  assert.deepEqual(await store.get('id'), { a: 1 })
  await store.set('id', { a: 2 })
  assert.deepEqual(await store.get('id'), { a: 2 })
}

describe('adopt() beside an index', { timeout: 60_000 }, () => {
  it('of the same keys that removes nothing (85): the warning says what to do, the store works', async (t) => {
    const collection = await filled(t, [[{ expiresAt: 1 }, { name: 'plain' }]])
    const store = database.store({ collection })
    const { code, message } = await next(store, 'warning', isAboutIndex)
    assert.equal(code, 'ERR_OPTIONS')
    assert.ok(message.includes(`db.getCollection("${collection}").dropIndex("plain")`))
    await assertWorks(store)
    assert.deepEqual(await indexesOf(collection), ['_id_', 'plain'])
  })

  it('of the same keys that removes sessions later (85): the warning says what to do, the store works', async (t) => {
    const collection = await filled(t, [[{ expiresAt: 1 }, { expireAfterSeconds: 60 }]])
    const store = database.store({ collection })
    const { message } = await next(store, 'warning', isAboutIndex)
    assert.match(message, /60 more seconds, .* collMod/)
    await assertWorks(store)
  })

  it('of the name that the store’s own has (86): that gets another one', async (t) => {
    const collection = await filled(t, [[{ 'data.user': 1 }, { name: 'expiresAt_1' }]])
    const store = database.store({ collection })
    await assertWorks(store)
    const indexes = await database.collection(collection).indexes()
    const { expireAfterSeconds } = indexes.find(({ name }) => name === 'expiresAt_ttl')
    assert.deepEqual({ expireAfterSeconds }, OWN)
  })

  it('on updatedAt: the warning of it says that adopt() helps, and it does', async (t) => {
    const collection = await filled(t, [[{ updatedAt: 1 }, { expireAfterSeconds: 100 }]])
    const store = database.store({ collection })
    const { message } = await next(store, 'warning', isAboutIndex)
    assert.match(message, /`await store\.adopt\(\)` takes its sessions over and drops the index/)
    assert.deepEqual((await store.adopt()).dropped, ['updatedAt_1', 'expires_1'])
    assert.deepEqual(await indexesOf(collection), ['_id_', 'expiresAt_1'])
  })

  it('that is no other store’s: it stays', async (t) => {
    const kept = [
      [{ updatedAt: 1 }, { name: 'a' }],
      [{ updatedAt: 1, 'data.user': 1 }, { name: 'b' }],
      [{ 'data.until': 1 }, { name: 'c', expireAfterSeconds: 5 }],
      [{ lastModified: 1 }, { name: 'd', expireAfterSeconds: 5 }],
    ]
    const collection = await filled(t, kept)
    const store = database.store({ collection })
    assert.deepEqual((await store.adopt()).dropped, ['expires_1'])
    assert.deepEqual(await indexesOf(collection), ['_id_', 'a', 'b', 'c', 'd', 'expiresAt_1'])
  })

  it('that this user may not drop: the error says who does what, and the sessions are adopted', async (t) => {
    const collection = await filled(t)
    const proxy = await TcpProxy.open(Number(new URL(database.uri).port))
    t.after(() => proxy.close())
    const refused = { ok: 0, code: 13, codeName: 'Unauthorized', errmsg: 'not authorized on app' }
    const refuse = (exchange) => exchange.pretend(refused)
    const refusal = proxy.inject(refuse, { commands: ['dropIndexes'], times: Infinity })
    const store = database.store({ connection: proxy.uri, collection })
    const { code, mongoCode, message } = await failure(store.adopt())
    assert.deepEqual([code, mongoCode], ['ERR_AUTH', 13])
    assert.ok(message.includes(`db.getCollection("${collection}").dropIndex("expires_1")`))
    assert.deepEqual(await store.get('id'), { a: 1 })
    refusal.end()
    assert.deepEqual((await store.adopt()).dropped, ['expires_1'])
  })
})

describe('adopt()', { timeout: 60_000 }, () => {
  it('of a collection that is not there does nothing', async () => {
    const did = await database.store({ collection: 'nowhere' }).adopt()
    assert.deepEqual([did.looked, did.adopted, did.dropped], [0, 0, []])
  })

  it('fails with ERR_UNAVAILABLE where no MongoDB is', async (t) => {
    const connection = 'mongodb://127.0.0.1:1'
    const store = new SessionStore({ connection, serverSelectionTimeoutMS: 300 })
    store.on('warning', () => {})
    t.after(() => store.close())
    assert.equal((await failure(store.adopt())).code, 'ERR_UNAVAILABLE')
  })

  it('fails where a write is not confirmed, and can be called again', async (t) => {
    const collection = await filled(t)
    const proxy = await TcpProxy.open(Number(new URL(database.uri).port))
    t.after(() => proxy.close())
    const writeConcernError = { code: 64, errmsg: 'waiting for replication timed out' }
    const when = ({ body }) => body.updates.some(({ q }) => q.session)
    proxy.inject(faults.fail({ writeConcernError }), { commands: ['update'], when })
    const store = database.store({ connection: proxy.uri, collection })
    assert.equal((await failure(store.adopt())).mongoCode, 64)
    assert.equal((await store.adopt()).left.busy, 0)
    assert.deepEqual(await store.get('id'), { a: 1 })
  })
})
