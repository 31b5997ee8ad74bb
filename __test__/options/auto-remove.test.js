'use strict'

// autoRemove: who removes sessions that have ended. 'native', the default, is in
// connection/indexes.test.js.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { useDatabase } = require('../support/database')
const { Gate } = require('../support/gate')
const { loseCursors } = require('../support/lost-cursors')
const { useNetwork } = require('../support/network')
const { next } = require('../support/outcome')
const { runInProcess } = require('../support/process')
const { faults } = require('../support/proxy')

const database = useDatabase()
let number = 0

/** The shortest that there is: a second, in minutes. */
const OFTEN = { autoRemove: 'interval', autoRemoveInterval: 1 / 60 }

/** Sessions of which some have ended: their ids begin with 'ended'. */
function records(ended, live) {
  const at = (time) => ({ data: { a: 1 }, updatedAt: new Date(), expiresAt: new Date(time) })
  const list = (count, name, time) =>
    Array.from({ length: count }, (_, index) => ({ _id: `${name} ${index}`, ...at(time) }))
  return [...list(ended, 'ended', Date.now() - 1000), ...list(live, 'live', Date.now() + 600_000)]
}

async function collectionWith(ended, live) {
  const name = `removal${number++}`
  await database.collection(name).insertMany(records(ended, live))
  return name
}

async function untilNoneHasEnded(collection) {
  while ((await collection.countDocuments({ _id: /^ended/ })) > 0) await sleep(20)
}

const indexNames = async (name) =>
  (await database.collection(name).indexes()).map((index) => index.name)

describe("autoRemove: 'interval'", { timeout: 60_000 }, () => {
  it('removes what has ended and nothing else, also where nothing is written', async () => {
    const name = await collectionWith(2500, 20)
    const collection = database.collection(name)
    await collection.insertOne({ _id: 'of another store', data: { a: 1 } })
    database.store({ collection: name, ...OFTEN })
    await untilNoneHasEnded(collection)
    assert.equal(await collection.countDocuments(), 21)
    assert.deepEqual(await indexNames(name), ['_id_'])
  })

  it('goes on removing', async () => {
    const name = await collectionWith(1, 0)
    const store = database.store({ collection: name, ...OFTEN })
    await untilNoneHasEnded(database.collection(name))
    await store.set('ended 1', { a: 1 }, 1)
    await untilNoneHasEnded(database.collection(name))
  })

  it('takes several processes at once', async () => {
    const name = await collectionWith(5000, 20)
    const warnings = []
    for (let count = 0; count < 4; count++) {
      const store = database.store({ collection: name, ...OFTEN })
      store.on('warning', (warning) => warnings.push(warning.message))
    }
    await untilNoneHasEnded(database.collection(name))
    assert.equal(await database.collection(name).countDocuments(), 20)
    assert.deepEqual(warnings, [])
  })

  it('keeps no process alive', async () => {
    const body = async ({ SessionStore, options }) => {
      const store = new SessionStore(options)
      await store.set('id', { a: 1 })
    }
    const options = { ...database.options, ...OFTEN, collection: `removal${number++}` }
    const { code, stderr } = await runInProcess(body, options)
    assert.equal(code, 0, stderr)
  })

  it('leaves an index that removes sessions, and says so', async () => {
    for (const autoRemove of ['interval', 'disabled']) {
      const name = await collectionWith(0, 1)
      await database.store({ collection: name }).set('id', { a: 1 })
      assert.deepEqual(await indexNames(name), ['_id_', 'expiresAt_1'])
      const store = database.store({ collection: name, autoRemove })
      const { code, message } = await next(store, 'warning', (one) => /index/.test(one.message))
      assert.equal(code, 'ERR_OPTIONS')
      assert.match(message, new RegExp(`though autoRemove is '${autoRemove}', since the index exp`))
      assert.ok(message.includes(`db.getCollection("${name}").dropIndex("expiresAt_1")`))
      await store.set('id', { a: 2 })
      assert.deepEqual(await indexNames(name), ['_id_', 'expiresAt_1'])
    }
  })
})

