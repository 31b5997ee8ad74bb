'use strict'

// touchAfter: an unchanged session gets its new expiry written at most this often. Nothing else is
// ever put off. Time passes here by making the stored session older.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { Visitor, startApp, versions } = require('../support/app')
const { useDatabase } = require('../support/database')

const HOUR = 3_600_000
const DAY = 24 * HOUR

let store
const database = useDatabase({
  setUp: () => {
    store = database.store({ touchAfter: 3600 })
  },
})

const koaSession7 = versions.at(-1)

async function startSession(t, config) {
  const visitor = new Visitor(await startApp(t, koaSession7, { store, maxAge: DAY, ...config }))
  await visitor.change({ count: 1 })
  return visitor
}

/** Lets time pass for a session, as far as koa-session and the store can tell. */
async function age(id, milliseconds) {
  const { data, expiresAt, updatedAt } = await database.document(id)
  const older = (date) => new Date(date.getTime() - milliseconds)
  const set = { updatedAt: older(updatedAt) }
  if (expiresAt) set.expiresAt = older(expiresAt)
  if (data._expire) set['data._expire'] = data._expire - milliseconds
  await database.collection().updateOne({ _id: id }, { $set: set })
}

/** Whether `work` writes the session, and which events it causes. */
async function effects({ id }, work) {
  const events = []
  const listeners = ['create', 'update', 'touch', 'dropped'].map((event) => {
    const listener = (of) => of === id && events.push(event)
    store.on(event, listener)
    return [event, listener]
  })
  const before = await database.document(id)
  await work()
  const after = await database.document(id)
  await new Promise(setImmediate)
  for (const [event, listener] of listeners) store.off(event, listener)
  const written = String(after?.updatedAt) !== String(before?.updatedAt)
  if (!written) assert.deepEqual(after, before)
  return { written, events }
}

const NOTHING = { written: false, events: [] }
const TOUCHED = { written: true, events: ['touch'] }
const UPDATED = { written: true, events: ['update'] }

describe('touchAfter, with rolling', { timeout: 60_000 }, () => {
  const config = { rolling: true }

  it('writes an unchanged session at most this often', async (t) => {
    const visitor = await startSession(t, config)
    await age(visitor.id, HOUR / 2)
    for (let visit = 0; visit < 3; visit++) {
      assert.deepEqual(await effects(visitor, () => visitor.read()), NOTHING)
      assert.equal(visitor.setCookies.length, 2, 'the cookie is renewed all the same')
    }
    await age(visitor.id, HOUR / 2)
    assert.deepEqual(await effects(visitor, () => visitor.read()), TOUCHED)
    assert.deepEqual(await effects(visitor, () => visitor.read()), NOTHING)
    assert.deepEqual(await visitor.read(), { count: 1 })
  })

  it('renews the expiry whole when it is written', async (t) => {
    const visitor = await startSession(t, config)
    const before = await database.document(visitor.id)
    await age(visitor.id, 2 * HOUR)
    await visitor.read()
    const after = await database.document(visitor.id)
    assert.ok(after.expiresAt >= before.expiresAt)
    assert.ok(after.data._expire >= before.data._expire)
    assert.ok(after.updatedAt >= before.updatedAt)
  })

  it('writes a change at once, with its new expiry', async (t) => {
    const visitor = await startSession(t, config)
    const { expiresAt } = await database.document(visitor.id)
    await age(visitor.id, HOUR / 2)
    assert.deepEqual(await effects(visitor, () => visitor.change({ count: 2 })), UPDATED)
    assert.ok((await database.document(visitor.id)).expiresAt >= expiresAt)
    const remove = () =>
      visitor.visit((ctx) => {
        delete ctx.session.count
      })
    await age(visitor.id, 1000)
    assert.deepEqual(await effects(visitor, remove), UPDATED)
    assert.deepEqual(await visitor.read(), {})
  })

  for (const [what, maxAge] of Object.entries({ longer: 2 * DAY, shorter: HOUR })) {
    it(`writes a ${what} maxAge at once`, async (t) => {
      const visitor = await startSession(t, config)
      await age(visitor.id, 1000)
      const setMaxAge = () =>
        visitor.visit((ctx) => {
          ctx.session.maxAge = maxAge
        })
      assert.deepEqual(await effects(visitor, setMaxAge), TOUCHED)
      const { data, expiresAt } = await database.document(visitor.id)
      assert.equal(data._maxAge, maxAge)
      assert.ok(Math.abs(expiresAt.getTime() - data._expire) < HOUR / 2)
    })
  }

  it('writes another order of the keys', async () => {
    const request = { ctx: {} }
    await store.set('order', { a: 1, b: 2 })
    await store.get('order', undefined, request)
    await store.set('order', { b: 2, a: 1 }, undefined, request)
    assert.deepEqual(Object.keys(await store.get('order')), ['b', 'a'])
  })

  it('does not write what was saved without a change', async (t) => {
    const visitor = await startSession(t, config)
    await age(visitor.id, 1000)
    const save = () => visitor.visit((ctx) => ctx.session.save())
    assert.deepEqual(await effects(visitor, save), NOTHING)
  })

  it('writes each of several changes by one request', async (t) => {
    const visitor = await startSession(t, config)
    await age(visitor.id, 1000)
    const change = () =>
      visitor.visit(async (ctx) => {
        ctx.session.count = 2
        await ctx.session.save()
        ctx.session.count = 1
        await ctx.session.save()
      })
    assert.deepEqual((await effects(visitor, change)).events, ['update', 'update'])
    assert.deepEqual(await visitor.read(), { count: 1 })
  })

  it('keeps the change of a request that another, unchanged one overtakes', async (t) => {
    const visitor = await startSession(t, config)
    await Promise.all([visitor.read(), visitor.change({ count: 2 }), visitor.read()])
    assert.deepEqual(await visitor.read(), { count: 2 })
  })

  it('gives a session of another store its expiry at once', async (t) => {
    const visitor = await startSession(t, config)
    await database.collection().updateOne({ _id: visitor.id }, { $unset: { expiresAt: '' } })
    await age(visitor.id, 1000)
    assert.deepEqual(await effects(visitor, () => visitor.read()), TOUCHED)
    assert.ok((await database.document(visitor.id)).expiresAt)
  })

  it('leaves a destroyed session destroyed', async (t) => {
    const visitor = await startSession(t, config)
    const { id } = visitor
    await visitor.visit(() => database.store().destroy(id))
    assert.equal(await database.document(id), null)
    assert.deepEqual(await visitor.read(), {})
  })
})

