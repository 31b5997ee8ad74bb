'use strict'

// `watch` tells what happens to sessions in whichever process, also over failovers and restarts; where
// something may have been missed, it says so.

const assert = require('node:assert/strict')
const { after, before, describe, it } = require('node:test')
const { Long } = require('bson')
const { MongoClient } = require('mongodb')
const { Mongoose } = require('mongoose')
const { SessionStore } = require('../..')
const { startServer } = require('../../scripts/servers/mongodb')
const { useDatabase } = require('../support/database')
const { Gate } = require('../support/gate')
const { untilCollected } = require('../support/memory')
const { useNetwork } = require('../support/network')
const { failure } = require('../support/outcome')
const { runInProcess } = require('../support/process')
const { faults } = require('../support/proxy')

/** The next so many changes. */
async function take(changes, count) {
  const taken = []
  while (taken.length < count) taken.push((await changes.next()).value)
  return taken
}

const change = (type, id) => ({ type, id })

describe('watch', { timeout: 120_000 }, () => {
  let store
  let other
  const database = useDatabase({
    setUp: () => {
      store = database.store()
      other = database.store()
    },
  })

  async function watch(filter, options) {
    const changes = store.watch(filter, options)
    await changes.opened
    return changes
  }

  it('tells what other stores do, in the order in which it is done', async () => {
    const changes = await watch()
    await other.set('a', { n: 1 })
    await other.set('a', { n: 2 })
    await other.touch('a')
    await other.destroy('a')
    assert.deepEqual(await take(changes, 4), [
      change('create', 'a'),
      change('update', 'a'),
      change('update', 'a'),
      change('destroy', 'a'),
    ])
    await changes.return()
  })

  it('tells what other processes do', async () => {
    const changes = await watch()
    const { code } = await runInProcess(async ({ SessionStore: Store, options }) => {
      const there = new Store(options)
      await there.set('of another process', {})
      await there.destroyMany({ nobody: 1 })
      await there.clear()
      await there.close()
    }, database.options)
    assert.equal(code, 0)
    assert.deepEqual(await take(changes, 2), [
      change('create', 'of another process'),
      change('destroy', 'of another process'),
    ])
    await changes.return()
  })

  it('with a filter tells of the sessions that match, from before or since', async () => {
    await Promise.all([
      other.set('mine', { user: 1 }),
      other.set('theirs', { user: 2 }),
      other.set('of nobody', {}),
    ])
    const changes = await watch({ user: 1 })
    await other.destroy('theirs')
    const request = { ctx: {} }
    await other.get('of nobody', undefined, request)
    await other.set('of nobody', { user: 1 }, undefined, request)
    await other.set('new', { user: 1 })
    await other.set('not matching', { user: 3 })
    await other.destroyMany({ user: 1 }, { except: ['new', 'of nobody'] })
    await other.destroy('not matching')
    await other.destroy('new')
    await other.destroy('of nobody')
    assert.deepEqual(await take(changes, 5), [
      change('update', 'of nobody'),
      change('create', 'new'),
      change('destroy', 'mine'),
      change('destroy', 'new'),
      change('destroy', 'of nobody'),
    ])
    await changes.return()
  })

  const endings = {
    'a key that is gone': (request) => other.set('leaves', { n: 1 }, undefined, request),
    'another value': (request) => other.set('leaves', { user: { id: 7 } }, undefined, request),
    'a whole write': () => other.set('leaves', { n: 2 }),
    'a whole write with a key that has a dot': () => other.set('leaves', { 'a.b': 2 }),
    'a document that another program puts there': () =>
      database.collection().replaceOne({ _id: 'leaves' }, { data: { n: 3 } }),
  }
  for (const [what, end] of Object.entries(endings)) {
    it(`with a filter follows a session to its end that matches no longer: ${what}`, async () => {
      await other.set('leaves', { user: { id: 6 } })
      await other.set('never', { user: { id: 5 } })
      const changes = await watch({ 'user.id': 6 })
      const request = { ctx: {} }
      await other.get('leaves', undefined, request)
      await end(request)
      // Nor does another come that never matched.
      await other.set('never', { user: { id: 4 } })
      await other.destroy('never')
      await other.destroy('leaves')
      const expected = [change('update', 'leaves'), change('destroy', 'leaves')]
      assert.deepEqual(await take(changes, 2), expected)
      await changes.return()
    })
  }

  it('with a filter follows an encrypted session to its end, too', async () => {
    const sealed = { encryption: { keys: ['k'.repeat(32)] }, indexes: ['user.id'] }
    const mine = database.store({ ...sealed, collection: 'sealed' })
    await mine.set('leaves', { user: { id: 6 } })
    const changes = mine.watch({ 'user.id': 6 })
    await changes.opened
    const request = { ctx: {} }
    await mine.get('leaves', undefined, request)
    await mine.set('leaves', { n: 1 }, undefined, request)
    await mine.destroy('leaves')
    const expected = [change('update', 'leaves'), change('destroy', 'leaves')]
    assert.deepEqual(await take(changes, 2), expected)
    await changes.return()
  })

  it('with joined filters follows what any of them matched', async () => {
    await other.set('joined', { a: 1 })
    const changes = store.watch({ $or: [{ a: 1 }, { $and: [{ 'b.c': 1 }] }] }, { operators: true })
    await changes.opened
    for (const data of [{ b: { c: 1 } }, { b: { c: 2 } }]) {
      const request = { ctx: {} }
      await other.get('joined', undefined, request)
      await other.set('joined', data, undefined, request)
    }
    await other.destroy('joined')
    const expected = ['update', 'update', 'destroy'].map((type) => change(type, 'joined'))
    assert.deepEqual(await take(changes, 3), expected)
    await changes.return()
  })

  it('takes a filter with operators where they are asked for', async () => {
    const changes = await watch({ $or: [{ n: { $gte: 5 } }, { all: true }] }, { operators: true })
    await other.set('small', { n: 1 })
    await other.set('large', { n: 5 })
    await other.set('all', { all: true })
    assert.deepEqual(await take(changes, 2), [change('create', 'large'), change('create', 'all')])
    await changes.return()
  })

  it('tells a session that was over from one that was signed out, where it can know', async () => {
    const changes = await watch({ kind: 'over' })
    await other.set('over', { kind: 'over' }, 1)
    await other.set('live', { kind: 'over' }, 60_000)
    await take(changes, 2)
    while (await other.get('over'));
    // As the TTL monitor does, which comes once a minute.
    await database.collection().deleteMany({ expiresAt: { $lt: new Date() } })
    await other.destroy('live')
    assert.deepEqual(await take(changes, 2), [change('expire', 'over'), change('destroy', 'live')])
    await changes.return()
  })

  it('tells them apart without a filter where the collection keeps pre-images', async (t) => {
    const sessions = 'with_pre_images'
    const kept = database.store({ collection: sessions })
    await kept.set('over', {}, 1)
    try {
      const changeStreamPreAndPostImages = { enabled: true }
      await database.command({ collMod: sessions, changeStreamPreAndPostImages })
    } catch {
      t.skip('this server keeps no pre-images')
      return
    }
    const changes = kept.watch()
    await changes.opened
    while (await kept.get('over'));
    await database.collection(sessions).deleteMany({})
    assert.deepEqual(await take(changes, 1), [change('expire', 'over')])
    await changes.return()
  })

  it('says that something may be missed when the collection is dropped, and goes on', async () => {
    const dropped = database.store({ collection: 'dropped' })
    await dropped.set('a', {})
    const changes = dropped.watch()
    await changes.opened
    await database.collection('dropped').drop()
    // A server may tell of each session before.
    let next
    do [next] = await take(changes, 1)
    while (next.type !== 'gap')
    await dropped.set('b', {})
    do [next] = await take(changes, 1)
    while (next.type === 'gap')
    assert.deepEqual(next, change('create', 'b'))
    await changes.return()
  })

  it('ends when its loop is left, and when the store is closed', async () => {
    const closing = database.store()
    const left = closing.watch()
    await left.opened
    await closing.set('left', {})
    for await (const { type } of left) {
      assert.equal(type, 'create')
      break
    }
    assert.deepEqual(await left.next(), { value: undefined, done: true })
    const waiting = closing.watch()
    await waiting.opened
    const next = waiting.next()
    await closing.close()
    assert.deepEqual(await next, { value: undefined, done: true })
    assert.deepEqual(await waiting.next(), { value: undefined, done: true })
  })

  it('whose loop is left while it waits ends then', async () => {
    const changes = await watch()
    const next = changes.next()
    await changes.return()
    assert.deepEqual(await next, { value: undefined, done: true })
  })

  const done = { value: undefined, done: true }

  it('that is left before it could be opened keeps nobody waiting', async () => {
    const connection = 'mongodb://127.0.0.1:1'
    const nowhere = new Mongoose()
    for (const options of [{ connection }, { connection: nowhere }]) {
      const limits = { db: undefined, serverSelectionTimeoutMS: 2000 }
      const [away, clock] = [0, 1].map(() => database.store({ ...options, ...limits }))
      for (const one of [away, clock]) one.on('warning', () => {})
      const order = []
      const waited = clock.get('x').catch(() => order.push('the time is over'))
      const changes = away.watch()
      const next = changes.next()
      await changes.return()
      assert.deepEqual(await next, done)
      await changes.opened
      await away.close()
      order.push('closed')
      await waited
      assert.deepEqual(order, ['closed', 'the time is over'])
      assert.deepEqual(await changes.next(), done)
    }
  })

  it('that nobody reads keeps no process alive', async () => {
    const { code, stdout } = await runInProcess(async ({ SessionStore: Store, options }) => {
      const changes = new Store(options).watch()
      await changes.opened
      console.log('opened')
    }, database.options)
    assert.deepEqual([code, stdout.trim()], [0, 'opened'])
  })

  it('fails while it is iterated, not when it is called', async () => {
    const refused = store.watch({ $where: 'true' })
    assert.equal((await failure(refused.opened)).code, 'ERR_OPTIONS')
    assert.equal((await failure(refused.next())).code, 'ERR_OPTIONS')
    store.watch({ a: undefined }) // nobody iterates: no unhandled rejection
    const closed = database.store()
    await closed.close()
    assert.equal((await failure(closed.watch().next())).code, 'ERR_CLOSED')
    const connection = 'mongodb://127.0.0.1:1'
    const away = database.store({ connection, serverSelectionTimeoutMS: 100 })
    away.on('warning', () => {})
    assert.equal((await failure(away.watch().next())).code, 'ERR_UNAVAILABLE')
  })
})

