'use strict'

// Who has signed in with koa-passport is known to every request after that, with every Mongoose, also
// where the session holds the user's id as it is: `serializeUser` → `user._id`.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { KoaPassport } = require('koa-passport')
const LocalStrategy = require('passport-local')
const { Visitor, serve, versionsWithCtx } = require('../support/app')
const { MONGOOSES } = require('../support/bsons')
const { useDatabase } = require('../support/database')

const database = useDatabase()

const KEY = 'koa:sess'

/** An app whose users sign in by their name, as koa-passport's own example has it. */
async function startApp(t, { Koa, session }, { User, store }) {
  const passport = new KoaPassport()
  passport.serializeUser((user, done) => done(null, user._id))
  passport.deserializeUser((id, done) => {
    User.findById(id).then((user) => done(null, user ?? false), done)
  })
  const findUser = (name, _password, done) => {
    User.findOne({ name }).then((user) => done(null, user ?? false), done)
  }
  passport.use(new LocalStrategy(findUser))
  const app = new Koa()
  const errors = []
  app.silent = true
  app.on('error', (error) => errors.push(error))
  app.keys = ['some secret hurr']
  app.use(session({ key: KEY, store }, app))
  app.use((ctx, next) => {
    // What a body parser does.
    ctx.request.body = Object.fromEntries(new URLSearchParams(ctx.querystring))
    return next()
  })
  app.use(passport.initialize())
  app.use(passport.session())
  const signIn = passport.authenticate('local')
  app.use((ctx) => routes[ctx.path](ctx, signIn))
  return { origin: await serve(t, app), errors }
}

const routes = {
  '/login': (ctx, signIn) =>
    signIn(ctx, () => {
      ctx.body = ctx.state.user.name
    }),
  '/me': (ctx) => {
    const { user } = ctx.state
    ctx.body = user ? user.name : 'nobody'
  },
  '/mine': (ctx) => {
    // What the session holds is the user's id, to Mongoose and to the driver.
    const { user } = ctx.state
    ctx.body = String(user._id.equals(ctx.session.passport.user))
  },
  '/count': (ctx) => {
    ctx.session.count = (ctx.session.count ?? 0) + 1
    ctx.body = String(ctx.session.count)
  },
  '/logout': async (ctx) => {
    await ctx.logout()
    ctx.body = 'gone'
  },
}

for (const version of versionsWithCtx) {
  describe(`a user of koa-passport with ${version.name}`, { timeout: 120_000 }, () => {
    for (const name of MONGOOSES) {
      it(`is known to every request after the login, with ${name}`, async (t) => {
        const mongoose = require(name)
        const connection = mongoose.createConnection(database.uri, { dbName: database.name })
        t.after(() => connection.close())
        await connection.asPromise()
        const User = connection.model('User', new mongoose.Schema({ name: String }))
        await User.create({ name })
        const store = database.store({ connection })
        const app = await startApp(t, version, { User, store })
        const visitor = new Visitor(app)
        const get = async (path) => {
          const response = await visitor.fetch(`${app.origin}${path}`)
          assert.deepEqual(app.errors, [])
          assert.equal(response.status, 200)
          return response.text()
        }
        assert.equal(await get('/me'), 'nobody')
        assert.equal(await get('/count'), '1')
        const visited = visitor.id
        assert.equal(await get(`/login?username=${name}&password=x`), name)
        // Passport gives who signs in a session of their own.
        assert.notEqual(visitor.id, visited)
        assert.equal(await database.document(visited), null)
        for (let request = 0; request < 5; request++) {
          assert.equal(await get('/me'), name)
          assert.equal(await get('/mine'), 'true')
          await get('/count')
        }
        const { data } = await database.document(visitor.id)
        assert.equal(data.passport.user._bsontype, 'ObjectId')
        await get('/logout')
        assert.equal(await get('/me'), 'nobody')
      })
    }
  })
}