describe('a removal that is under way', { timeout: 60_000 }, () => {
  const network = useNetwork()

  it('spares a session that is renewed meanwhile', async () => {
    await network.collection.deleteMany({})
    await network.collection.insertMany(records(3, 0))
    const gate = new Gate()
    network.proxy.inject(faults.holdCommand(gate), { commands: ['delete'] })
    network.store(OFTEN)
    await gate.reached
    // It has read which sessions are to go, and is about to say so.
    const renewed = { $set: { expiresAt: new Date(Date.now() + 600_000) } }
    await network.collection.updateOne({ _id: 'ended 1' }, renewed)
    gate.open()
    while ((await network.collection.countDocuments()) > 1) await sleep(20)
    assert.deepEqual([...(await network.stored(['ended 1'])).keys()], ['ended 1'])
  })

  it('carries a bounded number of sessions in each command', async () => {
    await network.collection.deleteMany({})
    await network.collection.insertMany(records(2500, 0))
    const sizes = []
    const look = (exchange) => {
      sizes.push(exchange.body.deletes[0].q._id.$in.length)
      return faults.none(exchange)
    }
    network.proxy.inject(look, { commands: ['delete'], times: Infinity })
    network.store(OFTEN)
    while ((await network.collection.countDocuments()) > 0) await sleep(20)
    assert.deepEqual(sizes, [1000, 1000, 500])
  })

  it('goes on where each cursor is lost', async () => {
    await network.collection.deleteMany({})
    await network.collection.insertMany(records(2500, 0))
    const lost = loseCursors(network.proxy, 1000)
    const store = network.store(OFTEN)
    const warnings = []
    store.on('warning', ({ message }) => warnings.push(message))
    while ((await network.collection.countDocuments()) > 0) await sleep(20)
    assert.equal(lost(), 2)
    assert.deepEqual(warnings, [])
  })

  it('that MongoDB refuses is told once, and tried again', async () => {
    await network.collection.deleteMany({})
    await network.collection.insertMany(records(1, 0))
    const refusal = { ok: 0, code: 13, codeName: 'Unauthorized', errmsg: 'not allowed' }
    let tried = 0
    const refuse = (exchange) => {
      tried++
      return exchange.pretend(refusal)
    }
    const refusing = network.proxy.inject(refuse, { commands: ['delete'], times: Infinity })
    const store = network.store(OFTEN)
    const warnings = []
    store.on('warning', ({ code, message }) => warnings.push([code, message]))
    while (tried < 2) await sleep(20)
    refusing.end()
    while ((await network.collection.countDocuments()) > 0) await sleep(20)
    const told = warnings.filter(([, message]) => /cannot remove them/.test(message))
    assert.equal(told.length, 1)
    assert.equal(told[0][0], 'ERR_AUTH')
    assert.match(told[0][1], /^expired sessions stay stored, .*Unauthorized, code 13/)
  })

  it('that gets no answer delays no operation and no close()', async () => {
    await network.collection.deleteMany({})
    await network.collection.insertMany(records(1, 0))
    const gate = new Gate()
    const ofRemoval = (exchange) => exchange.body.filter?.expiresAt !== undefined
    const held = { commands: ['find'], when: ofRemoval, times: Infinity }
    network.proxy.inject(faults.holdCommand(gate), held)
    const store = network.store(OFTEN)
    await gate.reached
    await store.set('beside', { a: 1 })
    assert.deepEqual(await store.get('beside'), { a: 1 })
    await store.close()
    gate.open()
  })
})

describe("autoRemove: 'disabled'", { timeout: 60_000 }, () => {
  it('makes no index and removes nothing', async () => {
    const name = await collectionWith(3, 1)
    const store = database.store({ collection: name, autoRemove: 'disabled' })
    const warnings = []
    store.on('warning', (warning) => warnings.push(warning.message))
    await store.set('id', { a: 1 })
    assert.equal(
      await store.get('ended 1'),
      undefined,
      'what has ended is not returned all the same',
    )
    await store.close()
    assert.deepEqual(await indexNames(name), ['_id_'])
    assert.equal(await database.collection(name).countDocuments(), 5)
    assert.deepEqual(warnings, [])
  })
})
