'use strict'

// The index that removes expired sessions, where the collection has others already, where it may not
// be made, and where the collection is dropped while the application runs.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { SessionStore } = require('../..')
const { useDatabase } = require('../support/database')
const { next } = require('../support/outcome')
const { TcpProxy, faults } = require('../support/proxy')

const database = useDatabase()
let number = 0

/** Some servers make the store warn of other things, too. */
const isAboutIndex = ({ message }) => message.includes('index')

const nextAboutIndex = (store) => next(store, 'warning', isAboutIndex)

/** A collection of its own for each test, with such indexes. */
async function collectionWith(...indexes) {
  const name = `sessions${number++}`
  for (const [keys, options] of indexes) {
    await database.collection(name).createIndex(keys, options)
  }
  return name
}

/** Those of a collection, by their names, as what matters of them. */
async function indexesOf(name) {
  const indexes = await database.collection(name).indexes()
  const entries = indexes.map(({ name, key, expireAfterSeconds }) => [
    name,
    { key, expireAfterSeconds },
  ])
  return Object.fromEntries(entries.filter(([name]) => name !== '_id_'))
}

/** A store that tells what it warned of until its first session was stored. */
async function openOver(name, options) {
  const store = database.store({ collection: name, ...options })
  const told = []
  store.on('warning', (warning) => isAboutIndex(warning) && told.push(warning))
  await store.set('id', { a: 1 })
  return { store, told }
}

const OWN = { key: { expiresAt: 1 }, expireAfterSeconds: 0 }

describe('the index', { timeout: 120_000 }, () => {
  it('is made before the first session is stored', async () => {
    const name = await collectionWith()
    const { told } = await openOver(name)
    assert.deepEqual(await indexesOf(name), { expiresAt_1: OWN })
    assert.deepEqual(told, [])
  })

  it('is that of the application, whatever its name and direction, without a word', async () => {
    for (const key of [{ expiresAt: 1 }, { expiresAt: -1 }]) {
      const name = await collectionWith([key, { name: 'ours', expireAfterSeconds: 0 }])
      const { told } = await openOver(name)
      assert.deepEqual(await indexesOf(name), { ours: { key, expireAfterSeconds: 0 } })
      assert.deepEqual(told, [])
    }
  })

  it('stays another one’s, if that removes sessions later, and the warning tells how to change it', async () => {
    const name = await collectionWith([{ expiresAt: 1 }, { name: 'late', expireAfterSeconds: 60 }])
    const store = database.store({ collection: name })
    const warning = await nextAboutIndex(store)
    assert.equal(warning.code, 'ERR_OPTIONS')
    assert.match(warning.message, /stay stored for 60 more seconds, since the index late on /)
    const [, cure] = warning.message.match(/db\.runCommand\(\{ (.*) \}\)/)
    assert.equal(cure, `collMod: "${name}", index: { name: "late", expireAfterSeconds: 0 }`)
    // What it says helps.
    await database.command({ collMod: name, index: { name: 'late', expireAfterSeconds: 0 } })
    await store.close()
    const { told } = await openOver(name)
    assert.deepEqual(told, [])
  })

  it('cannot be made beside one of the same keys that removes nothing; the warning names it', async () => {
    const name = await collectionWith([{ expiresAt: 1 }, { name: 'plain' }])
    const store = database.store({ collection: name })
    const { code, message } = await nextAboutIndex(store)
    assert.equal(code, 'ERR_OPTIONS')
    assert.match(
      message,
      /stay stored, since the index plain on `expiresAt` has no expireAfterSeconds/,
    )
    assert.ok(message.includes(`db.getCollection("${name}").dropIndex("plain")`))
    await database.collection(name).dropIndex('plain')
    await store.close()
    const { told } = await openOver(name)
    assert.deepEqual(await indexesOf(name), { expiresAt_1: OWN })
    assert.deepEqual(told, [])
  })

  it('has another name where its own is taken', async () => {
    const name = await collectionWith([{ 'data.user': 1 }, { name: 'expiresAt_1' }])
    for (const start of [1, 2]) {
      const { store, told } = await openOver(name)
      const { expiresAt_ttl: own } = await indexesOf(name)
      assert.deepEqual(own, OWN, `start ${start}`)
      assert.deepEqual(told, [])
      await store.close()
    }
  })

  it('is not the only one: what removes sessions by updatedAt is named, with its time and the cure', async () => {
    const name = await collectionWith([{ updatedAt: 1 }, { expireAfterSeconds: 1000 }])
    const store = database.store({ collection: name })
    const { code, message } = await nextAboutIndex(store)
    assert.equal(code, 'ERR_OPTIONS')
    assert.match(
      message,
      /removes sessions 1000 seconds after their last write, by the index updatedAt_1/,
    )
    assert.ok(message.includes(`db.getCollection("${name}").dropIndex("updatedAt_1")`))
    assert.deepEqual((await indexesOf(name)).expiresAt_1, OWN)
  })

  it('leaves others alone, without a word', async () => {
    const name = await collectionWith(
      [{ updatedAt: 1 }, {}],
      [{ 'data.user': 1, updatedAt: 1 }, {}],
      [{ 'data.until': 1 }, { expireAfterSeconds: 10 }],
    )
    const { told } = await openOver(name)
    assert.deepEqual((await indexesOf(name)).expiresAt_1, OWN)
    assert.deepEqual(told, [])
  })
})

