'use strict'

const assert = require('node:assert/strict')
const { after, before, describe, test } = require('node:test')
const { inspect } = require('node:util')
const { MongoClient } = require('mongodb')
const { SessionStore, SessionStoreError } = require('../..')
const { startServer } = require('../../scripts/servers/mongodb')
const { named, useNetwork } = require('../support/network')
const { GREETINGS, faults } = require('../support/proxy')

const MIB = 1024 * 1024
const SECRET = 'do-not-show-this'

/** What the tests saw, to be searched for secrets at the end. */
const seen = []

/** @returns {Promise<SessionStoreError>} */
async function failure(promise) {
  const error = await promise.then(
    () => assert.fail('the operation succeeded'),
    (reason) => reason,
  )
  assert.ok(error instanceof SessionStoreError, inspect(error))
  assert.ok(error instanceof Error)
  assert.equal(error.name, 'SessionStoreError')
  seen.push(inspect(error, { depth: 10, showHidden: true }))
  return error
}

async function assertFails(promise, code) {
  const error = await failure(promise)
  assert.equal(error.code, code, inspect(error))
  return error
}

const SHUTDOWN_IN_PROGRESS = 91

describe('errors', () => {
  const uri = process.env.MONGODB_URI
  const db = `errors_${process.pid}`
  let store
  let client

  before(async () => {
    client = await new MongoClient(uri).connect()
    store = new SessionStore({ connection: uri, db })
  })

  after(async () => {
    await store.close()
    await client.db(db).dropDatabase()
    await client.close()
  })

  test('an id that is no non-empty string of at most 1024 bytes is ERR_SESSION_ID to set', async () => {
    const noStrings = [undefined, null, 7, {}, { $gt: '' }, ['a']]
    for (const id of noStrings) {
      await assertFails(store.get(id), 'ERR_SESSION_ID')
      await assertFails(store.destroy(id), 'ERR_SESSION_ID')
    }
    // An unsigned cookie can hold these: they are the id of no session.
    const unknown = ['', 'a\ud800', 'x'.repeat(1025), 'é'.repeat(513)]
    for (const id of unknown) {
      assert.equal(await store.get(id), undefined)
      await store.destroy(id)
    }
    for (const id of [...noStrings, ...unknown]) {
      await assertFails(store.set(id, {}), 'ERR_SESSION_ID')
    }
    for (const id of ['x'.repeat(1024), 'é'.repeat(512)]) {
      await store.set(id, { kept: true })
      assert.deepEqual(await store.get(id), { kept: true })
    }
  })

  test('what cannot be stored is ERR_SESSION_VALUE and names its path', async () => {
    const cycle = { cart: [{}] }
    cycle.cart[0].back = cycle.cart
    const deep = {}
    let inner = deep
    for (let depth = 0; depth < 101; depth++) inner = inner.a = {}
    const refused = [
      [cycle, /data\.cart\[0\]\.back/],
      [{ cart: [0, 0, 0, { tags: new Set() }] }, /data\.cart\[3\]\.tags .*Set/],
      [{ map: new WeakMap() }, /data\.map .*WeakMap/],
      [{ user: { 'a\0b': 1 } }, /data\.user.* NUL/],
      [{ 'odd key': { big: 2n ** 64n } }, /data\["odd key"\]\.big/],
      [deep, /data(\.a){101} .*100/],
    ]
    for (const [data, message] of refused) {
      assert.match(
        (await assertFails(store.set('value', data), 'ERR_SESSION_VALUE')).message,
        message,
      )
    }
    for (const data of [undefined, null, 'text', 7, [], () => {}]) {
      await assertFails(store.set('value', data), 'ERR_SESSION_VALUE')
    }
    for (const maxAge of ['1d', Number.NaN, {}, true]) {
      await assertFails(store.set('value', {}, maxAge), 'ERR_SESSION_VALUE')
    }
    assert.equal(await store.get('value'), undefined)
  })

  test('a session over 16 MiB is ERR_SESSION_TOO_LARGE, and those beside it are stored', async () => {
    const large = { text: 'x'.repeat(16 * MIB) }
    const mixed = { text: 'x'.repeat(16 * MIB), date: new Date() }
    const [first, second, ...beside] = [
      assertFails(store.set('large', large), 'ERR_SESSION_TOO_LARGE'),
      assertFails(store.set('mixed', mixed), 'ERR_SESSION_TOO_LARGE'),
      ...['a', 'b', 'c'].map((id) => store.set(`beside ${id}`, { id })),
    ]
    await Promise.all([first, second, ...beside])
    for (const id of ['a', 'b', 'c']) assert.deepEqual(await store.get(`beside ${id}`), { id })
    assert.equal(await store.get('large'), undefined)
  })

  test('a session just below 16 MiB is stored', async () => {
    const data = { text: 'x'.repeat(16 * MIB - 1024) }
    await store.set('nearly too large', data)
    assert.deepEqual(await store.get('nearly too large'), data)
  })

  test('no server is ERR_UNAVAILABLE within serverSelectionTimeoutMS, with its cause', async () => {
    const nowhere = new SessionStore({
      connection: 'mongodb://127.0.0.1:1/',
      serverSelectionTimeoutMS: 300,
    })
    nowhere.on('warning', (warning) => seen.push(inspect(warning)))
    for (const call of [nowhere.get('id'), nowhere.set('id', {}), nowhere.destroy('id')]) {
      const { cause } = await assertFails(call, 'ERR_UNAVAILABLE')
      assert.equal(cause.message, '127.0.0.1:1: refused the connection (ECONNREFUSED)')
    }
    await nowhere.close()
  })

  test('a closed store is ERR_CLOSED', async () => {
    const closed = new SessionStore({ connection: uri, db })
    await Promise.all([closed.close(), closed.close()])
    await assertFails(closed.get('id'), 'ERR_CLOSED')
    await assertFails(closed.set('id', {}), 'ERR_CLOSED')
    await assertFails(closed.destroy('id'), 'ERR_CLOSED')
  })

  test('a unique index of the application refuses its session alone: ERR_SERVER', async () => {
    const collection = client.db(db).collection('unique')
    await collection.createIndex({ 'data.seat': 1 }, { unique: true })
    const seats = new SessionStore({ connection: uri, db, collection: 'unique' })
    await seats.set('first', { seat: SECRET })
    const [taken, ...others] = [
      assertFails(seats.set('second', { seat: SECRET }), 'ERR_SERVER'),
      ...[1, 2, 3].map((seat) => seats.set(`other ${seat}`, { seat })),
    ]
    assert.equal((await taken).mongoCode, 11000)
    await Promise.all(others)
    assert.deepEqual(await seats.get('other 3'), { seat: 3 })
    await seats.close()
  })

  test('options that cannot be used are ERR_OPTIONS and throw at once', () => {
    const connections = [undefined, 7, {}, 'localhost', `mongodb://u:${SECRET}@`, 'mongodb://h:x/']
    for (const connection of connections) {
      assert.throws(
        () => new SessionStore({ connection }),
        (error) => {
          seen.push(inspect(error, { depth: 10 }))
          return error instanceof SessionStoreError && error.code === 'ERR_OPTIONS'
        },
      )
    }
  })
})

