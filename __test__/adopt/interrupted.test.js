'use strict'

// adopt() over many documents, interrupted, repeated, and by several at once.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { MongoClient } = require('mongodb')
const { SessionStore } = require('../..')
const { startServer } = require('../../scripts/servers/mongodb')
const { connectMongo, expressSessionOf } = require('../support/connect-mongo')
const { useDatabase } = require('../support/database')
const { failure } = require('../support/outcome')
const { TaskProcess } = require('../support/tasks')

const COUNT = Number(process.env.ADOPT ?? 20_000)
const PATIENT = { timeoutMS: 60_000, serverSelectionTimeoutMS: 60_000 }
const AT_ONCE = 2000
const HOUR = 3_600_000

const database = useDatabase()

/**
 * So many documents in turn as Mongoose's stores and as connect-mongo write them, with the indexes of
 * both: connect-mongo wrote the first, which the others repeat under other ids and for other users.
 */
async function fill(collection, count, options) {
  const express = await connectMongo('connect-mongo 6', options)
  await express.set('model', expressSessionOf({ user: 'none' }))
  await express.close()
  const model = await collection.findOneAndDelete({ _id: 'model' })
  await collection.createIndex({ updatedAt: 1 }, { expireAfterSeconds: 7200 })
  const document = (user) =>
    user % 2 === 0
      ? {
          ...{ _id: idOf(user), data: { user: `user ${user}` } },
          updatedAt: new Date(model.expires.getTime() - HOUR + user),
        }
      : {
          ...{ _id: idOf(user), session: model.session.replace('none', `user ${user}`) },
          expires: new Date(model.expires.getTime() + user),
        }
  for (let user = 0; user < count; user += AT_ONCE) {
    const many = Array.from({ length: Math.min(AT_ONCE, count - user) }, (_, more) => user + more)
    await collection.insertMany(many.map(document))
  }
  return model.expires.getTime()
}

/** In no order that says anything. */
function idOf(user) {
  return `${String(user).split('').reverse().join('')} ${user}`
}

/** Every session is there, once, whole, and ends when it would have. */
async function assertAdopted(collection, count, end) {
  let seen = 0
  for await (const { _id, data, updatedAt, expiresAt, ...rest } of collection.find()) {
    const user = Number(_id.split(' ')[1])
    assert.deepEqual({ data, rest }, { data: { user: `user ${user}` }, rest: {} })
    assert.equal(_id, idOf(user))
    assert.ok(updatedAt instanceof Date)
    assert.equal(expiresAt.getTime(), user % 2 === 0 ? end - HOUR + user + 7200_000 : end + user)
    seen++
  }
  assert.equal(seen, count)
  const indexes = await collection.indexes()
  assert.deepEqual(indexes.map(({ name }) => name).sort(), ['_id_', 'expiresAt_1'])
}

const adopted = (collection) => collection.countDocuments({ expiresAt: { $exists: true } })

async function untilAdopted(collection, least) {
  while ((await adopted(collection)) < least) await sleep(5)
}

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
    assert.ok((await adopted(collection)) < COUNT)

    const others = await Promise.all([open(), open()])
    t.after(() => Promise.all(others.map((other) => other.kill())))
    const did = await Promise.all(others.map((other) => other.run('adopt')))
    for (const { looked, left } of did) {
      assert.equal(looked, COUNT)
      assert.deepEqual(left, { unreadable: 0, unfit: 0, other: 0, busy: 0 })
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
    const count = Math.min(COUNT, 4000)
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
    assert.deepEqual(left, { unreadable: 0, unfit: 0, other: 0, busy: 0 })
    await assertAdopted(collection, count, end)
  })

  it('ends between two steps where the store is closed, and can be called again', async () => {
    const name = 'closed'
    const { uri, name: db } = database
    const collection = database.collection(name)
    const count = Math.min(COUNT, 4000)
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
