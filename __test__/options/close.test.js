'use strict'

// A store that has nothing to finish does not wait for a server that is away. The limits here are
// longer than the test may take.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { describe, it } = require('node:test')
const { MongoClient } = require('mongodb')
const { Mongoose } = require('mongoose')
const { SessionStore } = require('../..')
const { useNetwork } = require('../support/network')
const { GREETINGS } = require('../support/proxy')

const LONG = {
  timeoutMS: 600_000,
  serverSelectionTimeoutMS: 600_000,
  connectTimeoutMS: 600_000,
}
const CLOSED = { code: 'ERR_CLOSED' }

describe('close', { timeout: 30_000 }, () => {
  const network = useNetwork()

  async function assertCloses(connection) {
    const store = new SessionStore({ connection, ...LONG })
    store.on('warning', () => {})
    await store.close()
    await assert.rejects(store.get('id'), CLOSED)
  }

  it('does not wait for a server that never answers', async () => {
    network.proxy.mute()
    const store = new SessionStore({ connection: network.proxy.uri, ...LONG })
    await store.close()
    await assertCloses(new MongoClient(network.proxy.uri))
  })

  it('does not wait for an answer that the driver waits for', async () => {
    const arrived = new Promise((resolve) => {
      const swallow = () => {
        resolve()
        return new Promise(() => {})
      }
      network.proxy.inject(swallow, { commands: GREETINGS, times: Infinity })
    })
    const store = new SessionStore({ connection: network.proxy.uri, ...LONG })
    await arrived
    await store.close()
  })

  it('does not wait for one that refuses, or has no address', async () => {
    await assertCloses('mongodb://127.0.0.1:1')
    await assertCloses('mongodb://no-such-host.invalid')
    await assertCloses('mongodb+srv://no-such-host.invalid')
  })

  it('does not wait for mongoose.connect(), before, during and after it fails', async () => {
    network.proxy.mute()
    const mongoose = new Mongoose()
    await assertCloses(mongoose)
    const connected = mongoose.connect(network.proxy.uri, { serverSelectionTimeoutMS: 1000 })
    await assertCloses(mongoose)
    await assert.rejects(connected)
    await assertCloses(mongoose)
    const disconnected = once(mongoose.connection, 'disconnected')
    const again = mongoose.connect(network.proxy.uri, { serverSelectionTimeoutMS: 1000 })
    await assertCloses(mongoose)
    await assert.rejects(again)
    await disconnected
  })
})
