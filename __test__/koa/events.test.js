'use strict'

// What the store tells those who listen: each event with the id of the session.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { Visitor, startApp, versionsWithCtx } = require('../support/app')
const { useDatabase } = require('../support/database')
const { failure } = require('../support/outcome')
const { runInProcess } = require('../support/process')

const database = useDatabase()

const EVENTS = ['create', 'update', 'touch', 'destroy', 'dropped', 'warning', 'error']

/** A store, and what it tells as [event, …arguments]. */
function listen() {
  const store = database.store()
  const told = []
  for (const event of EVENTS) store.on(event, (...args) => told.push([event, ...args]))
  return { store, told }
}

describe('the events', { timeout: 60_000 }, () => {
  for (const version of versionsWithCtx) {
    it(`follow the requests of a visitor, with ${version.name}`, async (t) => {
      const { store, told } = listen()
      const app = await startApp(t, version, { store, maxAge: 60_000, rolling: true })
      const visitor = new Visitor(app)
      await visitor.change({ count: 1 })
      const { id } = visitor
      assert.deepEqual(told, [['create', id]])
      await visitor.change({ count: 2 })
      await visitor.read()
      await visitor.change({ 'a.b': 1 })
      await visitor.visit((ctx) => {
        ctx.session = null
      })
      const names = ['create', 'update', 'touch', 'update', 'destroy']
      assert.deepEqual(
        told,
        names.map((name) => [name, id]),
      )
    })

    it(`tell of both ids when a session is regenerated, with ${version.name}`, async (t) => {
      const { store, told } = listen()
      const visitor = new Visitor(await startApp(t, version, { store }))
      await visitor.change({ count: 1 })
      const old = visitor.id
      await visitor.visit((ctx) => ctx.session.regenerate())
      assert.deepEqual(told, [
        ['create', old],
        ['destroy', old],
        ['create', visitor.id],
      ])
    })
  }

  it('follow direct calls, in their order', async () => {
    const { store, told } = listen()
    const request = { ctx: {} }
    await store.set('id', { a: 1 })
    await store.set('id', { a: 2 })
    await store.get('id', undefined, request)
    await store.set('id', { a: 2, _expire: 5, _maxAge: 5 }, 1000, request)
    await store.set('id', { a: 3 }, 1000, request)
    await store.destroy('id')
    await store.set('id', { a: 4 }, 1000, request)
    const names = ['create', 'update', 'touch', 'update', 'destroy', 'dropped']
    assert.deepEqual(
      told,
      names.map((name) => [name, 'id']),
    )
  })
})

describe('the events of the other calls', { timeout: 60_000 }, () => {
  it('tell of touch() what was renewed, and of nothing where nothing was', async () => {
    const { store, told } = listen()
    await store.set('touched', { a: 1 })
    await store.touch('touched', 60_000)
    await store.touch('nobody', 60_000)
    assert.deepEqual(told, [
      ['create', 'touched'],
      ['touch', 'touched'],
    ])
  })

  it('tell of each session that destroyMany() and clear() ended', async () => {
    const store = database.store({ collection: 'many' })
    const ids = ['many 1', 'many 2', 'many 3']
    await Promise.all(ids.map((id, index) => store.set(id, { even: index % 2 === 0 })))
    const destroyed = []
    store.on('destroy', (id) => destroyed.push(id))
    await store.destroyMany({ even: true })
    assert.deepEqual(destroyed.toSorted(), ['many 1', 'many 3'])
    await store.clear()
    assert.deepEqual(destroyed.toSorted(), ids)
  })

  it('come when the call has been acknowledged, and not for one that fails', async () => {
    const connection = 'mongodb://127.0.0.1:1'
    const limits = { serverSelectionTimeoutMS: 200, db: undefined }
    const store = database.store({ connection, collection: 'away', ...limits })
    const told = []
    for (const event of EVENTS) store.on(event, () => told.push(event))
    await failure(store.set('id', { a: 1 }))
    await failure(store.destroy('id'))
    await new Promise(setImmediate)
    assert.deepEqual(
      told.filter((event) => event !== 'warning'),
      [],
    )
  })
})

describe('a warning', { timeout: 60_000 }, () => {
  it('goes to who listens, else to the process, and is never an error', async () => {
    const body = async ({ SessionStore, options }) => {
      const told = []
      process.on('warning', ({ code, message }) => told.push(['process', code, message]))
      process.on('uncaughtException', (error) => told.push(['thrown', error.message]))
      const open = async (listen) => {
        const store = new SessionStore(options)
        store.on('error', () => told.push(['error']))
        if (listen) store.on('warning', ({ code, message }) => told.push(['store', code, message]))
        const about = () => told.filter(([, , message]) => message?.includes('expiresAt_1'))
        const before = about().length
        const alive = setInterval(() => {}, 1000)
        while (about().length === before) await new Promise((resolve) => setTimeout(resolve, 10))
        clearInterval(alive)
        await store.close()
      }
      await open(true)
      await open(false)
      const about = told.filter(([, , message]) => message?.includes('expiresAt_1'))
      console.log(JSON.stringify(about.map(([where, code]) => [where, code])))
      console.log(JSON.stringify(told.filter(([where]) => ['error', 'thrown'].includes(where))))
    }
    const collection = 'warned'
    await database.store({ collection }).set('id', { a: 1 })
    const options = { ...database.options, collection, autoRemove: 'disabled' }
    const { code, stdout, stderr } = await runInProcess(body, options)
    assert.equal(code, 0, stderr)
    const [about, wrong] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(about, [
      ['store', 'ERR_OPTIONS'],
      ['process', 'ERR_OPTIONS'],
    ])
    assert.deepEqual(wrong, [])
  })
})

describe('a listener that throws', { timeout: 60_000 }, () => {
  it('breaks no operation', async () => {
    const body = async ({ SessionStore, options }) => {
      const thrown = []
      process.on('uncaughtException', (error) => thrown.push(error.message))
      const store = new SessionStore(options)
      for (const event of ['create', 'update', 'destroy']) {
        store.on(event, () => {
          throw new Error(event)
        })
      }
      const ids = Array.from({ length: 20 }, (_, index) => `throwing ${index}`)
      await Promise.all(ids.map((id) => store.set(id, { id })))
      const found = await Promise.all(ids.map((id) => store.get(id)))
      await Promise.all(ids.map((id) => store.set(id, { id, again: true })))
      await Promise.all(ids.map((id) => store.destroy(id)))
      await store.close()
      console.log(JSON.stringify({ found: found.map(({ id }) => id), thrown: thrown.length }))
    }
    const { code, stdout, stderr } = await runInProcess(body, database.options)
    assert.equal(code, 0, stderr)
    const ids = Array.from({ length: 20 }, (_, index) => `throwing ${index}`)
    assert.deepEqual(JSON.parse(stdout), { found: ids, thrown: 60 })
  })
})
