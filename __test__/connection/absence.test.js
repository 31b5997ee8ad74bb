'use strict'

// MongoDB lost and found again: one warning each, and none at what operations outlast.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { SessionStore } = require('../..')
const { hasServer, startServer } = require('../../scripts/servers/mongodb')
const { freePort } = require('../support/front')
const { next } = require('../support/outcome')
const { TcpProxy } = require('../support/proxy')

// Others make the store warn of that.
const needs = 'transactionNumbers'
const skip = hasServer(needs) ? false : 'no MongoDB at hand refuses old transaction numbers'

describe('a store whose MongoDB is lost', { timeout: 120_000, skip }, () => {
  it('warns once, with the cause, and says once that it is back', async (t) => {
    const server = await startServer({ needs })
    t.after(() => server.remove())
    const connection = `mongodb://127.0.0.1:${server.port}/`
    const store = new SessionStore({
      connection,
      serverSelectionTimeoutMS: 500,
      heartbeatFrequencyMS: 500,
    })
    t.after(() => store.close())
    await store.set('id', { a: 1 })
    const told = []
    store.on('warning', (warning) => told.push(warning))

    for (let round = 1; round <= 2; round++) {
      await server.kill()
      const lost = await next(store, 'warning')
      assert.equal(lost.code, 'ERR_UNAVAILABLE')
      assert.match(lost.message, /^MongoDB cannot be reached/)
      // What was under way is broken off, what comes later refused.
      assert.match(lost.cause.message, /^127\.0\.0\.1:\d+: (refused|closed) the connection/)
      // While it is away nothing more is told, whatever is tried.
      for (let call = 0; call < 3; call++) await assert.rejects(store.get('id'))

      const back = next(store, 'warning')
      await server.start()
      const found = await back
      assert.equal(found.code, 'INFO_AVAILABLE')
      assert.match(found.message, /^MongoDB is back after \d+ seconds: operations work again$/)
      assert.equal(found.cause, undefined)
      assert.deepEqual(await store.get('id'), { a: 1 })
      assert.equal(told.length, 2 * round)
    }
  })

  it('warns of one that was never there', async (t) => {
    const port = await freePort()
    const connection = `mongodb://127.0.0.1:${port}/`
    const store = new SessionStore({ connection, serverSelectionTimeoutMS: 200 })
    t.after(() => store.close())
    const lost = await next(store, 'warning')
    const back = next(store, 'warning')
    assert.equal(lost.cause.message, `127.0.0.1:${port}: refused the connection (ECONNREFUSED)`)
    const server = await startServer({ needs, port })
    t.after(() => server.remove())
    await assert.doesNotReject(async () => {
      while (!(await store.set('id', { a: 1 }).catch(() => undefined)));
    })
    assert.equal((await back).code, 'INFO_AVAILABLE')
  })

  it('says nothing while it comes and goes within what operations wait', async (t) => {
    const server = await startServer({ needs })
    t.after(() => server.remove())
    const proxy = await TcpProxy.open(server.port)
    t.after(() => proxy.close())
    const store = new SessionStore({ connection: proxy.uri, serverSelectionTimeoutMS: 5000 })
    t.after(() => store.close())
    const told = []
    store.on('warning', (warning) => told.push(warning))
    for (let flap = 0; flap < 5; flap++) {
      proxy.reset()
      await store.set('id', { flap })
    }
    assert.deepEqual(await store.get('id'), { flap: 4 })
    assert.deepEqual(told, [])
  })

  it('says nothing once it is closed', async () => {
    const connection = `mongodb://127.0.0.1:${await freePort()}/`
    const store = new SessionStore({ connection, serverSelectionTimeoutMS: 100 })
    const told = []
    store.on('warning', (warning) => told.push(warning))
    await store.close()
    await sleep(300)
    assert.deepEqual(told, [])
  })

  it('is not disturbed by a listener that throws', async (t) => {
    const connection = `mongodb://127.0.0.1:${await freePort()}/`
    const store = new SessionStore({ connection, serverSelectionTimeoutMS: 100 })
    t.after(() => store.close())
    const thrown = new Error('by the listener')
    store.on('warning', () => {
      throw thrown
    })
    // As with any event of Node, it is the process that hears of it.
    const monitors = process.listeners('uncaughtException')
    for (const monitor of monitors) process.off('uncaughtException', monitor)
    const caught = next(process, 'uncaughtException')
    const [rejected] = await Promise.all([
      store.get('id').catch((error) => error),
      caught.then((error) => assert.equal(error, thrown)),
    ])
    for (const monitor of monitors) process.on('uncaughtException', monitor)
    assert.equal(rejected.code, 'ERR_UNAVAILABLE')
  })

  it('tells the process, as a warning and not as an error, where nobody listens', async (t) => {
    const port = await freePort()
    const connection = `mongodb://127.0.0.1:${port}/`
    const warned = next(process, 'warning')
    const store = new SessionStore({ connection, serverSelectionTimeoutMS: 200 })
    t.after(() => store.close())
    const lost = await warned
    assert.deepEqual([lost.name, lost.code], ['SessionStoreError', 'ERR_UNAVAILABLE'])
    // What Node prints beside the message.
    assert.match(lost.detail, /^127\.0\.0\.1:\d+: /)
    const again = next(process, 'warning')
    const server = await startServer({ needs, port })
    t.after(() => server.remove())
    const found = await again
    assert.deepEqual([found.name, found.code], ['SessionStore', 'INFO_AVAILABLE'])
  })
})
