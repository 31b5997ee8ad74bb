'use strict'

// The ways in which a request writes, renames and ends its session. koa-session passes
// `changed: false` for most of them although the data may have changed: all of it has to be kept.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { Visitor, startApp, versions, versionsWithCtx } = require('../support/app')
const { useDatabase } = require('../support/database')

let store
const database = useDatabase({
  setUp: () => {
    store = database.store()
  },
})

async function startSession(t, version, config) {
  const set = t.mock.method(store, 'set')
  const visitor = new Visitor(await startApp(t, version, { store, ...config }))
  await visitor.visit(async (ctx) => {
    Object.assign(ctx.session, { count: 1, user: { name: 'Ada' } })
    if (config?.autoCommit === false) await ctx.session.manuallyCommit()
  })
  return { visitor, lastChanged: () => set.mock.calls.at(-1).arguments[3].changed }
}

/** The stored session without koa-session's own keys. */
async function stored(id) {
  const document = await database.document(id)
  if (document === null) return undefined
  const { _expire, _maxAge, ...data } = document.data
  return data
}

for (const version of versions) {
  describe(`a request with ${version.name}`, { timeout: 60_000 }, () => {
    it('adds, changes and removes keys', async (t) => {
      const { visitor } = await startSession(t, version)
      await visitor.visit((ctx) => {
        ctx.session.user.name = 'Grace'
        ctx.session.added = [1, { two: null }]
        delete ctx.session.count
      })
      const expected = { user: { name: 'Grace' }, added: [1, { two: null }] }
      assert.deepEqual(await stored(visitor.id), expected)
      assert.deepEqual(await visitor.read(), expected)
    })

    it('replaces its session whole', async (t) => {
      const { visitor } = await startSession(t, version)
      const { id } = visitor
      await visitor.visit((ctx) => {
        ctx.session = { other: 1 }
      })
      assert.equal(visitor.id, id)
      assert.deepEqual(await stored(id), { other: 1 })
      assert.deepEqual(await visitor.read(), { other: 1 })
    })

    it('loses nothing that it changed before session.save()', async (t) => {
      const { visitor, lastChanged } = await startSession(t, version)
      await visitor.visit(async (ctx) => {
        ctx.session.count = 2
        ctx.session.added = true
        await ctx.session.save()
      })
      // koa-session 5 saves when the request ends; later ones at once, and once more at the end.
      if (version.name === 'koa-session 5') assert.equal(lastChanged(), false)
      const expected = { count: 2, user: { name: 'Ada' }, added: true }
      assert.deepEqual(await stored(visitor.id), expected)
      assert.deepEqual(await visitor.read(), expected)
    })

    it('loses nothing if the session is saved without a change', async (t) => {
      const { visitor } = await startSession(t, version)
      await visitor.visit((ctx) => ctx.session.save())
      assert.deepEqual(await visitor.read(), { count: 1, user: { name: 'Ada' } })
    })

    it('keeps a change that koa-session does not see', async (t) => {
      const { visitor, lastChanged } = await startSession(t, version, { rolling: true })
      await visitor.change({ measured: null })
      // The same in JSON, which koa-session compares.
      await visitor.change({ measured: Number.NaN })
      assert.equal(lastChanged(), false)
      assert.ok(Number.isNaN((await stored(visitor.id)).measured))
    })

    it('stores an empty session that it saves', async (t) => {
      const visitor = new Visitor(await startApp(t, version, { store }))
      await visitor.visit((ctx) => ctx.session.save())
      assert.deepEqual(await stored(visitor.id), {})
    })

    it('stores nothing with `autoCommit: false` until it commits', async (t) => {
      const { visitor } = await startSession(t, version, { autoCommit: false })
      const before = await database.document(visitor.id)
      await visitor.change({ count: 2 })
      assert.deepEqual(await database.document(visitor.id), before)

      await visitor.visit(async (ctx) => {
        ctx.session.count = 3
        await ctx.session.manuallyCommit()
        assert.deepEqual(await stored(visitor.id), { count: 3, user: { name: 'Ada' } })
        ctx.session.count = 4
      })
      assert.deepEqual(await visitor.read(), { count: 3, user: { name: 'Ada' } })
    })

    it('that commits twice writes both', async (t) => {
      const { visitor } = await startSession(t, version, { autoCommit: false })
      await visitor.visit(async (ctx) => {
        ctx.session.count = 2
        await ctx.session.manuallyCommit()
        ctx.session.added = 'later'
        await ctx.session.manuallyCommit()
      })
      assert.deepEqual(await stored(visitor.id), {
        count: 2,
        user: { name: 'Ada' },
        added: 'later',
      })
    })

    it('ends its session with `ctx.session = null`', async (t) => {
      const { visitor } = await startSession(t, version)
      const { id } = visitor
      const cookies = new Map(visitor.cookies)
      await visitor.visit((ctx) => {
        ctx.session = null
      })
      assert.equal(visitor.id, undefined)
      assert.equal(await database.document(id), null)

      // Who kept the cookie gets a session of their own, under another id.
      visitor.cookies = cookies
      assert.deepEqual(await visitor.read(), {})
      await visitor.change({ count: 9 })
      assert.notEqual(visitor.id, id)
      assert.equal(await database.document(id), null)
    })

    it('ends its session before it responds, with `autoCommit: false`', async (t) => {
      const { visitor } = await startSession(t, version, { autoCommit: false })
      const { id } = visitor
      await visitor.visit(async (ctx) => {
        const { session } = ctx
        ctx.session = null
        await session.manuallyCommit()
        assert.equal(await database.document(id), null)
      })
      assert.equal(visitor.id, undefined)
    })
  })
}