describe('touchAfter, with renew', { timeout: 60_000 }, () => {
  it('renews a session in the second half of its life', async (t) => {
    const visitor = await startSession(t, { renew: true })
    await age(visitor.id, DAY / 4)
    assert.deepEqual(await effects(visitor, () => visitor.read()), NOTHING)
    await age(visitor.id, DAY / 2)
    assert.deepEqual(await effects(visitor, () => visitor.read()), TOUCHED)
    assert.deepEqual(await effects(visitor, () => visitor.read()), NOTHING)
  })
})

describe('touchAfter, without rolling and renew', { timeout: 60_000 }, () => {
  it('changes nothing', async (t) => {
    const visitor = await startSession(t)
    await age(visitor.id, 2 * HOUR)
    assert.deepEqual(await effects(visitor, () => visitor.read()), NOTHING)
    assert.deepEqual(await effects(visitor, () => visitor.change({ count: 2 })), UPDATED)
  })
})

describe('touchAfter, at or above the life of a session', { timeout: 60_000 }, () => {
  for (const [what, touchAfter] of Object.entries({
    at: 86_400,
    above: 1e9,
    'just below': 86_000,
  })) {
    it(`ends none that is in use: ${what}`, async (t) => {
      const long = database.store({ touchAfter })
      const visitor = await startSession(t, { rolling: true, store: long })
      await age(visitor.id, DAY / 4)
      assert.ok(!(await effects(visitor, () => visitor.read())).written)
      for (let visit = 0; visit < 4; visit++) {
        await age(visitor.id, DAY * 0.4)
        await visitor.read()
      }
      assert.deepEqual(await visitor.read(), { count: 1 })
    })
  }

  it('ends none of a life that the request chose', async () => {
    const long = database.store({ touchAfter: 3600 })
    const touch = async () => {
      const request = { ctx: {} }
      const session = await long.get('short', 60_000, request)
      await long.set('short', session, 60_000, request)
      return session
    }
    await long.set('short', { a: 1 }, 60_000)
    await age('short', 20_000)
    assert.ok(!(await effects({ id: 'short' }, touch)).written)
    for (let visit = 0; visit < 3; visit++) {
      await age('short', 35_000)
      assert.deepEqual(await touch(), { a: 1 })
    }
  })
})

describe('touchAfter, where a request writes a session several times', { timeout: 60_000 }, () => {
  it('gives it the life of the last, whether each is waited for or not', async () => {
    const id = 'short, then long'
    await store.set(id, { count: 1 }, DAY)
    const mine = { ctx: {} }
    const session = await store.get(id, DAY, mine)
    await Promise.all([store.set(id, session, 60_000, mine), store.set(id, session, DAY, mine)])
    const { expiresAt } = await database.document(id)
    assert.ok(expiresAt - Date.now() > DAY - HOUR, `ends at ${expiresAt.toISOString()}`)
  })
})

describe('touchAfter, with expires', { timeout: 60_000 }, () => {
  const MINUTE = 60_000
  const config = { maxAge: MINUTE, rolling: true }

  it('ends no cookie of a shorter life that is in use', async (t) => {
    const lasting = database.store({ touchAfter: 3600, expires: 86400 })
    const visitor = await startSession(t, { ...config, store: lasting })
    await age(visitor.id, MINUTE / 4)
    assert.ok(!(await effects(visitor, () => visitor.read())).written)
    for (let visit = 0; visit < 4; visit++) {
      await age(visitor.id, MINUTE * 0.7)
      assert.deepEqual(await visitor.read(), { count: 1 })
    }
  })

  it('ends none that touch() renews', async (t) => {
    const lasting = database.store({ touchAfter: 3600, expires: 86400 })
    const visitor = await startSession(t, { ...config, store: lasting })
    for (let time = 0; time < 4; time++) {
      await age(visitor.id, MINUTE * 0.7)
      assert.equal(await lasting.touch(visitor.id), true)
    }
    assert.deepEqual(await visitor.read(), { count: 1 })
  })

  it('counts from the last write as well', async () => {
    const lasting = database.store({ touchAfter: 3600, expires: 86400 })
    await lasting.set('lasting', { a: 1 })
    const touch = async () => {
      const request = { ctx: {} }
      const session = await lasting.get('lasting', 'session', request)
      await lasting.set('lasting', session, 'session', request)
    }
    await age('lasting', HOUR / 2)
    assert.deepEqual(await effects({ id: 'lasting' }, touch), NOTHING)
    await age('lasting', HOUR)
    assert.ok((await effects({ id: 'lasting' }, touch)).written)
  })
})

describe('touchAfter 0', { timeout: 60_000 }, () => {
  it('writes every touch', async (t) => {
    const always = database.store({ touchAfter: 0 })
    const visitor = await startSession(t, { rolling: true, store: always })
    await age(visitor.id, 1000)
    assert.ok((await effects(visitor, () => visitor.read())).written)
  })
})
