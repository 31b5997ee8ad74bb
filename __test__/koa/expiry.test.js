'use strict'

// How long a session lives: `expires`, and koa-session's maxAge, rolling and renew. The expiry stands
// inside the session (`_expire`, which koa-session checks) and beside it (`expiresAt`).

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { before, describe, it } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { Visitor, startApp, versions, versionsWithCtx } = require('../support/app')
const { useDatabase } = require('../support/database')
const { Gate } = require('../support/gate')

const MINUTE = 60_000
const DAY = 86_400_000

let store
const database = useDatabase({
  setUp: () => {
    store = database.store()
  },
})

/** A visitor who has a session, and what koa-session said of `changed` at its last write. */
async function startSession(t, version, { on = store, ...config }) {
  const set = t.mock.method(on, 'set')
  const visitor = new Visitor(await startApp(t, version, { store: on, ...config }))
  await visitor.change({ count: 1 })
  return { visitor, lastChanged: () => set.mock.calls.at(-1).arguments[3].changed }
}

/** As if the session had been written a while ago, and had only half a minute left. */
async function age(id) {
  const end = Date.now() + 30_000
  const dates = { updatedAt: new Date(0), expiresAt: new Date(end) }
  await database.collection().updateOne({ _id: id }, { $set: { 'data._expire': end, ...dates } })
}

/** Runs `write` and checks that it gave the session `maxAge`, and the document `life`. */
async function assertRenews(id, { maxAge, life }, write) {
  const start = Date.now()
  await write()
  const end = Date.now()
  const { data, updatedAt, expiresAt } = await database.document(id)
  assert.equal(data._maxAge, maxAge)
  assert.ok(data._expire >= start + maxAge && data._expire <= end + maxAge, 'data._expire')
  assert.ok(updatedAt >= start && updatedAt <= end, 'updatedAt')
  assert.equal(expiresAt - updatedAt, life)
  return data
}

async function passed(time) {
  while (Date.now() <= time) await sleep(time - Date.now() + 1)
}

for (const version of versions) {
  describe(`expiry with ${version.name}`, { timeout: 60_000 }, () => {
    it('follows maxAge, with the ten seconds that koa-session adds', async (t) => {
      const { visitor } = await startSession(t, version, { maxAge: MINUTE })
      await assertRenews(visitor.id, { maxAge: MINUTE, life: MINUTE + 10_000 }, () =>
        visitor.change({ count: 2 }),
      )
    })

    it('is a day where koa-session is given no maxAge', async (t) => {
      const { visitor } = await startSession(t, version, {})
      await assertRenews(visitor.id, { maxAge: DAY, life: DAY + 10_000 }, () =>
        visitor.change({ count: 2 }),
      )
    })

    it('is a day for maxAge "session", whose cookie ends with the browser', async (t) => {
      const { visitor } = await startSession(t, version, { maxAge: 'session' })
      assert.ok(visitor.setCookies.length > 0)
      for (const header of visitor.setCookies) assert.doesNotMatch(header, /expires|max-age/i)
      const { data, updatedAt, expiresAt } = await database.document(visitor.id)
      assert.deepEqual(data, { count: 1, _session: true })
      assert.equal(expiresAt - updatedAt, DAY)
      assert.deepEqual(await visitor.read(), { count: 1 })
      await visitor.change({ count: 2 })
      assert.deepEqual((await database.document(visitor.id)).data, { count: 2, _session: true })
    })

    it('is decided by `expires` alone where that is set', async (t) => {
      const on = database.store({ expires: 3600 })
      const numeric = await startSession(t, version, { on, maxAge: MINUTE })
      await assertRenews(numeric.visitor.id, { maxAge: MINUTE, life: 3_600_000 }, () =>
        numeric.visitor.change({ count: 2 }),
      )
      const { visitor } = await startSession(t, version, { on, maxAge: 'session' })
      const { updatedAt, expiresAt } = await database.document(visitor.id)
      assert.equal(expiresAt - updatedAt, 3_600_000)
    })

    it('stays as it is while a session is only read', async (t) => {
      const { visitor } = await startSession(t, version, { maxAge: MINUTE })
      const before = await database.document(visitor.id)
      assert.deepEqual(await visitor.read(), { count: 1 })
      assert.deepEqual(await database.document(visitor.id), before)
    })

    it('is renewed by every request with `rolling`', async (t) => {
      const { visitor, lastChanged } = await startSession(t, version, {
        maxAge: DAY,
        rolling: true,
      })
      await age(visitor.id)
      const data = await assertRenews(visitor.id, { maxAge: DAY, life: DAY + 10_000 }, () =>
        visitor.read(),
      )
      assert.equal(lastChanged(), false)
      assert.equal(data.count, 1)
    })

    it('is renewed with `renew` once half of it has passed', async (t) => {
      const { visitor, lastChanged } = await startSession(t, version, { maxAge: DAY, renew: true })
      const fresh = await database.document(visitor.id)
      await visitor.read()
      assert.deepEqual(await database.document(visitor.id), fresh)

      await age(visitor.id)
      const data = await assertRenews(visitor.id, { maxAge: DAY, life: DAY + 10_000 }, () =>
        visitor.read(),
      )
      assert.equal(lastChanged(), false)
      assert.equal(data.count, 1)
    })

    it('follows a new ctx.session.maxAge, and what else changed is written', async (t) => {
      const { visitor, lastChanged } = await startSession(t, version, { maxAge: DAY })
      const data = await assertRenews(
        visitor.id,
        { maxAge: 2 * MINUTE, life: 2 * MINUTE + 10_000 },
        () =>
          visitor.visit((ctx) => {
            ctx.session.maxAge = 2 * MINUTE
            ctx.session.count = 2
            ctx.session.more = true
          }),
      )
      assert.equal(lastChanged(), false)
      assert.equal(data.count, 2)
      assert.equal(data.more, true)

      // The session keeps it from then on.
      await assertRenews(visitor.id, { maxAge: 2 * MINUTE, life: 2 * MINUTE + 10_000 }, () =>
        visitor.change({ count: 3 }),
      )
    })

    it('changes between a number and "session", and nothing of the other is left', async (t) => {
      const { visitor } = await startSession(t, version, { maxAge: DAY })
      await visitor.visit((ctx) => {
        ctx.session.maxAge = 'session'
      })
      const { data, updatedAt, expiresAt } = await database.document(visitor.id)
      assert.deepEqual(data, { count: 1, _session: true })
      assert.equal(expiresAt - updatedAt, DAY)

      await assertRenews(visitor.id, { maxAge: MINUTE, life: MINUTE + 10_000 }, () =>
        visitor.visit((ctx) => {
          ctx.session.maxAge = MINUTE
        }),
      )
      assert.equal((await database.document(visitor.id)).data._session, undefined)
    })

    it('that is short soon ends the session', async (t) => {
      const { visitor } = await startSession(t, version, { maxAge: DAY })
      const { id } = visitor
      await visitor.visit((ctx) => {
        ctx.session.maxAge = 1
      })
      await passed((await database.document(id)).data._expire)
      assert.deepEqual(await visitor.read(), {})
      await visitor.change({ count: 'new' })
      assert.notEqual(visitor.id, id)
    })
  })
}