for (const version of versionsWithCtx) {
  describe(`a request with ${version.name}`, { timeout: 60_000 }, () => {
    it('has its session stored when session.save() resolves', async (t) => {
      const { visitor, lastChanged } = await startSession(t, version)
      const { id } = visitor
      await visitor.visit(async (ctx) => {
        ctx.session.count = 2
        await ctx.session.save()
        assert.equal(lastChanged(), false)
        assert.equal((await stored(id)).count, 2)
        ctx.session.count = 3
        await ctx.session.save()
        assert.equal(lastChanged(), false)
        assert.equal((await stored(id)).count, 3)
        ctx.session.later = true
      })
      assert.deepEqual(await stored(id), { count: 3, user: { name: 'Ada' }, later: true })
    })

    it('ends with its last change, whatever it saved before without waiting', async (t) => {
      const { visitor } = await startSession(t, version)
      await visitor.visit((ctx) => {
        ctx.session.count = 2
        ctx.session.save()
        ctx.session.count = 1 // as it was read
        ctx.session.later = true
      })
      const expected = { count: 1, user: { name: 'Ada' }, later: true }
      assert.deepEqual(await stored(visitor.id), expected)
    })

    it('moves its session to another id with regenerate(), changes and all', async (t) => {
      const { visitor, lastChanged } = await startSession(t, version)
      const old = visitor.id
      await visitor.visit(async (ctx) => {
        ctx.session.count = 2
        ctx.session.signedIn = true
        await ctx.session.regenerate()
        assert.equal(lastChanged(), false)
        assert.equal(await database.document(old), null)
      })
      assert.notEqual(visitor.id, old)
      const expected = { count: 2, user: { name: 'Ada' }, signedIn: true }
      assert.deepEqual(await stored(visitor.id), expected)
      assert.deepEqual(await visitor.read(), expected)
      assert.equal(await database.document(old), null)
    })

    it('goes on changing a session that it regenerated', async (t) => {
      const { visitor } = await startSession(t, version)
      const old = visitor.id
      await visitor.visit(async (ctx) => {
        await ctx.session.regenerate()
        ctx.session.count = 2
        delete ctx.session.user
      })
      assert.deepEqual(await stored(visitor.id), { count: 2 })
      assert.equal(await database.document(old), null)
    })
  })
}
