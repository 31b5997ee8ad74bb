'use strict'

// The document that the store drops into: its CONFIG, word for word, on each koa-session and Koa.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const Mongoose = require('mongoose')
const { SessionStore } = require('../..')
const { Visitor, combinations, serve } = require('../support/app')
const { useDatabase } = require('../support/database')

const stores = []
const database = useDatabase({
  setUp: ({ uri, name }) => Mongoose.connect(uri, { dbName: name }),
  tearDown: async () => {
    await Promise.all(stores.map((store) => store.close()))
    await Mongoose.disconnect()
  },
})

const userInfo = {
  name: 'anziguoer',
  email: 'anziguoer@163.com',
  age: 28,
}

/** The app of the original, which also shows the session at /read. */
function originalApp({ Koa, session }) {
  const app = new Koa()
  app.keys = ['some secret hurr']
  const CONFIG = {
    key: 'koa:sess',
    maxAge: 86400000,
    overwrite: true,
    httpOnly: true,
    signed: true,
    rolling: false,
    store: new SessionStore({
      collection: 'navigation', // the collection in the database
      connection: Mongoose, // the connection to the database
      expires: 86400, // one day, which is the default
      name: 'session', // the model of the sessions
    }),
  }
  stores.push(CONFIG.store)
  app.use(session(CONFIG, app))
  app.use((ctx, next) => {
    if (ctx.path !== '/read') return next()
    ctx.body = JSON.stringify(ctx.session.userInfo ?? null)
  })
  app.use(async (ctx, next) => {
    const session = ctx.session
    session.userInfo = { ...userInfo }
    next()
  })
  app.use((ctx) => {
    ctx.body = 'done'
  })
  return app
}

for (const combination of combinations) {
  describe(`the original's CONFIG with ${combination.name}`, { timeout: 60_000 }, () => {
    it('keeps a session from one request to the next', async (t) => {
      const origin = await serve(t, originalApp(combination))
      const visitor = new Visitor()
      const read = async () => (await visitor.fetch(`${origin}/read`)).json()
      assert.equal(await read(), null)
      assert.equal(visitor.id, undefined)

      assert.equal((await visitor.fetch(origin)).status, 200)
      const cookie = visitor.setCookies.find((header) => header.startsWith('koa:sess='))
      assert.match(cookie, /; httponly/i)
      assert.ok(visitor.cookies.has('koa:sess.sig'))

      assert.deepEqual(await read(), userInfo)
    })

    it('stores the document that the contract describes', async (t) => {
      const origin = await serve(t, originalApp(combination))
      const visitor = new Visitor()
      const start = Date.now()
      await visitor.fetch(origin)
      const end = Date.now()

      const document = await database.document(visitor.id, 'navigation')
      const { _id, data, updatedAt, expiresAt, ...others } = document
      assert.deepEqual(others, {})
      assert.equal(_id, visitor.id)
      assert.ok(updatedAt instanceof Date)
      assert.ok(updatedAt >= start && updatedAt <= end, `${start} ${updatedAt.getTime()} ${end}`)
      assert.ok(expiresAt instanceof Date)
      assert.equal(expiresAt - updatedAt, 86400_000)

      const { _expire, ...rest } = data
      assert.deepEqual(rest, { userInfo, _maxAge: 86400000 })
      assert.ok(_expire >= start + 86400000 && _expire <= end + 86400000)
    })

    it('lets the model find the session', async (t) => {
      const origin = await serve(t, originalApp(combination))
      const visitor = new Visitor()
      await visitor.fetch(origin)
      const found = await Mongoose.model('session').find()
      assert.ok(found.length > 0)
      const document = found.find(({ id }) => id === visitor.id)
      assert.deepEqual(document.data.userInfo, userInfo)
      assert.ok(document.updatedAt instanceof Date)
      assert.ok(document.expiresAt instanceof Date)
      const byEmail = await Mongoose.model('session').find({
        'data.userInfo.email': userInfo.email,
      })
      assert.ok(byEmail.some(({ id }) => id === visitor.id))
    })
  })
}

it('the collection has one index beside _id: a TTL index on expiresAt', async () => {
  const indexes = await database.indexes('navigation')
  const found = indexes.map(({ key, expireAfterSeconds }) => ({ key, expireAfterSeconds }))
  assert.deepEqual(found, [{ key: { expiresAt: 1 }, expireAfterSeconds: 0 }])
})