describe('a watch that is dropped', { timeout: 60_000 }, () => {
  const network = useNetwork()

  it('ends, and with it its change stream', async () => {
    const store = network.store()
    await store.set('a', {})
    await store.watch().opened
    await untilCollected(network.proxy.inject(faults.none, { commands: ['killCursors'] }).struck)
  })
})

describe('watch where the server does not wait for changes', { timeout: 60_000 }, () => {
  const network = useNetwork()

  const emptied = (id) => ({
    ok: 1,
    cursor: { id, ns: 'test.sessions', nextBatch: [] },
  })
  const manners = {
    // A server that knows neither awaitData nor maxTimeMS.
    'that answers at once, with nothing': ({ body }) => emptied(body.getMore),
    // A mongos behind a balancer, which sends the question to another one.
    'that loses each cursor': () => ({ ok: 0, code: 43, codeName: 'CursorNotFound', errmsg: '' }),
    'that ends each cursor': () => emptied(Long.ZERO),
  }
  for (const [what, answer] of Object.entries(manners)) {
    it(`does not ask one all the time ${what}, and tells what happens`, async () => {
      const store = network.store()
      let asked = 0
      const many = new Gate()
      const hurry = (exchange) => {
        asked++
        if (asked === 12) many.open()
        return exchange.pretend(answer(exchange))
      }
      const hurrying = network.proxy.inject(hurry, { commands: ['getMore'], times: Infinity })
      const changes = store.watch()
      await changes.opened
      const began = performance.now()
      await many.pass()
      assert.ok(performance.now() - began > 1000) // it would be milliseconds
      hurrying.end()
      await store.set(what, {})
      assert.deepEqual(await take(changes, 1), [change('create', what)])
      await changes.return()
    })
  }

  it('begins anew, behind a gap, where the server refuses to go on', async () => {
    const store = network.store()
    const internal = { ok: 0, code: 1, codeName: 'InternalError', errmsg: '' }
    const refuse = (exchange) => exchange.pretend(internal)
    const refusing = network.proxy.inject(refuse, { commands: ['getMore'], times: Infinity })
    const changes = store.watch()
    await changes.opened
    assert.deepEqual(await take(changes, 1), [{ type: 'gap' }])
    refusing.end()
    await changes.return()
  })
})

