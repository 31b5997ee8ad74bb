'use strict'

// A server behind a network that fails at will: one proxy, and the stores behind it, for each test.

const { after, afterEach, before, beforeEach } = require('node:test')
const { MongoClient } = require('mongodb')
const { SessionStore } = require('../..')
const { startServer } = require('../../scripts/servers/mongodb')
const { TcpProxy } = require('./proxy')

const GONE = ['ERR_TIMEOUT', 'ERR_UNAVAILABLE']

/** Limits that make the errors of these tests come soon. */
const SOON = { timeoutMS: 1500, serverSelectionTimeoutMS: 1500, connectTimeoutMS: 500 }

const named = (name, count) => Array.from({ length: count }, (_, index) => `${name} ${index}`)

class Network {
  #needs
  #server
  #client
  #stores = []
  /** @type {TcpProxy} */
  proxy

  constructor({ needs } = {}) {
    this.#needs = needs
  }

  async start() {
    this.#server = await startServer({ needs: this.#needs })
    this.#client = await new MongoClient(this.#server.uri).connect()
  }

  async stop() {
    await this.#client.close()
    await this.#server.remove()
  }

  async connect() {
    this.proxy = await TcpProxy.open(this.#server.port)
  }

  async disconnect() {
    const closed = Promise.all(this.#stores.splice(0).map((store) => store.close()))
    // A store that waits for a broken network in vain fails its own test, not those after it.
    await this.proxy.close()
    await closed
  }

  /** A store behind the proxy that is closed at the end of the test. */
  store(options) {
    const store = new SessionStore({ connection: this.proxy.uri, ...options })
    this.#stores.push(store)
    return store
  }

  /** The database, past the proxy. */
  get db() {
    return this.#client.db('test')
  }

  get collection() {
    return this.db.collection('sessions')
  }

  /** What MongoDB itself has of these sessions. */
  async stored(ids) {
    const records = await this.collection.find({ _id: { $in: ids } }).toArray()
    return new Map(records.map(({ _id, data }) => [_id, data]))
  }
}

/** To be called in a `describe`; `options` are those of startServer. */
function useNetwork(options) {
  const network = new Network(options)
  before(() => network.start())
  beforeEach(() => network.connect())
  afterEach(() => network.disconnect())
  after(() => network.stop())
  return network
}

module.exports = { GONE, SOON, named, useNetwork }
