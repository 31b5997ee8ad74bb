'use strict'

// 'Sign out my other devices', over HTTP: the other devices' sessions end on every server, also those
// that are in use at this moment.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { Visitor, startApp, versionsWithCtx } = require('../support/app')
const { useDatabase } = require('../support/database')
const { Gate } = require('../support/gate')

const DEVICES = 4

const database = useDatabase()

for (const { name, ...version } of versionsWithCtx) {
  describe(`signing out other devices with ${name}`, { timeout: 60_000 }, () => {
    const signIn = (visitor, id) =>
      visitor.visit((ctx) => {
        ctx.session.userInfo = { id }
      })

    const signedIn = (visitor) => visitor.visit((ctx) => ctx.session.userInfo?.id)

    it('ends them while their requests are under way, and no other session', async (t) => {
      const store = database.store()
      const here = await startApp(t, version, { store, rolling: true })
      const there = await startApp(t, version, { store: database.store(), rolling: true })
      const mine = new Visitor(here)
      const devices = Array.from(
        { length: DEVICES },
        (_, number) => new Visitor(number % 2 ? here : there),
      )
      const others = [new Visitor(here), new Visitor(there)]
      await Promise.all([mine, ...devices].map((visitor) => signIn(visitor, 42)))
      await Promise.all(others.map((visitor) => signIn(visitor, 43)))

      const gates = devices.map(() => new Gate())
      const underWay = devices.map((device, number) =>
        device.visit(async (ctx) => {
          ctx.session.visits = number
          await gates[number].pass()
          ctx.session.later = number
        }),
      )
      await Promise.all(gates.map((gate) => gate.reached))
      const count = await mine.visit((ctx) =>
        store.destroyMany({ 'userInfo.id': 42 }, { except: ctx.session.externalKey }),
      )
      assert.equal(count, DEVICES)
      gates.forEach((gate) => {
        gate.open()
      })
      await Promise.all(underWay)

      for (const device of devices) assert.equal(await signedIn(device), undefined)
      assert.equal(await signedIn(mine), 42)
      for (const other of others) assert.equal(await signedIn(other), 43)
      const ids = await store.ids({ 'userInfo.id': 42 }).toArray()
      assert.deepEqual(ids, [mine.id])
      await store.clear()
    })

    it('lets the session have a new id afterwards, and not before', async (t) => {
      const store = database.store()
      const app = await startApp(t, version, { store })
      const signOutOthers = (ctx) =>
        store.destroyMany({ 'userInfo.id': 42 }, { except: ctx.session.externalKey })
      const orders = {
        afterwards: [async (ctx) => [await signOutOthers(ctx), await ctx.session.regenerate()], 42],
        // koa-session's `externalKey` is the id that the request began with.
        before: [
          async (ctx) => [await ctx.session.regenerate(), await signOutOthers(ctx)],
          undefined,
        ],
      }
      for (const [order, [handler, expected]] of Object.entries(orders)) {
        const [mine, other] = [new Visitor(app), new Visitor(app)]
        await signIn(mine, 42)
        await signIn(other, 42)
        await mine.visit(handler)
        assert.equal(await signedIn(mine), expected, order)
        assert.equal(await signedIn(other), undefined, order)
        await store.clear()
      }
    })
  })
}
