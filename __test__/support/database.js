'use strict'

// A database of its own for each test file, gone at the end, and the stores in it.

const { randomBytes } = require('node:crypto')
const { after, before } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { BSON, MongoClient } = require('mongodb')
const { startMongoDB } = require('../../scripts/servers/mongodb')
const { openDocument, openSession, storedId } = require('./sealed-format')
const { SessionStore } = require('../..')

const KEYS = ['every session is encrypted, says the test']
/** By which those files find sessions. */
const ENCRYPTED = { encryption: { keys: KEYS }, indexes: ['even', 'history'] }

/**
 * What the stores of all tests are told besides: `__test__/sealed/again.test.js` runs some files once
 * more, with every session encrypted, or its id hashed as well.
 */
const SEALED = {
  encryption: ENCRYPTED,
  hashIds: { ...ENCRYPTED, hashIds: { key: KEYS[0] } },
}[process.env.SEALED]

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
    return { connection: this.uri, db: this.name, ...SEALED }
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

  /**
   * The stored document of a session, as the official driver reads it; null if there is none. Where
   * the stores of all tests encrypt, as it would be without that.
   * @param {string} id
   * @param {string} [collection]
   * @param {import('mongodb').FindOptions} [options]
   */
  async document(id, collection, options) {
    const records = this.collection(collection)
    if (!this.isSealed) return records.findOne({ _id: id }, options)
    const _id = SEALED.hashIds ? storedId(KEYS[0], id) : id
    return openDocument(await records.findOne({ _id }), KEYS, options)
  }

  /** The bytes of a stored session, likewise. */
  async sessionBytes(id) {
    const record = await this.collection().findOne({ _id: id }, { raw: true })
    const bytes = Buffer.from(BSON.deserialize(record, { raw: true }).data)
    return this.isSealed ? openSession(bytes, KEYS, id) : bytes
  }

  /** Whether the stores of all tests encrypt. */
  get isSealed() {
    return SEALED !== undefined
  }

  /** All of a collection, by id. */
  async documents(name) {
    const documents = await this.collection(name).find().toArray()
    return Object.fromEntries(documents.map((document) => [document._id, document]))
  }

  async indexNames(name) {
    const indexes = await this.indexes(name)
    return indexes.map(({ name }) => name)
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
