'use strict'

// adopt() over many documents, interrupted, repeated, and by several at once.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { MongoClient } = require('mongodb')
const { SessionStore } = require('../..')
const { startServer } = require('../../scripts/servers/mongodb')
const {
  NOTHING_LEFT,
  assertAdopted,
  countAdopted,
  fill,
  untilAdopted,
} = require('../support/adopted')
const { useDatabase } = require('../support/database')
const { loseCursors } = require('../support/lost-cursors')
const { useNetwork } = require('../support/network')
const { failure } = require('../support/outcome')
const { faults } = require('../support/proxy')
const { TaskProcess } = require('../support/tasks')

const COUNT = 20_000
const PATIENT = { timeoutMS: 60_000, serverSelectionTimeoutMS: 60_000 }

const database = useDatabase()
const network = useNetwork()

describe('adopt() of many documents', { timeout: 900_000 }, () => {
  it('is killed, repeated, and run by two processes at once: every session is there as it was', async (t) => {
    const name = 'many'
    const { uri, name: db, options } = database
    const collection = database.collection(name)
    const end = await fill(collection, COUNT, { uri, db, collection: name })
    const open = async () => {
      const child = new TaskProcess()
      await child.run('open', { 0: { ...options, collection: name, ...PATIENT } })
      return child
    }
    const first = await open()
    const killed = first.run('adopt').then(
      () => assert.fail('it was too quick to be killed'),
      () => {},
    )
    await untilAdopted(collection, COUNT / 10)
    await first.kill()
    await killed
    assert.ok((await countAdopted(collection)) < COUNT)

    const others = await Promise.all([open(), open()])
    t.after(() => Promise.all(others.map((other) => other.kill())))
    const did = await Promise.all(others.map((other) => other.run('adopt')))
    for (const { looked, left } of did) {
      assert.equal(looked, COUNT)
      assert.deepEqual(left, NOTHING_LEFT)
    }
    await assertAdopted(collection, COUNT, end)

    const store = database.store({ collection: name, ...PATIENT })
    const { looked, adopted: more, dropped } = await store.adopt()
    assert.deepEqual({ looked, more, dropped }, { looked: COUNT, more: 0, dropped: [] })
  })

  it('goes on through the death and return of the server', async (t) => {
    const server = await startServer()
    t.after(() => server.remove())
    const client = new MongoClient(server.uri)
    t.after(() => client.close())
    const collection = client.db('app').collection('sessions')
    const count = 4000
    const where = { uri: server.uri, db: 'app', collection: 'sessions' }
    const end = await fill(collection, count, where)
    const store = new SessionStore({ connection: server.uri, db: 'app', ...PATIENT })
    t.after(() => store.close())
    store.on('warning', () => {})
    const adopting = store.adopt()
    adopting.catch(() => {})
    for (const part of [0.2, 0.6]) {
      await untilAdopted(collection, count * part)
      await server.kill()
      await server.start()
    }
    const { left } = await adopting
    assert.deepEqual(left, NOTHING_LEFT)
    await assertAdopted(collection, count, end)
  })

  it('goes on where each cursor is lost', async () => {
    const sessions = Array.from({ length: 600 }, (_, user) => ({ _id: `${user}`, data: { user } }))
    await network.collection.insertMany(sessions)
    const lost = loseCursors(network.proxy, 100)
    const { looked, adopted } = await network.store().adopt()
    assert.deepEqual({ looked, adopted }, { looked: 600, adopted: 600 })
    assert.ok(lost() >= 5, `${lost()} cursors were lost`)
  })

  it('fails where MongoDB’s count cannot be read: it is not taken for the end', async () => {
    await network.collection.insertOne({ _id: 'one more', data: {} })
    const noCount = faults.rewrite(({ cursor }) => {
      delete cursor.firstBatch[0]?.count
    })
    network.proxy.inject(noCount, { commands: ['aggregate'], times: 2 })
    assert.match((await failure(network.store().adopt())).message, /malformed/)
  })

  it('ends between two steps where the store is closed, and can be called again', async () => {
    const name = 'closed'
    const { uri, name: db } = database
    const collection = database.collection(name)
    const count = 4000
    const end = await fill(collection, count, { uri, db, collection: name })
    const store = database.store({ collection: name, ...PATIENT })
    store.on('warning', () => {})
    const adopting = failure(store.adopt())
    await untilAdopted(collection, 1)
    await store.close()
    assert.equal((await adopting).code, 'ERR_CLOSED')
    assert.equal((await failure(store.adopt())).code, 'ERR_CLOSED')
    const other = database.store({ collection: name, ...PATIENT })
    other.on('warning', () => {})
    await other.adopt()
    await assertAdopted(collection, count, end)
  })
})
