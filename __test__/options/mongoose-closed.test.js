'use strict'

// A store that is closed before mongoose.connect() has told it where MongoDB is.

const assert = require('node:assert/strict')
const { afterEach, beforeEach, describe, test } = require('node:test')
const { Mongoose } = require('mongoose')
const { useNetwork } = require('../support/network')
const { GREETINGS, faults } = require('../support/proxy')

const CLOSED = { name: 'SessionStoreError', code: 'ERR_CLOSED' }

/** As its connections introduce themselves. */
const APP_NAME = 'closed'

/** What a store may wait for. */
const CONNECTIONS = {
  'the mongoose module': (mongoose) => mongoose,
  'a Mongoose Connection': (mongoose) => mongoose.connection,
}

describe('a store that is closed before mongoose.connect()', { timeout: 60_000 }, () => {
  const network = useNetwork()
  let mongoose

  beforeEach(() => {
    mongoose = new Mongoose()
  })

  afterEach(async () => {
    await mongoose.disconnect()
  })

  /** All connections from now on, by the `appName` of whose they are; each resolves at its end. */
  function watchConnections() {
    const connections = { [APP_NAME]: [], other: [] }
    const look = (exchange) => {
      const name = exchange.body.client?.application?.name
      connections[name]?.push(exchange.abandoned())
      return faults.none(exchange)
    }
    network.proxy.inject(look, { commands: GREETINGS, times: Infinity })
    return connections
  }

  /** Whoever waited for mongoose.connect() has then been told, and has had time to connect. */
  async function connect() {
    const other = network.store({ connection: mongoose, appName: 'other' })
    await mongoose.connect(network.proxy.uri)
    await other.set('other', { a: 1 })
    assert.deepEqual(await other.get('other'), { a: 1 })
  }

  async function assertRefuses(store) {
    const request = { ctx: {} }
    await assert.rejects(store.get('id'), CLOSED)
    await assert.rejects(store.set('id', { a: 1 }), CLOSED)
    await assert.rejects(store.set('id', { a: 1 }, undefined, request), CLOSED)
    await assert.rejects(store.destroy('id'), CLOSED)
  }

  for (const [what, connectionOf] of Object.entries(CONNECTIONS)) {
    const open = (options) =>
      network.store({ connection: connectionOf(mongoose), appName: APP_NAME, ...options })

    test(`with ${what}: opens no connection, and refuses what comes later`, async () => {
      const store = open()
      const connections = watchConnections()
      await store.close()
      await assertRefuses(store)
      await connect()
      assert.ok(connections.other.length > 0)
      assert.equal(connections[APP_NAME].length, 0)
      await assertRefuses(store)
      await store.close()
    })

    test(`with ${what}: finishes what was accepted, then disconnects`, async () => {
      const store = open()
      const connections = watchConnections()
      const set = store.set('accepted', { what })
      const closed = store.close()
      await assertRefuses(store)
      await connect()
      assert.deepEqual(await set, { what })
      await closed
      assert.deepEqual((await network.stored(['accepted'])).get('accepted'), { what })
      assert.ok(connections[APP_NAME].length > 0)
      await Promise.all(connections[APP_NAME])
      await assertRefuses(store)
    })

    test(`with ${what}: does not wait for ever for what was accepted`, async () => {
      const store = open({ serverSelectionTimeoutMS: 100 })
      const connections = watchConnections()
      const failed = assert.rejects(store.set('never', { a: 1 }), { code: 'ERR_UNAVAILABLE' })
      await store.close()
      await failed
      await connect()
      assert.ok(connections.other.length > 0)
      assert.equal(connections[APP_NAME].length, 0)
    })
  }
})
