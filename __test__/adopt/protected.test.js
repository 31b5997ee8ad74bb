'use strict'

// adopt() by a store that encrypts sessions and hashes their ids.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { connectMongo, expressSessionOf } = require('../support/connect-mongo')
const { useDatabase } = require('../support/database')

const database = useDatabase()
const KEY = 'a key of 32 bytes or more, for tests only'

describe('a store with encryption and hashIds', { timeout: 60_000 }, () => {
  it('adopts sessions as they are, finds them, and protects them with their next write', async (t) => {
    const collection = 'sessions'
    const { uri, name: db } = database
    const express = await connectMongo('connect-mongo 6', { uri, db, collection })
    t.after(() => express.close())
    for (const id of ['a', 'b']) await express.set(id, expressSessionOf({ user: id, secret: 1 }))
    const keys = { encryption: { keys: [KEY] }, hashIds: { key: KEY } }
    const store = database.store({ collection, indexes: ['user'], ...keys })
    store.on('warning', () => {})
    assert.equal((await store.adopt()).adopted, 2)
    assert.deepEqual((await database.document('a')).data, { user: 'a', secret: 1 })
    assert.equal(await store.length({ user: 'a' }), 1)

    const request = { ctx: {} }
    const session = await store.get('a', undefined, request)
    assert.deepEqual(session, { user: 'a', secret: 1 })
    await store.set('a', { ...session, views: 1 }, undefined, request)
    // Of the session under its own id nothing is left but that it has moved.
    assert.equal((await database.document('a'))?.data, undefined)
    const sealed = { _id: { $nin: ['a', 'b'] } }
    const documents = await database.collection().find(sealed).toArray()
    assert.equal(documents.length, 1)
    const values = Object.values(documents[0].data)
    assert.ok(values.every(({ _bsontype }) => _bsontype === 'Binary'))
    assert.deepEqual(await store.get('a'), { ...session, views: 1 })
    assert.equal(await store.length({ user: 'a' }), 1)

    assert.equal((await store.adopt()).adopted, 0)
    assert.equal(await store.destroyMany({ user: 'b' }), 1)
    assert.equal(await store.get('b'), undefined)
    assert.deepEqual(await store.get('a'), { ...session, views: 1 })
  })
})
