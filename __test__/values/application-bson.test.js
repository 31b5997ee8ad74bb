'use strict'

// Values come back as instances of the application's own `bson`, so that what it does with them just
// works: that of its Mongoose or its driver, or the option `bson`. (Section 7 of the contract.)

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const ownBson = require('bson')
const { SessionStore, SessionStoreError } = require('../..')
const { encode } = require('../../lib/values/values')
const { BSONS, DRIVERS, MONGOOSES, classesOf, valuesOf } = require('../support/bsons')
const { useDatabase } = require('../support/database')

const database = useDatabase()

/** So much text that the values beside it are few: they cross in another way than many do. */
const TEXTS = { alone: '', 'beside much else': 'x'.repeat(4000) }

/** Nearly every session holds no more than this of them. */
const PASSPORT = (id) => ({ passport: { user: id }, _expire: 1, _maxAge: 1 })

/** Writes a value of each class, of this copy, and finds instances of the same copy. */
async function assertTheirOwn(store, exported) {
  const classes = classesOf(exported)
  for (const [where, text] of Object.entries(TEXTS)) {
    const values = valuesOf(exported)
    const data = { ...values, nested: [{ id: values.ObjectId }], text }
    await store.set('instances', data)
    const found = await store.get('instances')
    for (const name of Object.keys(values)) {
      assert.equal(found[name].constructor, classes[name], `${name}, ${where}`)
    }
    assert.ok(found.nested[0].id instanceof classes.ObjectId)
    assert.ok(found.Code.scope.id instanceof classes.ObjectId)
    assert.ok(found.DBRef.oid instanceof classes.ObjectId)
    assert.ok(found.DBRef.fields.more[0] instanceof classes.ObjectId)
    assert.ok(found.ObjectId.equals(values.ObjectId) && values.ObjectId.equals(found.ObjectId))
    assert.equal(found.Decimal128.toString(), '1.50')
    assert.equal(found.Long.toString(), '9007199254740993')
    assert.equal(found.Timestamp.toString(), values.Timestamp.toString())
    // What is written unchanged is what was read.
    assert.ok(encode(found).equals(encode(data)))
  }
  await store.set('passport', PASSPORT(new classes.ObjectId()))
  assert.ok((await store.get('passport')).passport.user instanceof classes.ObjectId)
}

/** A user of the application's is found by what a session holds, and equals it. */
async function assertFinds(store, connection, { Schema }) {
  const User = connection.model('User', new Schema({ name: String }))
  const user = await User.create({ name: 'Ann' })
  await store.set('user', PASSPORT(user._id))
  const { passport } = await store.get('user')
  assert.equal((await User.findById(passport.user)).name, 'Ann')
  assert.equal((await User.findOne({ _id: { $in: [passport.user] } })).name, 'Ann')
  assert.ok(user._id.equals(passport.user) && passport.user.equals(user._id))
  assert.ok(passport.user instanceof user._id.constructor)
  const friend = new User({ _id: passport.user })
  assert.equal(String(friend._id), String(user._id))
}

describe('with Mongoose', { timeout: 120_000 }, () => {
  for (const name of MONGOOSES) {
    const mongoose = require(name)

    it(`values are ${name}'s, given a connection that is open`, async (t) => {
      const connection = mongoose.createConnection(database.uri, { dbName: database.name })
      t.after(() => connection.close())
      await connection.asPromise()
      const store = database.store({ connection })
      await assertTheirOwn(store, mongoose.mongo)
      await assertFinds(store, connection, mongoose)
    })

    it(`values are ${name}'s, given the module before it connects`, async (t) => {
      const own = new mongoose.Mongoose()
      t.after(() => own.disconnect())
      const store = database.store({ connection: own })
      const id = new own.Types.ObjectId()
      const written = store.set('early', PASSPORT(id))
      await own.connect(database.uri, { dbName: database.name })
      await written
      assert.ok((await store.get('early')).passport.user instanceof own.Types.ObjectId)
      await assertTheirOwn(store, mongoose.mongo)
      await assertFinds(store, own, own)
    })

    it(`values are ${name}'s, given { Mongo, Schema } or a connection of useDb`, async (t) => {
      const connection = mongoose.createConnection(database.uri, { dbName: database.name })
      t.after(() => connection.close())
      const { Schema } = mongoose
      await assertTheirOwn(
        database.store({ connection: { Mongo: connection, Schema } }),
        mongoose.mongo,
      )
      const other = connection.useDb(database.name)
      await assertTheirOwn(database.store({ connection: other }), mongoose.mongo)
    })
  }
})

