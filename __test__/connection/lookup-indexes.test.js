'use strict'

// The option `indexes`: an index over each path in the session, whatever the collection has already.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { SessionStore } = require('../..')
const { refusal } = require('../support/address')
const { useDatabase } = require('../support/database')
const { next } = require('../support/outcome')
const { TcpProxy } = require('../support/proxy')

const database = useDatabase()
let number = 0

const PATH = 'userInfo.id'
const FIELD = `data.${PATH}`
const OWN = { name: `${FIELD}_1`, key: { [FIELD]: 1 }, sparse: true }

const isAboutPath = ({ message }) => message.includes(PATH)

/** A collection of its own for each test, with such indexes. */
async function collectionWith(...indexes) {
  const name = `lookups${number++}`
  for (const [keys, options] of indexes) {
    await database.collection(name).createIndex(keys, options)
  }
  return name
}

/** Those of a collection beside `_id_` and the one that removes sessions, as what matters of them. */
async function indexesOf(name) {
  const indexes = await database.collection(name).indexes()
  const own = indexes.filter(({ name, key }) => name !== '_id_' && !key.expiresAt)
  const told = own.map(({ name, key, sparse }) => ({ name, key, ...(sparse && { sparse }) }))
  return told.sort((one, other) => (one.name < other.name ? -1 : 1))
}

/** What a store over a collection has warned of until its first session was stored. */
async function openOver(name, options) {
  const store = database.store({ collection: name, indexes: [PATH], ...options })
  const told = []
  store.on('warning', (warning) => isAboutPath(warning) && told.push(warning))
  await store.set('id', { userInfo: { id: 42 } })
  return { store, told }
}

/** Whether MongoDB finds sessions by the path without reading all. */
async function usesIndex(name) {
  const plan = await database.command({
    explain: { find: name, filter: { [FIELD]: 42 } },
    verbosity: 'queryPlanner',
  })
  return JSON.stringify(plan.queryPlanner.winningPlan).includes('IXSCAN')
}

describe('an index over a path', { timeout: 60_000 }, () => {
  it('is made beside the one that removes sessions, sparse, and is used', async () => {
    const name = await collectionWith()
    const { told } = await openOver(name, { indexes: [PATH, 'tenant', PATH] })
    const tenant = { name: 'data.tenant_1', key: { 'data.tenant': 1 }, sparse: true }
    assert.deepEqual(await indexesOf(name), [tenant, OWN])
    assert.ok((await database.indexes(name)).some(({ key }) => key.expiresAt))
    assert.ok(await usesIndex(name))
    assert.deepEqual(told, [])
  })

  it('is made where the store makes no other', async () => {
    const name = await collectionWith()
    await openOver(name, { autoRemove: 'disabled' })
    assert.deepEqual(await indexesOf(name), [OWN])
  })

  it('is that of the application, if that begins with the path', async () => {
    for (const key of [{ [FIELD]: -1 }, { [FIELD]: 1, updatedAt: 1 }]) {
      const name = await collectionWith([key, { name: 'ours' }])
      const { told } = await openOver(name)
      assert.deepEqual(await indexesOf(name), [{ name: 'ours', key }])
      assert.deepEqual(told, [])
    }
  })

  it('stays where nobody asks for it any more', async () => {
    const name = await collectionWith()
    const { store } = await openOver(name)
    await store.close()
    const { told } = await openOver(name, { indexes: [] })
    assert.deepEqual(await indexesOf(name), [OWN])
    assert.deepEqual(told, [])
  })

  // 86: IndexKeySpecsConflict.
  it('whose name another one has is named in a warning with the cure, and the store works', async () => {
    const other = { name: OWN.name, key: { 'data.other': 1 } }
    const name = await collectionWith([other.key, { name: other.name }])
    const store = database.store({ collection: name, indexes: [PATH] })
    const { code, mongoCode, message } = await next(store, 'warning', isAboutPath)
    assert.deepEqual([code, mongoCode], ['ERR_SERVER', 86])
    assert.match(message, /^finding sessions by userInfo\.id reads all of them, since the index /)
    const cure = `db.getCollection("${name}").dropIndex("${OWN.name}")`
    assert.ok(message.includes(cure), message)
    await store.set('id', { userInfo: { id: 42 } })
    assert.deepEqual(await store.get('id'), { userInfo: { id: 42 } })
    assert.ok((await database.indexes(name)).some(({ key }) => key.expiresAt))
    // What it says helps.
    await database.collection(name).dropIndex(OWN.name)
    await store.close()
    const { told } = await openOver(name)
    assert.deepEqual(await indexesOf(name), [OWN])
    assert.deepEqual(told, [])
  })
})

