'use strict'

// A destroyed session stays destroyed: who signs out wins over every request still running, in this
// process or another, whatever that request goes on to do.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { Visitor, startApp, versionsWithCtx } = require('../support/app')
const { useDatabase } = require('../support/database')
const { Gate } = require('../support/gate')
const { OtherProcess } = require('../support/process')

let store
let otherStore
let otherProcess
const database = useDatabase({
  setUp: () => {
    store = database.store()
    otherStore = database.store()
    otherProcess = new OtherProcess(database.options)
  },
  tearDown: () => otherProcess.end(),
})

/** Who ends the session while a request is held. */
const ENDS = {
  'by another request': (visitor) =>
    visitor.visit((ctx) => {
      ctx.session = null
    }),
  'by another store': ({ id }) => otherStore.destroy(id),
  'by another process': ({ id }) => otherProcess.destroy(id),
}

/** What the held request does with its session. */
const DEEDS = {
  'changes it': (ctx) => {
    ctx.session.count = 2
  },
  'only renews it (rolling)': () => {},
  'saves it': (ctx) => ctx.session.save(),
  'changes and saves it twice': async (ctx) => {
    ctx.session.count = 2
    await ctx.session.save()
    ctx.session.count = 3
    await ctx.session.save()
  },
  'sets its maxAge': (ctx) => {
    ctx.session.maxAge = 120_000
  },
  'removes a key': (ctx) => {
    delete ctx.session.count
  },
  'adds a key with a dot': (ctx) => {
    ctx.session['a.b'] = 1
  },
  'replaces it': (ctx) => {
    ctx.session = { other: true }
  },
}

/** Where the request is held. */
const POINTS = {
  'after reading': async (gate, deed, ctx) => {
    await gate.pass()
    await deed(ctx)
  },
  'before committing': async (gate, deed, ctx) => {
    await deed(ctx)
    await gate.pass()
  },
}

/** The ids of which the store says `dropped` until the test ends. */
function listenForDropped(t) {
  const dropped = new Set()
  const listener = (id) => dropped.add(id)
  store.on('dropped', listener)
  t.after(() => store.off('dropped', listener))
  return dropped
}

async function startSession(t, version) {
  const config = { store, rolling: true, maxAge: 60_000 }
  const visitor = new Visitor(await startApp(t, version, config))
  await visitor.change({ count: 1, user: 'Ada' })
  return visitor
}

for (const version of versionsWithCtx) {
  for (const [end, destroy] of Object.entries(ENDS)) {
    describe(`a session ended ${end}, with ${version.name}`, { timeout: 60_000 }, () => {
      for (const [what, deed] of Object.entries(DEEDS)) {
        for (const [point, pass] of Object.entries(POINTS)) {
          it(`stays ended if a request held ${point} ${what}`, async (t) => {
            const dropped = listenForDropped(t)
            const visitor = await startSession(t, version)
            const { id } = visitor
            const gate = new Gate()
            const held = visitor.visit((ctx) => pass(gate, deed, ctx))
            await gate.reached
            await destroy(visitor)
            gate.open()
            await held

            assert.equal(await database.document(id), null)
            assert.deepEqual([...dropped], [id])
            assert.equal(visitor.id, id) // the held request still answered with its cookie
            assert.deepEqual(await visitor.read(), {})
          })
        }
      }

      it('stays ended if a held request only renews it (renew)', async (t) => {
        const dropped = listenForDropped(t)
        const config = { store, renew: true, maxAge: 60_000 }
        const visitor = new Visitor(await startApp(t, version, config))
        await visitor.change({ count: 1 })
        const { id } = visitor
        const soon = Date.now() + 10_000
        await database.collection().updateOne({ _id: id }, { $set: { 'data._expire': soon } })
        const gate = new Gate()
        const held = visitor.visit(() => gate.pass())
        await gate.reached
        await destroy(visitor)
        gate.open()
        await held
        assert.equal(await database.document(id), null)
        assert.deepEqual([...dropped], [id])
      })

      it('is unknown to a request held before reading', async (t) => {
        const dropped = listenForDropped(t)
        const visitor = await startSession(t, version)
        const { id } = visitor
        const gate = new Gate()
        const beforeSession = async (_ctx, next) => {
          await gate.pass()
          await next()
        }
        const held = visitor.visit(
          (ctx) => {
            assert.equal(ctx.session.isNew, true)
            ctx.session.count = 2
          },
          { beforeSession },
        )
        await gate.reached
        await destroy(visitor)
        gate.open()
        await held
        assert.equal(await database.document(id), null)
        assert.notEqual(visitor.id, id)
        assert.deepEqual(await visitor.read(), { count: 2 })
        assert.deepEqual([...dropped], [])
      })

      it('stays ended if it was made by the request that goes on with it', async (t) => {
        const dropped = listenForDropped(t)
        const visitor = new Visitor(await startApp(t, version, { store }))
        const gate = new Gate()
        let id
        const held = visitor.visit(async (ctx) => {
          ctx.session.count = 1
          await ctx.session.save()
          id = ctx.session.externalKey
          await gate.pass()
          ctx.session.count = 2
        })
        await gate.reached
        // No other request can have its cookie yet.
        await (end === 'by another request' ? otherStore.destroy(id) : destroy({ id }))
        gate.open()
        await held
        assert.equal(await database.document(id), null)
        assert.deepEqual([...dropped], [id])
      })
    })
  }

  it(`of many sessions written at once only the ended ones are dropped, ${version.name}`, async (t) => {
    const dropped = listenForDropped(t)
    const app = await startApp(t, version, { store })
    const visitors = Array.from({ length: 24 }, () => new Visitor(app))
    await Promise.all(visitors.map((visitor) => visitor.change({ count: 1 })))
    const gate = new Gate()
    const reached = []
    const held = visitors.map((visitor) => {
      const own = new Gate()
      reached.push(own.reached)
      return visitor.visit(async (ctx) => {
        own.pass()
        await gate.pass()
        ctx.session.count = 2
      })
    })
    await Promise.all(reached)
    const ended = visitors.filter((_, index) => index % 3 === 0)
    await Promise.all(ended.map(({ id }) => otherStore.destroy(id)))
    gate.open()
    await Promise.all(held)
    assert.deepEqual(dropped, new Set(ended.map(({ id }) => id)))
    for (const visitor of visitors) {
      assert.deepEqual(await visitor.read(), ended.includes(visitor) ? {} : { count: 2 })
    }
  })
}

describe('a session ended by the request itself', { timeout: 60_000 }, () => {
  const request = { ctx: {} }

  it('can be written anew by it', async () => {
    await store.set('own', { a: 1 })
    await store.get('own', 0, request)
    await store.destroy('own', request)
    assert.equal(await store.get('own'), undefined)
    await store.set('own', { b: 1 }, 1000, request)
    assert.deepEqual(await store.get('own'), { b: 1 })
  })

  it('can be written anew by it, also if it did not wait for its calls', async () => {
    await store.set('own', { a: 1 })
    await store.get('own', 0, request)
    await Promise.all([store.set('own', { a: 2 }, 1000, request), store.destroy('own', request)])
    assert.equal(await store.get('own'), undefined)
    await store.set('own', { b: 1 }, 1000, request)
    assert.deepEqual(await store.get('own'), { b: 1 })
  })
})
