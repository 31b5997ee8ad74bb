// The stores on MongoDB.

const { createRequire } = require('node:module')
const path = require('node:path')

// What only the benchmark needs is installed in bench/.
const requirePeer = createRequire(path.join(__dirname, '..', 'package.json'))

/** Protects nothing but what the benchmark has made. */
const KEY = 'a key of the benchmark, of 32 bytes or more'

const openers = {
  /** The code that anyone would write with the official driver; its pool has 100 connections. */
  async driver({ uri, db, collection }) {
    const { MongoClient } = require('mongodb')
    const client = await MongoClient.connect(uri, { maxPoolSize: 100 })
    const sessions = client.db(db).collection(collection)
    await sessions.createIndex({ expiresAt: 1 }, { expireAfterSeconds: 0 })
    return { store: new DriverStore(sessions), close: () => client.close() }
  },

  async 'koa-session-mongoose'({ uri, db, collection }) {
    const mongoose = require('mongoose')
    await mongoose.connect(uri, { dbName: db })
    const MongooseStore = require('koa-session-mongoose')
    const store = MongooseStore.create({ collection })
    await store.session.init()
    return { store, close: () => mongoose.disconnect() }
  },

  async 'connect-mongo'({ uri, db, collection }) {
    const { MongoStore } = requirePeer('connect-mongo')
    const mongo = MongoStore.create({ mongoUrl: uri, dbName: db, collectionName: collection })
    return { store: new ConnectMongoAdapter(mongo), close: () => mongo.close() }
  },

  ours: async (place) => openOurs(place),

  'ours-encrypted': async (place) => openOurs(place, { encryption: { keys: [KEY] } }),

  'ours-hashed': async (place) => openOurs(place, { hashIds: { key: KEY } }),
}

function openOurs({ uri, db, collection }, options = {}) {
  const SessionStore = require('../..')
  const store = new SessionStore({ connection: uri, db, collection, ...options })
  return { store, close: () => store.close() }
}

class DriverStore {
  constructor(sessions) {
    this.sessions = sessions
  }

  async get(id) {
    const record = await this.sessions.findOne({ _id: id, expiresAt: { $gt: new Date() } })
    return record?.data
  }

  async set(id, data, maxAge, { changed } = { changed: true }) {
    const updatedAt = new Date()
    const expiresAt = new Date(Date.now() + maxAge)
    // To renew a session, its expiry is enough.
    const content = changed ? { data } : { 'data._expire': data._expire }
    const update = { $set: { ...content, updatedAt, expiresAt } }
    await this.sessions.updateOne({ _id: id }, update, { upsert: changed })
    return data
  }

  async destroy(id) {
    await this.sessions.deleteOne({ _id: id })
  }
}

/** Its `touch` leaves the session's `_expire` as it is, which koa-session reads: so `set` it is. */
class ConnectMongoAdapter {
  constructor(mongo) {
    this.mongo = mongo
  }

  get(id) {
    return new Promise((resolve, reject) =>
      this.mongo.get(id, (error, data) => (error ? reject(error) : resolve(data ?? undefined))),
    )
  }

  set(id, data) {
    return new Promise((resolve, reject) =>
      this.mongo.set(id, data, (error) => (error ? reject(error) : resolve(data))),
    )
  }

  destroy(id) {
    return new Promise((resolve, reject) =>
      this.mongo.destroy(id, (error) => (error ? reject(error) : resolve(undefined))),
    )
  }
}

module.exports = { openers }
