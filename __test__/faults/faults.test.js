'use strict'

const assert = require('node:assert/strict')
const { after, before, describe, test } = require('node:test')
const { MongoClient } = require('mongodb')
const { SessionStore } = require('../..')
const { startServer } = require('../../scripts/servers/mongodb')
const { Gate } = require('../support/gate')
const { Loads, writesTo } = require('../support/load')
const { assertBounded, outage } = require('../support/outage')
const { TcpProxy, faults } = require('../support/proxy')

/** Codes by which a server says: not me, not now. */
const PASSING = [6, 7, 89, 91, 134, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436]

/** Codes that trying again cannot help, and what the caller sees. */
const FINAL = [
  [2, 'ERR_SERVER'],
  [13, 'ERR_AUTH'],
  [18, 'ERR_AUTH'],
  [20, 'ERR_SERVER'],
  [43, 'ERR_SERVER'],
  [50, 'ERR_TIMEOUT'],
  [96, 'ERR_SERVER'],
  [8000, 'ERR_SERVER'],
  [11601, 'ERR_SERVER'],
]

const BAD_VALUE = 2
const UNKNOWN = 8

describe('faults', () => {
  let server
  let proxy
  let client
  let store

  const failCommands = (times, failure) => proxy.inject(faults.fail(failure), { times })

  before(async () => {
    server = await startServer({ needs: 'transactionNumbers' })
    proxy = await TcpProxy.open(server.port)
    client = await new MongoClient(server.uri).connect()
    store = new SessionStore({
      connection: proxy.uri,
      timeoutMS: 20_000,
      serverSelectionTimeoutMS: 20_000,
    })
    await store.set('there', { a: 1 })
  })

  after(async () => {
    await store.close()
    await proxy.close()
    await client.close()
    await server.remove()
  })

  for (const errorCode of PASSING) {
    test(`an operation that meets code ${errorCode} is tried again`, async () => {
      failCommands(3, { errorCode })
      const set = store.set(`set ${errorCode}`, { errorCode })
      const [found] = await Promise.all([store.get('there'), set, store.destroy('unknown')])
      assert.deepEqual(found, { a: 1 })
      assert.deepEqual(await store.get(`set ${errorCode}`), { errorCode })
    })
  }

  for (const [errorCode, code] of FINAL) {
    test(`an operation that meets code ${errorCode} fails with ${code}, once`, async () => {
      const operations = [
        () => store.get('there'),
        () => store.set('there', { a: 1 }),
        () => store.destroy('unknown'),
      ]
      for (const operation of operations) {
        failCommands(1, { errorCode })
        await assert.rejects(operation, { code, mongoCode: errorCode })
        await operation()
      }
    })
  }

  test('a write that MongoDB says may be tried again is, whatever its code', async () => {
    const errorLabels = ['RetryableWriteError']
    failCommands(2, { errorCode: UNKNOWN, errorLabels })
    await store.set('labelled', { a: 1 })
    failCommands(2, { writeConcernError: { code: UNKNOWN, errmsg: 'x' }, errorLabels })
    await store.set('labelled', { a: 2 })
    assert.deepEqual(await store.get('labelled'), { a: 2 })
  })

  test('a sign-out that failed is still one if another succeeds', async () => {
    const request = { ctx: {} }
    await store.set('signed out', { a: 1 })
    const session = await store.get('signed out', undefined, request)
    failCommands(1, { errorCode: BAD_VALUE })
    await assert.rejects(store.destroy('signed out', request), { mongoCode: BAD_VALUE })
    await new SessionStore({ connection: client }).destroy('signed out')
    await store.set('signed out', { ...session, a: 2 }, undefined, request)
    assert.equal(await store.get('signed out'), undefined)
  })

  test('an operation whose connection breaks is tried again', async () => {
    proxy.inject(faults.cut, { times: 6 })
    const operations = [store.get('there'), store.set('cut', { a: 1 }), store.destroy('unknown')]
    await Promise.all(operations)
    assert.deepEqual(await store.get('cut'), { a: 1 })
  })

  test('a write whose answer was lost does not undo what another wrote meanwhile', async () => {
    const collection = client.db('test').collection('sessions')
    const change = (filter, set) => collection.findOneAndUpdate(filter, { $set: set })
    await store.set('repeated', { count: 0 })
    // Executed, but answered as if it were not; and held up, so that the other comes in between.
    const other = new Gate()
    const writeConcernError = { code: 91, errmsg: 'shutting down' }
    const lost = async (exchange) => {
      await exchange.send()
      const reply = await exchange.reply()
      await other.pass()
      await exchange.answer(reply, { change: (body) => ({ ...body, writeConcernError }) })
    }
    proxy.inject(lost, { times: 2 })
    const first = store.set('repeated', { count: 1 })
    while (!(await change({ _id: 'repeated', 'data.count': 1 }, { 'data.count': 2 }))) {
      await new Promise(setImmediate)
    }
    other.open()
    await first
    assert.deepEqual((await collection.findOne({ _id: 'repeated' })).data, { count: 2 })
  })

  test('while the primary steps down, operations wait for the next one', async () => {
    await client.db('admin').command({ replSetStepDown: 2, force: true })
    const ids = Array.from({ length: 50 }, (_, index) => `stepped down ${index}`)
    await Promise.all(ids.map((id) => store.set(id, { id })))
    const found = await Promise.all(ids.map((id) => store.get(id)))
    assert.deepEqual(
      found,
      ids.map((id) => ({ id })),
    )
  })

  test('a server that is killed and comes back costs no write that was acknowledged', async () => {
    const journalled = new SessionStore({
      connection: server.uri,
      timeoutMS: 30_000,
      serverSelectionTimeoutMS: 30_000,
      writeConcern: { w: 1, j: true },
    })
    const acknowledged = []
    let writing = true
    const write = async (writer) => {
      for (let round = 0; writing; round++) {
        const id = `writer ${writer} round ${round}`
        await journalled.set(id, { writer, round })
        acknowledged.push([id, { writer, round }])
      }
    }
    const writers = Promise.all([0, 1, 2, 3].map(write))
    while (acknowledged.length < 40) await new Promise(setImmediate)
    await server.kill()
    await server.start()
    const enough = acknowledged.length + 40
    while (acknowledged.length < enough) await new Promise(setImmediate)
    writing = false
    await writers
    for (const [id, data] of acknowledged) assert.deepEqual(await journalled.get(id), data)
    await journalled.close()
  })

  test('close() settles all that was accepted, and what was acknowledged is there', async () => {
    const closing = new SessionStore({ connection: server.uri, timeoutMS: 60_000 })
    const ids = Array.from({ length: 2000 }, (_, index) => `closing ${index}`)
    const sets = ids.map((id) => closing.set(id, { id }))
    await closing.close()
    await Promise.all(sets)
    for (const id of ids.slice(0, 5).concat(ids.slice(-5))) {
      assert.deepEqual(await store.get(id), { id })
    }
    assert.equal(
      await client
        .db('test')
        .collection('sessions')
        .countDocuments({ _id: /^closing/ }),
      2000,
    )
  })
})

