'use strict'

// Each kind of `connection`, with the real packages: what the store writes is where the
// application's own connection would have written it.

const assert = require('node:assert/strict')
const { randomBytes } = require('node:crypto')
const { after, afterEach, before, describe, it } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { MongoClient } = require('mongodb')
const mongooseModule = require('mongoose')
const { startMongoDB, startServer } = require('../../scripts/servers/mongodb')
const { SessionStore, SessionStoreError } = require('../..')

const PASSWORD = 'p@ss:w/rd%?#é'
const quiet = { log() {} }

let server
let client
let stores = []

// Names of this run only: MONGODB_URI may be a server with data of its own.
const run = randomBytes(4).toString('hex')
const collection = `sessions_${run}`
const database = (name) => `koa_session_test_${run}_${name}`

before(async () => {
  server = await startMongoDB(quiet)
  client = new MongoClient(server.uri)
})

after(async () => {
  for (const { name } of (await client.db().admin().listDatabases()).databases) {
    if (name.startsWith(database(''))) await client.db(name).dropDatabase()
  }
  await client.db('test').dropCollection(collection)
  await client.close()
  await server.stop()
})

afterEach(async () => {
  await Promise.all(stores.map((store) => store.close()))
  stores = []
})

function open(connection, options) {
  const store = new SessionStore({ connection, collection, ...options })
  stores.push(store)
  return store
}

/** Of the test server, with another database in its path. */
function uriOf(db, uri = server.uri) {
  const [, base, path, parameters] = uri.match(/^([^/]+\/\/[^/?]+)\/?([^?]*)\??(.*)$/)
  // Without authSource, the database in the path is also the one to sign in to.
  const signIn =
    base.includes('@') && !/authSource=/i.test(parameters) && `authSource=${path || 'admin'}`
  return `${base}/${db}?${[parameters, signIn].filter(Boolean).join('&')}`
}

/** The store works, and what it writes is in this database. */
async function assertUses(store, db, reader = client) {
  const id = randomBytes(8).toString('hex')
  await store.set(id, { a: 1 })
  assert.deepEqual(await store.get(id), { a: 1 })
  const stored = await reader.db(db).collection(collection).findOne({ _id: id })
  assert.deepEqual(stored?.data, { a: 1 }, `the session is not in ${db}`)
}

describe('a connection string', () => {
  it('names the database', async () => {
    await assertUses(open(uriOf(database('path'))), database('path'))
  })

  it('leaves the database to `db`', async () => {
    await assertUses(open(uriOf(database('path')), { db: database('db') }), database('db'))
  })

  it('that names no database means the driver’s default', async () => {
    await assertUses(open(uriOf('')), 'test')
  })
})

describe('the mongoose module', () => {
  let mongoose

  before(() => {
    mongoose = mongooseModule
  })

  afterEach(async () => {
    await mongoose.disconnect()
    // Each test starts with a module that was never connected.
    mongoose = new mongooseModule.Mongoose()
  })

  it('works if it is connected before the store is made', async () => {
    await mongoose.connect(uriOf(database('before')))
    await assertUses(open(mongoose), database('before'))
  })

  it('works if it is being connected as the store is made', async () => {
    const connected = mongoose.connect(uriOf(database('during')))
    const store = open(mongoose)
    await assertUses(store, database('during'))
    await connected
  })

  it('works if it is connected after the store is made and used', async () => {
    const store = open(mongoose)
    const early = store.set('early', { a: 1 })
    await sleep(50)
    await mongoose.connect(uriOf(database('after')))
    assert.deepEqual(await early, { a: 1 })
    assert.deepEqual(await store.get('early'), { a: 1 })
    await assertUses(store, database('after'))
  })

  it('tells the database by `dbName`, connected or not', async () => {
    const early = open(mongoose)
    const connected = mongoose.connect(uriOf('unused'), { dbName: database('named') })
    const during = open(mongoose)
    await connected
    for (const store of [early, during, open(mongoose)]) {
      await assertUses(store, database('named'))
    }
  })

  it('gives way to `db`', async () => {
    const store = open(mongoose, { db: database('db') })
    await mongoose.connect(uriOf(database('unused')))
    await assertUses(store, database('db'))
    assert.equal((await store.session.find()).length > 0, true)
  })

  it('has the model `name` over the collection, which is also store.session', async () => {
    const store = open(mongoose, { name: 'session' })
    await mongoose.connect(uriOf(database('model')))
    await store.set('seen', { userInfo: { name: 'anziguoer' } })
    const model = mongoose.model('session')
    assert.equal(store.session, model)
    const [document] = await model.find({ 'data.userInfo.name': 'anziguoer' })
    assert.equal(document.id, 'seen')
    assert.ok(document.updatedAt instanceof Date)
    assert.ok(document.expiresAt instanceof Date)
    assert.deepEqual(model.schema.indexes(), [])
  })

  it('keeps a model over the same collection that it has under that name', () => {
    const model = mongoose.model('Session', new mongoose.Schema({ own: String }), collection)
    assert.equal(open(mongoose).session, model)
    assert.equal(mongoose.model('Session'), model)
  })

  it('that is never connected lets operations fail in time', async () => {
    const store = open(mongoose, { serverSelectionTimeoutMS: 100 })
    await assert.rejects(store.get('id'), { name: 'SessionStoreError', code: 'ERR_UNAVAILABLE' })
  })

  it('that failed to connect leaves the store to wait for MongoDB by itself', async () => {
    const late = await startServer(quiet)
    const { uri } = late
    await late.stop()
    const store = open(mongoose, { db: database('late') })
    await assert.rejects(mongoose.connect(uri, { serverSelectionTimeoutMS: 50 }))
    await late.start()
    try {
      await store.set('id', { a: 1 })
      assert.deepEqual(await store.get('id'), { a: 1 })
      await store.close()
    } finally {
      await late.remove()
    }
  })
})