// Both take as long as the store leaves between two looks.
describe('the index of a store that goes on', { concurrency: true, timeout: 60_000 }, () => {
  it('is made again after the collection was dropped', async () => {
    const name = await collectionWith()
    const { store, told } = await openOver(name)
    await database.collection(name).drop()
    await store.set('again', { a: 1 })
    while (!(await indexesOf(name)).expiresAt_1) await sleep(100)
    assert.deepEqual(await indexesOf(name), { expiresAt_1: OWN })
    assert.deepEqual(told, [])
  })

  it('is made again after it was dropped itself', async () => {
    const name = await collectionWith()
    const { store } = await openOver(name)
    await database.collection(name).dropIndex('expiresAt_1')
    await store.set('again', { a: 1 })
    while (!(await indexesOf(name)).expiresAt_1) await sleep(100)
  })
})

describe('a server that does not let the store make its index', { timeout: 60_000 }, () => {
  async function open(t, injected, options) {
    const name = await collectionWith()
    const proxy = await TcpProxy.open(Number(new URL(database.uri).port))
    t.after(() => proxy.close())
    for (const [command, fault] of Object.entries(injected)) {
      proxy.inject(fault, { commands: [command], times: Infinity })
    }
    const connection = proxy.uri
    const store = new SessionStore({ connection, db: database.name, collection: name, ...options })
    t.after(() => store.close())
    return { name, store }
  }

  // As MongoDB refuses it: with the whole command.
  const refuse = (code, codeName) => {
    const errmsg = `not authorized on app to execute command { createIndexes: "sessions", key: "kept" }`
    return faults.rewrite(() => ({ ok: 0, code, codeName, errmsg }))
  }

  it('for want of a privilege, is named with what somebody else can do', async (t) => {
    for (const refused of [
      { createIndexes: refuse(13, 'Unauthorized') },
      { createIndexes: refuse(13, 'Unauthorized'), listIndexes: refuse(13, 'Unauthorized') },
    ]) {
      const { name, store } = await open(t, refused)
      const { code, mongoCode, message } = await nextAboutIndex(store)
      assert.deepEqual([code, mongoCode], ['ERR_AUTH', 13])
      assert.match(message, /stay stored, since this user may not make the index/)
      const cure = `db.getCollection("${name}").createIndex({ expiresAt: 1 }, { expireAfterSeconds: 0 })`
      assert.ok(message.includes(cure))
      assert.doesNotMatch(message, /kept/)
      await store.set('id', { a: 1 })
    }
  })

  it('for want of a privilege, is no matter where somebody made it', async (t) => {
    const { name, store } = await open(t, { createIndexes: refuse(13, 'Unauthorized') })
    await store.close()
    await database.collection(name).createIndex({ expiresAt: 1 }, { expireAfterSeconds: 0 })
    const proxy = await TcpProxy.open(Number(new URL(database.uri).port))
    t.after(() => proxy.close())
    proxy.inject(refuse(13, 'Unauthorized'), { commands: ['createIndexes'], times: Infinity })
    const other = new SessionStore({ connection: proxy.uri, db: database.name, collection: name })
    t.after(() => other.close())
    const told = []
    other.on('warning', (warning) => isAboutIndex(warning) && told.push(warning))
    await other.set('id', { a: 1 })
    assert.deepEqual(told, [])
  })

  it('for another reason, is named with that', async (t) => {
    const { store } = await open(t, { createIndexes: refuse(8000, 'AtlasError') })
    const { code, mongoCode, message } = await nextAboutIndex(store)
    assert.deepEqual([code, mongoCode], ['ERR_SERVER', 8000])
    assert.match(message, /^expired sessions stay stored, .*AtlasError, code 8000/)
    await store.set('id', { a: 1 })
  })

  // As a firewall does that knows MongoDB's commands, and a server that fails at one of them.
  for (const [how, fault] of Object.entries({
    'breaks the connection': faults.cut,
    'loses its answer': faults.loseReply(),
    'says that it is not the one to ask': faults.fail({ errorCode: 10107 }),
  })) {
    it(`since it ${how} each time, keeps sessions all the same, and one warning says so`, async (t) => {
      const { store } = await open(t, { listIndexes: fault, createIndexes: fault })
      const told = []
      store.on('warning', (warning) => isAboutIndex(warning) && told.push(warning))
      const warned = nextAboutIndex(store)
      await store.set('id', { a: 1 })
      assert.deepEqual(await store.get('id'), { a: 1 })
      const { code, message, cause } = await warned
      assert.equal(code, 'ERR_UNAVAILABLE')
      assert.match(message, /^the indexes can neither be read nor made now, .* may stay stored: /)
      assert.ok(cause instanceof Error)
      await store.set('id', { a: 2 })
      assert.deepEqual(await store.get('id'), { a: 2 })
      assert.equal(told.length, 1)
    })
  }

  it('since it closes each connection after one answer, keeps sessions all the same', async (t) => {
    const answerAndClose = async (exchange) => {
      await faults.none(exchange)
      throw new Error('closed')
    }
    const commands = ['listIndexes', 'createIndexes', 'findAndModify', 'find', 'update']
    const closing = Object.fromEntries(commands.map((command) => [command, answerAndClose]))
    const { store } = await open(t, closing)
    for (const round of [1, 2, 3]) {
      await store.set('id', { round })
      assert.deepEqual(await store.get('id'), { round })
    }
  })

  it('since it does not answer, is not waited for by close()', async (t) => {
    // Held back, with the connection open, as a network does that swallows packets.
    const { silence } = faults
    const { store } = await open(t, { listIndexes: silence, createIndexes: silence })
    await store.set('id', { a: 1 })
    const first = await Promise.race([store.close(), sleep(1500, 'the time is up')])
    assert.equal(first, undefined)
  })
})
