'use strict'

// store.session is the model over the store's own sessions, or there is no store: whoever signs
// somebody out by it must not delete what belongs to others.

const assert = require('node:assert/strict')
const { afterEach, beforeEach, describe, it } = require('node:test')
const { promisify } = require('node:util')
const { Mongoose } = require('mongoose')
const { SessionStore } = require('../..')
const { useDatabase } = require('../support/database')

const database = useDatabase()

describe('the name of a Mongoose model', { timeout: 60_000 }, () => {
  let mongoose
  let stores

  beforeEach(() => {
    mongoose = new Mongoose()
    stores = []
  })

  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()))
    await mongoose.disconnect()
  })

  function open(options) {
    const store = new SessionStore({ connection: mongoose, ...options })
    stores.push(store)
    return store
  }

  function assertRefused(options, ...words) {
    const model = mongoose.models[options.name ?? 'Session']
    assert.throws(
      () => open(options),
      (error) => {
        assert.equal(error.code, 'ERR_OPTIONS')
        for (const word of words) assert.ok(error.message.includes(word), error.message)
        assert.match(error.message, /another 'name'/)
        return true
      },
    )
    assert.equal(mongoose.models[options.name ?? 'Session'], model)
  }

  it('that two stores over two collections have by default is refused to the second', () => {
    const customers = open({ collection: 'customers' })
    assertRefused({ collection: 'admins' }, "'Session'", "'customers'", "'admins'")
    const admins = open({ collection: 'admins', name: 'Admin' })
    assert.equal(customers.session.collection.collectionName, 'customers')
    assert.equal(admins.session.collection.collectionName, 'admins')
    assert.equal(mongoose.model('Admin'), admins.session)
  })

  it('that a model of the application over another collection has is refused', () => {
    mongoose.model('Session', new mongoose.Schema({ own: String }), 'talks')
    assertRefused({ collection: 'sessions' }, "'Session'", "'talks'", "'sessions'")
    assertRefused({ collection: 'sessions', connection: mongoose.connection }, "'talks'")
    const both = { Mongo: mongoose, Schema: mongoose.Schema }
    assertRefused({ collection: 'sessions', connection: both }, "'talks'")
  })

  it('is refused after it is connected as before', async () => {
    await mongoose.connect(database.uri, { dbName: database.name })
    open({ collection: 'customers' })
    assertRefused({ collection: 'admins' }, "'customers'", "'admins'")
  })

  it('that a model over the same collection has is left to it', () => {
    const schema = new mongoose.Schema({ own: String })
    const model = mongoose.model('Session', schema, 'sessions')
    assert.equal(open().session, model)
    assert.equal(open({ connection: mongoose.connection }).session, model)
    assert.equal(mongoose.model('Session'), model)
    assert.equal(mongoose.model('Session').schema.path('data'), undefined)
  })

  it('is one for several stores over the same collection', () => {
    assert.equal(open().session, open({ touchAfter: 5 }).session)
  })

  it('that a model of another connection has is refused', () => {
    const elsewhere = mongoose.createConnection()
    mongoose.models.Session = elsewhere.model('Session', new mongoose.Schema({}), 'sessions')
    assertRefused({}, "'sessions' of another connection")
    assert.equal(open({ connection: elsewhere }).session, mongoose.models.Session)
  })

  it('stands for one model in each database of a connection', async () => {
    await mongoose.connect(database.uri, { dbName: database.name })
    const first = open({ collection: 'customers' })
    const second = open({ collection: 'admins', db: `${database.name}_x` })
    assert.equal(first.session.db.name, database.name)
    assert.equal(second.session.db.name, `${database.name}_x`)
    assert.equal(second.session.collection.collectionName, 'admins')
    assert.throws(() => open({ collection: 'others', db: `${database.name}_x` }), {
      code: 'ERR_OPTIONS',
    })
  })

  it('can be among those whose indexes Mongoose synchronizes: the store’s own stay', async () => {
    for (const version of ['mongoose-6', 'mongoose-7', 'mongoose-8', 'mongoose']) {
      const theirs = new (require(version).Mongoose)()
      await theirs.connect(database.uri, { dbName: database.name })
      const store = open({ connection: theirs, collection: version, indexes: ['user.id'] })
      await store.set('id', { user: { id: 1 } })
      const names = async () => (await store.session.collection.indexes()).map(({ name }) => name)
      const before = await names()
      assert.deepEqual(before.sort(), ['_id_', 'data.user.id_1', 'expiresAt_1'])
      await theirs.syncIndexes()
      await theirs.connection.syncIndexes()
      assert.deepEqual(await store.session.syncIndexes(), [])
      assert.deepEqual(await store.session.cleanIndexes(), [])
      assert.deepEqual(await store.session.diffIndexes(), { toDrop: [], toCreate: [] })
      if (version === 'mongoose-6') {
        const sync = promisify(store.session.syncIndexes).bind(store.session)
        assert.deepEqual(await sync({}), [])
      }
      assert.deepEqual((await names()).sort(), before, version)
      await store.close()
      await theirs.disconnect()
    }
  })

  it('finds the sessions to sign somebody out, and no others', async () => {
    await mongoose.connect(database.uri, { dbName: database.name })
    const customers = open({ collection: 'customers' })
    const admins = open({ collection: 'admins', name: 'Admin' })
    const session = { userInfo: { email: 'someone@example.com' } }
    await customers.set('customer', session)
    await admins.set('admin', session)
    await admins.session.deleteMany({ 'data.userInfo.email': 'someone@example.com' })
    assert.equal(await admins.get('admin'), undefined)
    assert.deepEqual(await customers.get('customer'), session)
  })
})