for (const version of versionsWithCtx) {
  it(`requests at once never leave two kinds of expiry in a session, with ${version.name}`, {
    timeout: 60_000,
  }, async (t) => {
    const { visitor } = await startSession(t, version, { maxAge: MINUTE, rolling: true })
    const gate = new Gate()
    const renewing = visitor.visit(() => gate.pass())
    await gate.reached
    await visitor.visit((ctx) => {
      ctx.session.maxAge = 'session'
    })
    gate.open()
    await renewing
    // Both would end a session that is to live as long as the browser.
    const { data } = await database.document(visitor.id)
    const kinds = ['_expire', '_maxAge', '_session'].filter((key) => key in data).join()
    assert.ok(kinds === '_session' || kinds === '_expire,_maxAge', kinds)
  })
}

describe('an expired session', { timeout: 60_000 }, () => {
  const collection = 'kept'
  let keeping

  // An index of the user's is in the place of the TTL index, so nothing removes the documents.
  before(async () => {
    await database.collection(collection).createIndex({ expiresAt: 1 })
    keeping = database.store({ collection })
    await once(keeping, 'warning')
  })

  it('is not returned although its document is still there', async () => {
    const expired = {
      _id: 'expired',
      data: { count: 1 },
      updatedAt: new Date(0),
      expiresAt: new Date(Date.now() - 1),
    }
    await database.collection(collection).insertOne(expired)
    assert.equal(await keeping.get('expired'), undefined)
    assert.deepEqual(await database.document('expired', collection), expired)
  })

  it('is not returned from the moment on that its life is over', async () => {
    await keeping.set('short', { count: 1 }, 1)
    const { expiresAt } = await database.document('short', collection)
    await passed(expiresAt.getTime())
    assert.equal(await keeping.get('short'), undefined)
    assert.notEqual(await database.document('short', collection), null)
  })

  for (const version of versions) {
    it(`gives the visitor a new one with ${version.name}`, async (t) => {
      const app = await startApp(t, version, { store: keeping, maxAge: DAY })
      const visitor = new Visitor(app)
      await visitor.change({ secret: 1 })
      const { id } = visitor
      await database
        .collection(collection)
        .updateOne({ _id: id }, { $set: { expiresAt: new Date(Date.now() - 1) } })
      assert.deepEqual(await visitor.read(), {})
      await visitor.change({ count: 1 })
      assert.notEqual(visitor.id, id)
      assert.deepEqual((await database.document(id, collection)).data.secret, 1)
    })
  }
})

describe('a document without expiresAt, as the original wrote it', { timeout: 60_000 }, () => {
  for (const version of versions) {
    it(`is read, and gains one at the next write, with ${version.name}`, async (t) => {
      const data = { count: 1, _expire: Date.now() + DAY, _maxAge: DAY }
      const _id = `original-${version.name.replace(' ', '-')}`
      await database.collection().insertOne({ _id, data, updatedAt: new Date(1) })
      const app = await startApp(t, version, { store, maxAge: DAY, signed: false })
      const visitor = new Visitor(app)
      visitor.id = _id
      assert.deepEqual(await visitor.read(), { count: 1 })
      assert.deepEqual(await database.document(_id), { _id, data, updatedAt: new Date(1) })

      await assertRenews(_id, { maxAge: DAY, life: DAY + 10_000 }, () =>
        visitor.change({ count: 2 }),
      )
      assert.deepEqual(await visitor.read(), { count: 2 })
    })
  }
})
