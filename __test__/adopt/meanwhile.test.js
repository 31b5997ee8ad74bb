'use strict'

// Applications of both kinds that write while adopt() is at work: nothing that was acknowledged is lost.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const MongooseStore = require('koa-session-mongoose')
const { Mongoose } = require('mongoose')
const { connectMongo, expressSessionOf } = require('../support/connect-mongo')
const { useDatabase } = require('../support/database')
const { Gate } = require('../support/gate')
const { TcpProxy, faults } = require('../support/proxy')

const mongoose = new Mongoose()
const database = useDatabase({
  setUp: ({ uri, name }) => mongoose.connect(uri, { dbName: name }),
  tearDown: () => mongoose.disconnect(),
})
let number = 0

const WRITTEN = { changed: true, rolling: false }
const HOUR = 3_600_000

/** One collection with the three stores over it; `store` goes through a proxy. */
async function open(t, options) {
  const collection = `sessions${number++}`
  const { uri, name: db } = database
  const express = await connectMongo('connect-mongo 6', { uri, db, collection })
  t.after(() => express.close())
  const koa = MongooseStore.create({ connection: mongoose, name: collection, collection })
  await koa.session.init()
  const proxy = await TcpProxy.open(Number(new URL(uri).port))
  t.after(() => proxy.close())
  const store = database.store({ connection: proxy.uri, collection, ...options })
  const other = database.store({ collection })
  for (const one of [store, other]) one.on('warning', () => {})
  return { collection, express, koa, other, proxy, store }
}

/** Something happens after adopt() has read the documents and before it changes them. */
function meanwhile(proxy, act) {
  const fault = async (exchange) => {
    await act()
    await faults.none(exchange)
  }
  proxy.inject(fault, { commands: ['update'], when: changesSessions })
}

/** Not what the store asks the server of transaction numbers. */
const changesSessions = ({ body }) => body.updates.some(({ q }) => q.session || q.updatedAt)

describe('a document that is written between reading and adopting it', { timeout: 120_000 }, () => {
  it('is adopted as connect-mongo has written it', async (t) => {
    const { express, proxy, store } = await open(t)
    for (const id of ['a', 'b']) await express.set(id, expressSessionOf({ n: 1 }))
    meanwhile(proxy, () => express.set('a', expressSessionOf({ n: 2 })))
    const { adopted, left } = await store.adopt()
    assert.deepEqual({ adopted, busy: left.busy }, { adopted: 2, busy: 0 })
    assert.deepEqual(await store.get('a'), { n: 2 })
    assert.deepEqual(await store.get('b'), { n: 1 })
  })

  it('is adopted with the end that connect-mongo has given it', async (t) => {
    const { collection, express, proxy, store } = await open(t)
    await express.set('a', expressSessionOf({ n: 1 }))
    const session = expressSessionOf({ n: 1 }, { maxAge: 2 * HOUR })
    session.lastModified = undefined
    meanwhile(proxy, () => new Promise((done) => express.store.touch('a', session, done)))
    await store.adopt()
    const { data, expiresAt } = await database.document('a', collection)
    assert.deepEqual({ data, expiresAt }, { data: { n: 1 }, expiresAt: session.cookie.expires })
  })

  it('is adopted as koa-session-mongoose has written it', async (t) => {
    const { collection, koa, proxy, store } = await open(t)
    await koa.set('a', { n: 1 }, HOUR, WRITTEN)
    meanwhile(proxy, () => koa.set('a', { n: 2 }, HOUR, WRITTEN))
    await store.adopt()
    const { data, updatedAt, expiresAt } = await database.document('a', collection)
    assert.deepEqual(data, { n: 2 })
    assert.equal(expiresAt.getTime(), updatedAt.getTime() + 86_400_000)
  })

  it('stays as a store of this kind has written it', async (t) => {
    const { express, koa, other, proxy, store } = await open(t)
    await koa.set('a', { n: 1 }, HOUR, WRITTEN)
    await express.set('b', expressSessionOf({ n: 1 }))
    meanwhile(proxy, async () => {
      await other.set('a', { n: 2 }, 60_000)
      await other.set('b', { n: 2, _expire: Date.now() + 60_000 }, 60_000)
    })
    meanwhile(proxy, async () => {})
    await store.adopt()
    assert.deepEqual((await store.get('a')).n, 2)
    assert.deepEqual((await store.get('b')).n, 2)
  })

  it('stays gone where somebody signed out', async (t) => {
    const { collection, express, koa, other, proxy, store } = await open(t)
    await express.set('express', expressSessionOf({ n: 1 }))
    await koa.set('koa', { n: 1 }, HOUR, WRITTEN)
    await koa.set('here', { n: 1 }, HOUR, WRITTEN)
    meanwhile(proxy, async () => {
      await express.destroy('express')
      await koa.destroy('koa')
      await other.destroy('here')
    })
    await store.adopt()
    assert.equal(await database.collection(collection).countDocuments(), 0)
  })
})

describe('what adopt() sent and a network delivers late', { timeout: 60_000 }, () => {
  it('changes nothing any more', async (t) => {
    const { collection, express, koa, other, proxy, store } = await open(t, { timeoutMS: 1000 })
    await koa.set('written', { n: 1 }, HOUR, WRITTEN)
    await koa.set('destroyed', { n: 1 }, HOUR, WRITTEN)
    for (const id of ['also written', 'also destroyed']) {
      await express.set(id, expressSessionOf({ n: 1 }))
    }
    const gate = new Gate()
    const late = proxy.inject(faults.late(gate), { commands: ['update'], when: changesSessions })
    await store.adopt()
    const before = {}
    for (const id of ['written', 'also written']) {
      assert.deepEqual(await other.get(id), { n: 1 })
      await other.set(id, { n: 2 }, 60_000)
      before[id] = await database.document(id, collection)
    }
    for (const id of ['destroyed', 'also destroyed']) await other.destroy(id)
    gate.open()
    await late.struck
    const documents = await database.collection(collection).find().toArray()
    assert.deepEqual(Object.fromEntries(documents.map((one) => [one._id, one])), before)
  })
})

describe('applications that go on writing', { timeout: 120_000 }, () => {
  it('lose no write that was acknowledged', async (t) => {
    const { express, koa, other, store } = await open(t)
    let isOver = false
    const written = new Map()
    /** Writes again and again, for as long as the session can be read there. */
    const writer = async (id, read, write) => {
      for (let n = 1; !isOver; n++) {
        if (n > 1 && (await read(id).catch(() => undefined)) === undefined) return
        await write(id, n)
        written.set(id, n)
      }
    }
    const kinds = {
      express: [express.get, (id, n) => express.set(id, expressSessionOf({ n }))],
      koa: [(id) => koa.get(id), (id, n) => koa.set(id, { n }, HOUR, WRITTEN)],
      other: [(id) => other.get(id), (id, n) => other.set(id, { n }, HOUR)],
    }
    const writers = Object.entries(kinds).flatMap(([kind, [read, write]]) =>
      [1, 2, 3, 4].map((one) => writer(`${kind} ${one}`, read, write)),
    )
    while (written.size < writers.length) await new Promise(setImmediate)
    for (let round = 0; round < 3; round++) await store.adopt()
    isOver = true
    await Promise.all(writers)
    await store.adopt()
    const expected = Array.from(written, ([id, n]) => [id, { n }])
    const found = await Promise.all(expected.map(async ([id]) => [id, await store.get(id)]))
    assert.deepEqual(found, expected)
    assert.equal((await store.adopt()).adopted, 0)
  })
})