describe('errors of a server with access control', () => {
  const auth = { username: 'root', password: SECRET }
  let server
  let client

  before(async () => {
    server = await startServer({ auth, needs: 'failPoints' })
    client = await new MongoClient(server.uri).connect()
  })

  after(async () => {
    await client.close()
    await server.remove()
  })

  test('a wrong password is ERR_AUTH', async () => {
    const connection = server.uri.replace(SECRET, `${SECRET}-too`)
    const store = new SessionStore({ connection })
    store.on('warning', (warning) => seen.push(inspect(warning)))
    await assertFails(store.get('id'), 'ERR_AUTH')
    await assertFails(store.set('id', { content: SECRET }), 'ERR_AUTH')
    seen.push(inspect(store, { depth: 10, showHidden: true }))
    await store.close()
  })

  test('a server that cannot sign in anybody yet says nothing about the credentials', async () => {
    const data = { failCommands: ['saslStart', 'saslContinue'], errorCode: SHUTDOWN_IN_PROGRESS }
    const failPoint = { configureFailPoint: 'failCommand', mode: { times: 3 }, data }
    await client.db('admin').command(failPoint)
    const store = new SessionStore({ connection: server.uri })
    await store.set('early', { a: 1 })
    assert.deepEqual(await store.get('early'), { a: 1 })
    await store.close()
  })

  test('a user without the privilege is ERR_AUTH, with MongoDB’s code', async () => {
    const pwd = `${SECRET}-reader`
    const roles = [{ role: 'read', db: 'app' }]
    await client.db('app').command({ createUser: 'reader', pwd, roles })
    const store = new SessionStore({
      connection: `mongodb://reader:${pwd}@127.0.0.1:${server.port}/app`,
    })
    store.on('warning', (warning) => seen.push(inspect(warning)))
    const error = await assertFails(store.set(`id ${SECRET}`, { content: SECRET }), 'ERR_AUTH')
    assert.equal(error.mongoCode, 13)
    assert.equal(await store.get('id'), undefined)
    await store.close()
  })
})