describe('a Mongoose Connection', () => {
  const { Mongoose } = mongooseModule

  it('of createConnection works before, during and after it is opened', async () => {
    const connection = new Mongoose().createConnection()
    const early = open(connection, { name: 'session' })
    const opened = connection.openUri(uriOf(database('created')))
    const during = open(connection)
    await opened
    for (const store of [early, during, open(connection)]) {
      await assertUses(store, database('created'))
    }
    assert.equal(connection.model('session'), early.session)
    assert.equal((await early.session.find()).length, 3)
    await connection.close()
  })

  it('of useDb has the database of its own, before, during and after', async () => {
    const mongoose = new Mongoose()
    const connection = mongoose.connection.useDb(database('used'))
    const early = open(connection)
    const connected = mongoose.connect(uriOf(database('unused')))
    const during = open(mongoose.connection.useDb(database('used')))
    await connected
    for (const store of [early, during, open(mongoose.connection.useDb(database('used')))]) {
      await assertUses(store, database('used'))
    }
    assert.equal((await connection.model('Session').find()).length, 3)
    await mongoose.disconnect()
  })

  it('stands with its Schema for { Mongo, Schema } of the original', async () => {
    const mongoose = new Mongoose()
    await mongoose.connect(uriOf(database('original')))
    for (const Mongo of [mongoose, mongoose.connection]) {
      const store = open({ Mongo, Schema: mongoose.Schema }, { name: 'session' })
      await assertUses(store, database('original'))
      assert.equal(mongoose.model('session'), store.session)
    }
    await mongoose.disconnect()
  })
})

describe('the Node driver', () => {
  it('gives the address by a MongoClient, connected or not', async () => {
    const own = new MongoClient(uriOf(database('client')))
    await assertUses(open(own), database('client'))
    await own.connect()
    await assertUses(open(own), database('client'))
    await own.close()
    assert.equal(open(own).session, undefined)
  })

  it('gives address and database by a Db, connected or not', async () => {
    const own = new MongoClient(uriOf(database('unused')))
    await assertUses(open(own.db(database('ofDb'))), database('ofDb'))
    await own.connect()
    await assertUses(open(own.db(database('ofDb'))), database('ofDb'))
    await own.close()
  })
})

describe('a user whose password needs percent-encoding', () => {
  const auth = { username: 'us@er:1', password: PASSWORD }
  let secured
  let root

  before(async () => {
    secured = await startServer({ ...quiet, auth })
    root = new MongoClient(secured.uri)
  })

  after(async () => {
    await root.close()
    await secured.remove()
  })

  it('signs in by a connection string', async () => {
    await assertUses(open(uriOf('app', secured.uri)), 'app', root)
  })

  it('signs in by a MongoClient and a Db', async () => {
    const { port } = secured
    const own = new MongoClient(`mongodb://127.0.0.1:${port}/app`, { auth, authSource: 'admin' })
    await assertUses(open(own), 'app', root)
    await assertUses(open(own.db('other')), 'other', root)
    await own.close()
  })

  it('signs in by Mongoose’s `user` and `pass`', async () => {
    const mongoose = new mongooseModule.Mongoose()
    const store = open(mongoose)
    await mongoose.connect(`mongodb://127.0.0.1:${secured.port}/`, {
      user: auth.username,
      pass: auth.password,
      dbName: 'app',
    })
    await assertUses(store, 'app', root)
    await mongoose.disconnect()
  })

  it('is told that it may not, without its name or password', async () => {
    const uri = secured.uri.replace(/:[^:@]*@/, ':wrong-secret@')
    await assert.rejects(open(uri).get('id'), (error) => {
      assert.ok(error instanceof SessionStoreError)
      assert.equal(error.code, 'ERR_AUTH')
      assert.ok(!/wrong-secret|us@er|us%40er/.test(require('node:util').inspect(error)))
      return true
    })
  })
})

describe('a setting that cannot be taken over', () => {
  const lookup = require('node:dns').lookup

  it('is refused by the constructor, by its name', () => {
    const expected = { code: 'ERR_OPTIONS', message: /'lookup'.*pass a connection string/ }
    assert.throws(() => open(new MongoClient(server.uri, { lookup })), expected)
  })

  it('is refused by every operation, if Mongoose is told of it later', async () => {
    const mongoose = new mongooseModule.Mongoose()
    const store = open(mongoose)
    const expected = { code: 'ERR_OPTIONS', message: /'lookup'.*pass a connection string/ }
    const early = assert.rejects(store.get('early'), expected)
    await mongoose.connect(uriOf(database('lookup')), { lookup })
    await early
    await assert.rejects(store.get('late'), expected)
    await mongoose.disconnect()
  })
})
