'use strict'

// A database of its own for each test file, gone at the end, and the stores in it.

const { randomBytes } = require('node:crypto')
const { after, before } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { MongoClient } = require('mongodb')
const { startMongoDB } = require('../../scripts/servers/mongodb')
const { SessionStore } = require('../..')

/** The store makes its index in the background, and says nothing when it is there. */
const INDEX_TIME_LIMIT = 30_000

class Database {
  name = `koa_session_test_${randomBytes(6).toString('hex')}`
  #server
  #client
  #stores = []

  async open() {
    this.#server = await startMongoDB({ log() {} })
    this.#client = new MongoClient(this.uri)
  }

  get uri() {
    return this.#server.uri
  }

  /** What a store in this database has to be told. */
  get options() {
    return { connection: this.uri, db: this.name }
  }

  /** A store that is closed at the end. */
  store(options) {
    const store = new SessionStore({ ...this.options, ...options })
    this.#stores.push(store)
    return store
  }

  command(command) {
    return this.#client.db(this.name).command(command)
  }

  collection(name = 'sessions') {
    return this.#client.db(this.name).collection(name)
  }

  /** The stored document of a session, as the official driver reads it; null if there is none. */
  document(id, collection) {
    return this.collection(collection).findOne({ _id: id })
  }

  /** The indexes of a collection beside `_id_`, once the store has made its own. */
  async indexes(name) {
    const deadline = Date.now() + INDEX_TIME_LIMIT
    while (Date.now() < deadline) {
      const all = await this.collection(name)
        .indexes()
        .catch(() => [])
      if (all.some(({ key }) => key.expiresAt)) return all.filter(({ name }) => name !== '_id_')
      await sleep(20)
    }
    throw new Error('the store made no index')
  }

  async drop() {
    await Promise.all(this.#stores.map((store) => store.close()))
    await this.#client.db(this.name).dropDatabase()
    await this.#client.close()
    await this.#server.stop()
  }
}

/**
 * `setUp` is called when the database is there, `tearDown` before it goes: hooks of the file itself
 * would not wait for those here.
 */
function useDatabase({ setUp = async () => {}, tearDown = async () => {} } = {}) {
  const database = new Database()
  before(async () => {
    await database.open()
    await setUp(database)
  })
  after(async () => {
    await tearDown(database)
    await database.drop()
  })
  return database
}

module.exports = { useDatabase }