describe('errors of a server that does not answer', () => {
  test('no answer is ERR_TIMEOUT within timeoutMS, and what comes later works', async () => {
    const server = await startServer()
    const store = new SessionStore({ connection: server.uri, timeoutMS: 2000 })
    await store.set('id', { a: 1 })
    process.kill(server.pid, 'SIGSTOP')
    // A stopped process may still send what it was about to.
    const late = () => store.get('id').then(late)
    await assertFails(late(), 'ERR_TIMEOUT')
    process.kill(server.pid, 'SIGCONT')
    const answer = () => store.get('id').catch(answer)
    assert.deepEqual(await answer(), { a: 1 })
    await store.close()
    await server.remove()
  })
})

test('no error shows a password, a session id or session content', () => {
  assert.ok(seen.length > 30)
  for (const text of seen) assert.ok(!text.includes(SECRET), text)
})

describe('a server that takes smaller messages', { timeout: 60_000 }, () => {
  const network = useNetwork()
  const LIMIT = 100_000

  test('gets each of many large sessions by itself', async () => {
    const store = await behind(network)
    const content = { text: 'x'.repeat(LIMIT / 5) }
    const ids = named('large', 20)
    await Promise.all(ids.map((id) => store.set(id, content)))
    assert.equal((await network.stored(ids)).size, ids.length)
  })

  test('is too small for one alone, and the others are stored', async () => {
    const store = await behind(network)
    const content = (id) => ({ text: 'x'.repeat(id === ids[3] ? 2 * LIMIT : LIMIT / 20) })
    const ids = named('mixed', 8)
    const ended = await Promise.allSettled(ids.map((id) => store.set(id, content(id))))
    const codes = ended.map(({ reason }) => reason?.code)
    assert.deepEqual(
      codes,
      ids.map((id) => (id === ids[3] ? 'ERR_SESSION_TOO_LARGE' : undefined)),
    )
  })

  async function behind(network) {
    network.proxy.disguise({
      reply(body, { command }) {
        if (GREETINGS.includes(command)) body.maxMessageSizeBytes = LIMIT
      },
    })
    const store = network.store()
    await store.get('first')
    return store
  }
})

describe('a reply that does not say how many were written', { timeout: 60_000 }, () => {
  const network = useNetwork()

  test('is malformed: nobody is told that the session is gone', async () => {
    const store = network.store()
    const request = { ctx: {} }
    await store.set('kept', { a: 1 })
    await store.get('kept', undefined, request)
    network.proxy.inject(faults.rewrite((reply) => ({ ...reply, n: 'one' })))
    await assertFails(store.set('kept', { a: 2 }, undefined, request), 'ERR_SESSION_VALUE')
    await store.set('kept', { a: 3 })
    assert.deepEqual(await store.get('kept'), { a: 3 })
  })
})

describe('a reply of a length that cannot be', { timeout: 60_000 }, () => {
  const network = useNetwork()

  test('is malformed, not a mistake in the options, and what comes next works', async () => {
    const store = network.store({ timeoutMS: 3000 })
    await store.set('id', { a: 1 })
    const shorten = async (exchange) => {
      await exchange.send()
      const reply = Buffer.from(await exchange.reply())
      reply.writeInt32LE(-1, 0)
      await exchange.answer(reply)
    }
    for (const call of [() => store.get('id'), () => store.set('id', { a: 2 })]) {
      network.proxy.inject(shorten)
      await assertFails(call(), 'ERR_SESSION_VALUE')
    }
    await store.set('id', { a: 3 })
    assert.deepEqual(await store.get('id'), { a: 3 })
  })
})