describe('a server that refuses an index over a path', { timeout: 60_000 }, () => {
  /** A store behind a proxy that refuses to make an index over the path. */
  async function open(t, name, answer) {
    const proxy = await TcpProxy.open(Number(new URL(database.uri).port))
    t.after(() => proxy.close())
    const isOverPath = ({ body }) => body.indexes.some(({ key }) => FIELD in key)
    const refuse = (exchange) => exchange.pretend({ ok: 0, ...answer })
    proxy.inject(refuse, { commands: ['createIndexes'], when: isOverPath, times: Infinity })
    const options = { connection: proxy.uri, db: database.name, collection: name }
    const store = new SessionStore({ ...options, indexes: [PATH] })
    t.after(() => store.close())
    return store
  }

  // As servers before 5.0 answer, where a partial index has the same keys.
  it('for another one of the same keys (85) is told with that one’s name', async (t) => {
    const partial = { name: 'partly', partialFilterExpression: { 'data.a': 1 } }
    const name = await collectionWith([{ [FIELD]: 1 }, partial])
    const errmsg = 'Index already exists with different options: { "data.userInfo.id": 1 }'
    const answer = { code: 85, codeName: 'IndexOptionsConflict', errmsg }
    const store = await open(t, name, answer)
    const { code, mongoCode, message } = await next(store, 'warning', isAboutPath)
    assert.deepEqual([code, mongoCode], ['ERR_SERVER', 85])
    assert.ok(message.includes(`the index partly is in the way of one over \`${FIELD}\``), message)
    assert.ok(message.includes(`db.getCollection("${name}").dropIndex("partly")`))
    await store.set('id', { userInfo: { id: 42 } })
    assert.ok((await database.indexes(name)).some(({ key }) => key.expiresAt))
  })

  it('for want of a privilege is told with what somebody else can do', async (t) => {
    const name = await collectionWith()
    const errmsg = 'not authorized on app to execute command { createIndexes: "sessions" }'
    const store = await open(t, name, { code: 13, codeName: 'Unauthorized', errmsg })
    const { code, message } = await next(store, 'warning', isAboutPath)
    assert.equal(code, 'ERR_AUTH')
    const cure = `db.getCollection("${name}").createIndex({ "${FIELD}": 1 }, { sparse: true })`
    assert.ok(message.includes(cure), message)
    await store.set('id', { a: 1 })
  })
})

describe('an index of a store that goes on', { timeout: 60_000 }, () => {
  it('is made again after the collection was dropped', async () => {
    const name = await collectionWith()
    const { store } = await openOver(name)
    await database.collection(name).drop()
    await store.set('again', { a: 1 })
    while ((await indexesOf(name)).length === 0) await sleep(100)
    assert.deepEqual(await indexesOf(name), [OWN])
  })
})

describe('the paths', () => {
  const connection = 'mongodb://localhost'

  it('are a list of paths that MongoDB can take', () => {
    const wrong = [
      ...['userInfo.id', null, 5, { userInfo: 1 }],
      ...[[''], ['a..b'], ['.a'], ['a.'], ['$a'], ['a.$b'], ['a\0b'], ['\ud800'], [5], [null]],
      Array.from({ length: 33 }, (_, index) => `path${index}`),
    ]
    for (const indexes of wrong) {
      assert.match(refusal({ connection, indexes }), /'indexes' must be a list of at most 32 paths/)
    }
  })
})