describe('with the driver', { timeout: 120_000 }, () => {
  for (const name of DRIVERS) {
    const driver = require(name)
    const { MongoClient } = driver
    // Not the driver, and no copy of it: an application's module that hands its client on.
    const idClass = driver.ObjectId

    it(`values are those of ${name}, given a client, connected or not`, async (t) => {
      const client = new MongoClient(database.uri)
      t.after(() => client.close())
      await assertTheirOwn(database.store({ connection: client }), driver)
      await client.connect()
      await assertTheirOwn(database.store({ connection: client }), driver)
    })

    it(`values are those of ${name}, given a Db, and the driver finds what they name`, async (t) => {
      const client = new MongoClient(database.uri)
      t.after(() => client.close())
      const db = client.db(database.name)
      const store = database.store({ connection: db, db: undefined })
      await assertTheirOwn(store, driver)
      await client.connect()
      const { insertedId } = await db.collection('users').insertOne({ name: 'Ann' })
      await store.set('user', PASSPORT(insertedId))
      const { passport } = await store.get('user')
      assert.equal((await db.collection('users').findOne({ _id: passport.user })).name, 'Ann')
      assert.ok(insertedId.equals(passport.user))
    })

    it(`values are those of ${name}, given a client of a class of the application's`, async (t) => {
      class AppClient extends MongoClient {}
      const client = new AppClient(database.uri, { pkFactory: { createPk: () => 5 } })
      t.after(() => client.close())
      await assertTheirOwn(database.store({ connection: client }), driver)
    })

    it(`ids are those of ${name} where the modules cannot be seen, the rest this package's`, async (t) => {
      // As in an application that was made into a single file.
      const hidden = Object.entries(require.cache).filter(([, { exports }]) => exports?.MongoClient)
      for (const [file] of hidden) delete require.cache[file]
      t.after(() => Object.assign(require.cache, Object.fromEntries(hidden)))
      const client = new MongoClient(database.uri, { pkFactory: { createPk: () => assert.fail() } })
      t.after(() => client.close())
      const store = database.store({ connection: client })
      const { UUID } = classesOf(driver)
      for (const text of Object.values(TEXTS)) {
        await store.set('hidden', { id: new idClass(), uuid: new UUID(), text })
        const found = await store.get('hidden')
        assert.ok(found.id instanceof idClass)
        assert.ok(found.uuid instanceof ownBson.UUID)
      }
    })
  }
})

describe('with a connection string', { timeout: 120_000 }, () => {
  it("values are this package's", async () => {
    await assertTheirOwn(database.store(), ownBson)
  })

  for (const name of BSONS) {
    it(`values are those of the option bson: ${name}`, async () => {
      await assertTheirOwn(database.store({ bson: require(name) }), require(name))
    })
  }

  for (const name of DRIVERS) {
    it(`values are those of the option bson: what ${name} exports`, async () => {
      await assertTheirOwn(database.store({ bson: require(name) }), require(name))
    })
  }

  it('values are those of the option bson: a namespace of an import', async () => {
    for (const name of BSONS) {
      const namespace = await import(name)
      const exported = namespace.ObjectId ? namespace : namespace.default
      await assertTheirOwn(database.store({ bson: namespace }), exported)
    }
  })
})

describe('the option bson', () => {
  it('goes before what the connection says', async (t) => {
    const mongoose = require('mongoose-7')
    const connection = mongoose.createConnection(database.uri)
    t.after(() => connection.close())
    await assertTheirOwn(database.store({ connection, bson: require('bson-5') }), require('bson-5'))
    await assertTheirOwn(database.store({ connection, bson: undefined }), mongoose.mongo)
  })

  const WRONG = {
    null: null,
    'a name': 'bson',
    'a version': 6,
    'a path': require.resolve('bson'),
    'an empty object': {},
    'one of its classes': ownBson.ObjectId,
    'half of it': { ObjectId: ownBson.ObjectId, Binary: ownBson.Binary },
    'classes of others': Object.fromEntries(Object.keys(ownBson).map((name) => [name, class {}])),
    mongoose: require('mongoose'),
    'a promise of it': import('bson'),
  }
  for (const [name, bson] of Object.entries(WRONG)) {
    it(`cannot be ${name}`, () => {
      assert.throws(
        () => new SessionStore({ connection: 'mongodb://localhost', bson }),
        (error) =>
          error instanceof SessionStoreError &&
          error.code === 'ERR_OPTIONS' &&
          error.message.startsWith("option 'bson' must be the `bson` module, of version 4 to 7; "),
      )
    })
  }
})