describe('watch where MongoDB comes and goes', { timeout: 120_000 }, () => {
  let server
  let store
  let other

  before(async () => {
    server = await startServer()
    const options = { connection: server.uri, db: 'sessions', serverSelectionTimeoutMS: 30_000 }
    store = new SessionStore({ ...options, timeoutMS: 30_000 })
    other = new SessionStore({ ...options, timeoutMS: 30_000 })
  })

  after(async () => {
    await store.close()
    await other.close()
    await server.remove()
  })

  /** Up to the end of this session; whatever a gap hides is not asked for. */
  async function until(changes, id) {
    const types = []
    for await (const next of changes) {
      types.push(next.type)
      if (next.type === 'destroy' && next.id === id) return types
    }
  }

  it('misses nothing over a step-down', async () => {
    const changes = store.watch()
    await changes.opened
    await other.set('stepping down', {})
    const client = await new MongoClient(server.uri).connect()
    await client.db('admin').command({ replSetStepDown: 2, force: true })
    await other.destroy('stepping down')
    assert.deepEqual(await until(changes, 'stepping down'), ['create', 'destroy'])
    await client.close()
  })

  it('misses nothing over a kill and a restart, or says that it may have', async () => {
    for (const filter of [undefined, { user: 1 }]) {
      const changes = store.watch(filter)
      await changes.opened
      await other.set('killed', { user: 1 })
      await server.kill()
      await server.start()
      await other.destroy('killed')
      await other.set('after', { user: 1 })
      await other.destroy('after')
      const types = await until(changes, 'after')
      const isComplete = types.join() === 'create,destroy,create,destroy'
      assert.ok(isComplete || types.includes('gap'), types.join())
      await changes.return()
    }
  })
})

describe('watch on a server without change streams', { timeout: 60_000 }, () => {
  it('says so', async (t) => {
    const server = await startServer({ replicaSet: false })
    const store = new SessionStore({ connection: server.uri })
    t.after(async () => {
      await store.close()
      await server.remove()
    })
    store.on('warning', () => {})
    const changes = store.watch()
    const opened = await changes.opened.then(
      () => 'opened',
      (error) => error,
    )
    if (opened === 'opened') return t.skip('this server has change streams without a replica set')
    assert.equal(opened.code, 'ERR_SERVER')
    assert.match(opened.message, /has no change streams, which watch\(\) needs.*replica set/)
  })
})
