'use strict'

// What the tracing channels of diagnostics_channel tell of each call, to whoever subscribes.

const assert = require('node:assert/strict')
const { AsyncLocalStorage } = require('node:async_hooks')
const { tracingChannel } = require('node:diagnostics_channel')
const { describe, it } = require('node:test')
const { Mongoose } = require('mongoose')
const { SessionStoreError } = require('../..')
const { CALLS } = require('../support/calls')
const { useDatabase } = require('../support/database')
const { named } = require('../support/network')
const { failure } = require('../support/outcome')
const { runInProcess } = require('../support/process')

const database = useDatabase()

const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error']

const channelOf = (call) => tracingChannel(`koa-session-mongo-native:${call}`)

/** What is told from now on to the end of a test, of the stores over one collection. */
function listen(t, collection, calls = CALLS) {
  const told = []
  for (const call of calls) {
    const hear = (event) => (context) => {
      if (context.collection === collection)
        told.push({ call, event, context, now: { ...context } })
    }
    const subscribers = Object.fromEntries(EVENTS.map((event) => [event, hear(event)]))
    const channel = channelOf(call)
    channel.subscribe(subscribers)
    t.after(() => channel.unsubscribe(subscribers))
  }
  return told
}

/** How the calls ended. */
function endsOf(told) {
  const ends = told.filter(({ event }) => event === 'asyncEnd')
  return ends.map(({ call, now }) => [call, now.outcome])
}

describe('a tracing channel', { timeout: 60_000 }, () => {
  it('tells of each call what it ended in', async (t) => {
    const collection = 'each'
    const store = database.store({ collection })
    const told = listen(t, collection)
    const request = { ctx: {} }
    await store.get('id')
    await store.set('id', { a: 1 })
    await store.get('id', undefined, request)
    await store.set('id', { a: 1, _expire: 5, _maxAge: 5 }, 1000, request)
    await store.touch('id')
    await store.ids().toArray()
    await store.all().toArray()
    await store.length()
    await store.destroy('id')
    await store.set('id', { a: 2 }, 1000, request)
    await store.destroyMany({ a: 1 })
    await store.clear()
    await store.adopt()
    assert.deepEqual(endsOf(told), [
      ['get', 'missing'],
      ['set', 'create'],
      ['get', 'found'],
      ['set', 'touch'],
      ['touch', 'touch'],
      ['ids', 'page'],
      ['all', 'page'],
      ['length', 'count'],
      ['destroy', 'destroy'],
      ['set', 'dropped'],
      ['destroyMany', 'count'],
      ['clear', 'count'],
      ...Array(2).fill(['adopt', 'page']),
    ])
  })

  it('tells start and end as the call is made, the rest when it has ended, with one object', async (t) => {
    const collection = 'order'
    const store = database.store({ collection })
    const told = listen(t, collection)
    const events = () => told.map(({ event }) => event)
    const call = store.set('id', { a: 1 })
    assert.deepEqual(events(), ['start', 'end'])
    assert.deepEqual(told[0].now, { collection })
    await call
    assert.deepEqual(events(), ['start', 'end', 'asyncStart', 'asyncEnd'])
    assert.ok(told.every(({ context }) => context === told[0].context))
    assert.deepEqual(told[3].now, { collection, outcome: 'create', together: 1 })
  })

  it('tells how many travelled in the same command', async (t) => {
    const collection = 'together'
    const store = database.store({ collection })
    const told = listen(t, collection)
    // They gather, since the store has yet to connect.
    await Promise.all(named('of together', 20).map((id) => store.get(id)))
    const sizes = told.filter(({ event }) => event === 'asyncEnd').map(({ now }) => now.together)
    const { count, sizes: buckets } = store.stats().batches
    assert.equal(sizes.length, 20)
    assert.ok(Math.max(...sizes) > 1, String(sizes))
    // As many batches of each size as that many operations make up.
    assert.equal(
      sizes.reduce((batches, size) => batches + 1 / size, 0).toFixed(6),
      count.toFixed(6),
    )
    assert.equal(buckets.at(-1).count, count)
  })

  it('tells the error of a call that fails, with its code', async (t) => {
    const collection = 'failing'
    const limits = { serverSelectionTimeoutMS: 200, db: undefined }
    const store = database.store({ connection: 'mongodb://127.0.0.1:1', collection, ...limits })
    store.on('warning', () => {})
    const told = listen(t, collection)
    const error = await failure(store.get('id'))
    assert.deepEqual(
      told.map(({ event }) => event),
      ['start', 'end', 'error', 'asyncStart', 'asyncEnd'],
    )
    const { now } = told.at(-1)
    assert.ok(now.error instanceof SessionStoreError)
    assert.deepEqual([now.error.code, now.error.message], [error.code, error.message])
    assert.equal(now.outcome, 'ERR_UNAVAILABLE')
    assert.equal(now.together, 0, 'it was in no command')
  })

  it('tells of a call that waits for mongoose.connect() from its beginning', async (t) => {
    const collection = 'waiting'
    const mongoose = new Mongoose()
    const store = database.store({ connection: mongoose, collection })
    const told = listen(t, collection)
    const call = store.set('id', { a: 1 })
    assert.equal(told[0]?.event, 'start')
    await mongoose.connect(database.uri)
    await call
    await mongoose.disconnect()
    assert.deepEqual(endsOf(told), [['set', 'create']])
  })

  it('tells no id and no content', async (t) => {
    const collection = 'secrets'
    const store = database.store({ collection })
    const told = listen(t, collection)
    await store.set('the id', { key: 'the content' })
    await store.get('the id')
    await store.destroyMany({ key: 'the content' })
    assert.equal(endsOf(told).length, 3)
    for (const { now } of told) {
      const fields = ['collection', 'outcome', 'together']
      assert.deepEqual(
        Object.keys(now).filter((field) => !fields.includes(field)),
        [],
      )
      assert.doesNotMatch(JSON.stringify(now), /the id|the content/)
    }
  })

  it('tells those who subscribed to it, and no longer than that', async (t) => {
    const collection = 'some'
    const store = database.store({ collection })
    const told = listen(t, collection, ['get'])
    await store.set('id', { a: 1 })
    await store.get('id')
    assert.deepEqual(endsOf(told), [['get', 'found']])
    const late = []
    const subscribers = { asyncEnd: (context) => late.push(context) }
    channelOf('set').subscribe(subscribers)
    await store.set('id', { a: 2 })
    channelOf('set').unsubscribe(subscribers)
    await store.set('id', { a: 3 })
    assert.deepEqual(late, [{ collection, outcome: 'update', together: 1 }])
  })
})