describe('faults under a load from several processes', { timeout: 300_000 }, () => {
  const patient = { timeoutMS: 60_000, serverSelectionTimeoutMS: 60_000 }
  const journalled = { ...patient, writeConcern: { w: 1, j: true } }
  let server
  let client
  let collection

  before(async () => {
    server = await startServer({ needs: 'transactionNumbers' })
    client = await new MongoClient(server.uri).connect()
    collection = client.db('test').collection('sessions')
  })

  after(async () => {
    await client.close()
    await server.remove()
  })

  test('a server that is killed and comes back costs no write that was acknowledged', async () => {
    const loads = await Loads.start('killed', 2, { connection: server.uri, ...journalled })
    for (let round = 0; round < 2; round++) {
      await writesTo(collection, 20)
      await server.kill()
      await server.start()
    }
    await writesTo(collection, 20)
    const { acknowledged, failures, losses } = await loads.end(collection)
    assert.ok(acknowledged > 0)
    assert.deepEqual(losses, [])
    assert.deepEqual(failures, {})
  })

  test('a primary that steps down for five seconds fails no operation', async () => {
    const loads = await Loads.start('stepped down', 2, { connection: server.uri })
    await writesTo(collection, 20)
    await client.db('admin').command({ replSetStepDown: 5, force: true })
    await writesTo(collection, 20)
    const { failures, losses } = await loads.end(collection)
    assert.deepEqual(losses, [])
    assert.deepEqual(failures, {})
  })

  test('a server that is gone is ERR_UNAVAILABLE, and the memory bounded', async () => {
    const store = new SessionStore({ connection: server.uri, serverSelectionTimeoutMS: 1000 })
    await store.set('there', { a: 1 })
    assertBounded(await outage(store, server, 4000), 1000)
    assert.deepEqual(await store.get('there'), { a: 1 })
    await store.close()
  })
})