describe('the async context of a caller', { timeout: 60_000 }, () => {
  it('is there at the start and at the end, with what was bound to the start', async (t) => {
    const caller = new AsyncLocalStorage()
    const span = new AsyncLocalStorage()
    const collection = 'contexts'
    const store = database.store({ collection })
    await store.set('first', {}) // in no context
    const channel = channelOf('get')
    channel.start.bindStore(span, ({ collection }) => `span of ${collection}`)
    t.after(() => channel.start.unbindStore(span))
    const seen = []
    const see = (event) => () => seen.push([event, caller.getStore(), span.getStore()])
    const subscribers = { start: see('start'), asyncEnd: see('asyncEnd') }
    channel.subscribe(subscribers)
    t.after(() => channel.unsubscribe(subscribers))
    const calls = ['a', 'b'].map((name) =>
      caller.run(name, async () => {
        await store.get('first')
        assert.deepEqual([caller.getStore(), span.getStore()], [name, undefined])
      }),
    )
    await Promise.all(calls)
    const bound = `span of ${collection}`
    assert.deepEqual(seen.toSorted(), [
      ['asyncEnd', 'a', bound],
      ['asyncEnd', 'b', bound],
      ['start', 'a', bound],
      ['start', 'b', bound],
    ])
  })
})

describe('a subscriber that throws', { timeout: 60_000 }, () => {
  it('disturbs no operation', async () => {
    const body = async ({ SessionStore, options }) => {
      const { tracingChannel } = require('node:diagnostics_channel')
      const thrown = []
      process.on('uncaughtException', (error) => thrown.push(error.message))
      const store = new SessionStore(options)
      const fail = () => {
        throw new Error('of a subscriber')
      }
      for (const call of ['get', 'set', 'destroy']) {
        const channel = tracingChannel(`koa-session-mongo-native:${call}`)
        channel.subscribe({ start: fail, end: fail, asyncStart: fail, asyncEnd: fail, error: fail })
      }
      const ids = Array.from({ length: 20 }, (_, index) => `traced ${index}`)
      await Promise.all(ids.map((id) => store.set(id, { id })))
      const found = await Promise.all(ids.map((id) => store.get(id)))
      await Promise.all(ids.map((id) => store.destroy(id)))
      await store.close()
      await new Promise(setImmediate)
      console.log(JSON.stringify({ found: found.map(({ id }) => id), thrown: thrown.length }))
    }
    const { code, stdout, stderr } = await runInProcess(body, database.options)
    assert.equal(code, 0, stderr)
    const found = Array.from({ length: 20 }, (_, index) => `traced ${index}`)
    assert.deepEqual(JSON.parse(stdout), { found, thrown: 3 * 20 * 4 })
  })
})
