'use strict'

// The snippets of the pages on setting up, on options and on errors do what the text around them says.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const { EventEmitter, once } = require('node:events')
const { describe, it } = require('node:test')
const { promisify } = require('node:util')
const { createSession } = require('koa-session-7')
const { MongoClient } = require('mongodb')
const { readPage, root, rowsOf, take } = require('../support/pages')
const snippetsOf = require('../support/snippets')
const { SessionStore } = require('../..')

const { KoaOfSnippet, StoreOfSnippet, assertAllUsed, request } = snippetsOf
const snippets = snippetsOf.useSnippets()

describe('docs/getting-started.md', () => {
  const page = readPage('docs/getting-started.md')

  it('shows how to load the class in CommonJS', async () => {
    await snippets.run(take(page, "require('koa-session-mongo-native')"))
    await StoreOfSnippet.made[0].set('commonjs', { a: 1 })
  })

  it('shows imports that work in an ES module', async () => {
    const check = `
      await store.set('esm', { a: 1 })
      console.log(await store.get('esm'), typeof session, SessionStoreError.name)
      await store.close()`
    const code = snippets.here(take(page, 'import SessionStore, { SessionStoreError }')) + check
    const node = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: root,
    })
    assert.equal((await node).stdout, '{ a: 1 } function SessionStoreError\n')
  })

  it('shows kinds of `connection` that all lead to the same sessions', async () => {
    const { mongoose } = snippets
    await mongoose.connect(snippets.uri)
    await snippets.run(take(page, 'new MongoClient('), {
      SessionStore: StoreOfSnippet,
      mongoose,
      MongoClient,
    })
    assert.equal(StoreOfSnippet.made.length, 6)
    for (const [index, store] of StoreOfSnippet.made.entries()) {
      await store.set(`kind ${index}`, { index })
      for (const reader of StoreOfSnippet.made) {
        assert.deepEqual(await reader.get(`kind ${index}`), { index })
      }
    }
  })

  it('shows the sign-in of the README', () => {
    const code = take(page, 'ctx.session.regenerate()')
    assert.equal(code, take(readPage('README.md'), 'ctx.session.regenerate()'))
  })

  it('shows how to sign in and out with koa-passport', async () => {
    const { mongoose } = snippets
    await mongoose.connect(snippets.uri)
    const User = mongoose.model('User', new mongoose.Schema({ name: String }))
    await User.create({ name: 'someone' })
    const app = appWithSession(snippets.store({ connection: mongoose }))
    app.use((ctx, next) => {
      // What a body parser does.
      ctx.request.body = Object.fromEntries(new URLSearchParams(ctx.querystring))
      return next()
    })
    const findUser = (name, password) => (password === 'right' ? User.findOne({ name }) : null)
    await snippets.run(take(page, 'passport.serializeUser('), {
      app,
      User,
      findUser: async (...given) => findUser(...given),
    })
    app.use((ctx) => {
      ctx.session.visits = (ctx.session.visits ?? 0) + 1
      ctx.body = ctx.state.user?.name ?? 'nobody'
    })
    const http = app.listen(0)
    const visitor = await request(http)
    assert.equal(visitor.body, 'nobody')
    const failed = await request(http, '/sign-in?username=someone&password=wrong', visitor.cookie)
    assert.equal(failed.location, '/failed')
    const user = await request(http, '/sign-in?username=someone&password=right', visitor.cookie)
    assert.equal(user.location, '/')
    assert.notEqual(user.cookie, visitor.cookie)
    assert.equal((await request(http, '/', user.cookie)).body, 'someone')
    assert.equal((await request(http, '/', visitor.cookie)).body, 'nobody')
    await request(http, '/sign-out', user.cookie)
    assert.equal((await request(http, '/', user.cookie)).body, 'nobody')
  })

  it('shows how to find and sign out somebody everywhere, and what the model finds', async () => {
    const { mongoose } = snippets
    await mongoose.connect(snippets.uri)
    const store = snippets.store({ connection: mongoose, name: 'session' })
    const said = []
    const console = { log: (words) => said.push(words) }
    const ctx = {}
    await store.set('theirs', { userInfo: { email: 'someone@example.com' } }, 'session', { ctx })
    await store.set('other', { userInfo: { email: 'other@example.com' } })
    const model = take(page, "mongoose.model('session')")
    await snippets.run(model, { mongoose, console })
    await snippets.run(take(page, 'store.destroyMany('), { store, console })
    await snippets.run(model, { mongoose, console })
    const [[date], ended, none] = said
    assert.ok(date instanceof Date)
    assert.equal(ended, 'signed in on 1 devices, signed out on 1')
    assert.deepEqual(none, [])
    assert.equal(await store.get('theirs'), undefined)
    assert.ok(await store.get('other'))
    await store.set('theirs', { late: true }, 'session', { ctx })
    assert.equal(await store.get('theirs'), undefined)
  })

  it('shows a middleware that answers 503 while MongoDB is away', async () => {
    const app = new KoaOfSnippet()
    app.keys = ['secret']
    await snippets.run(take(page, 'ctx.status = 503'), { app })
    const store = snippets.store({
      connection: 'mongodb://127.0.0.1:1',
      serverSelectionTimeoutMS: 100,
    })
    app.use(createSession({ store, signed: false, key: 'koa:sess' }, app))
    app.use((ctx) => {
      if (ctx.get('cookie') === 'other=1') ctx.throw(418)
      ctx.body = 'no session needed'
    })
    app.silent = true
    const http = app.listen(0)
    assert.equal((await request(http)).body, 'no session needed')
    const answer = await request(http, '/', 'koa:sess=some-id')
    assert.equal(answer.status, 503)
    assert.equal(answer.body, 'Please try again in a minute.')
    assert.equal((await request(http, '/', 'other=1')).status, 418)
  })

  it('shows how to stop without losing what was accepted', async () => {
    const store = snippets.store()
    let stop
    const nodeProcess = {
      once: (signal, listener) => {
        assert.equal(signal, 'SIGTERM')
        stop = listener
      },
    }
    let disconnected
    const stopped = new Promise((resolve) => {
      disconnected = { disconnect: async () => resolve() }
    })
    const app = new KoaOfSnippet()
    await snippets.run(take(page, "process.once('SIGTERM'"), {
      app,
      store,
      mongoose: disconnected,
      process: nodeProcess,
    })
    await once(KoaOfSnippet.http, 'listening')
    store.set('accepted', { a: 1 })
    stop()
    await stopped
    assert.equal(KoaOfSnippet.http.listening, false)
    await assert.rejects(store.get('accepted'), { code: 'ERR_CLOSED' })
    const stored = await snippets.collection().findOne({ _id: 'accepted' })
    assert.deepEqual(stored.data, { a: 1 })
  })

  it('has no snippet that was not run', () => assertAllUsed(page))
})

describe('docs/options.md', () => {
  const page = readPage('docs/options.md')

  it('shows whose classes values come back as', async () => {
    const { mongoose } = snippets
    const given = { SessionStore: StoreOfSnippet, mongoose, require }
    await snippets.run(take(page, 'bson: mongoose.mongo'), given)
    const [ofMongoose, ofPackage] = StoreOfSnippet.made
    const id = new mongoose.mongo.ObjectId()
    await ofMongoose.set('ids', { id })
    assert.ok((await ofMongoose.get('ids')).id instanceof mongoose.mongo.ObjectId)
    assert.ok((await ofPackage.get('ids')).id instanceof require('bson').ObjectId)
  })

  it('has no snippet that was not run', () => assertAllUsed(page))
})

describe('docs/errors.md', () => {
  const page = readPage('docs/errors.md')

  it('shows how to tell an error of the store', async () => {
    const said = []
    const console = { error: (...words) => said.push(words) }
    await snippets.run(take(page, 'error instanceof SessionStoreError'), {
      store: snippets.store(),
      console,
    })
    assert.equal(said[0][0], 'ERR_SESSION_VALUE')
    assert.match(said[0][1], /tags/)
  })

  it('shows events that are emitted', async () => {
    const store = snippets.store()
    const said = []
    const say = (text) => said.push(text)
    await snippets.run(take(page, "store.on('dropped'"), {
      store,
      console: { info: say, warn: say },
    })
    const ctx = {}
    await store.set('id', { a: 1 }, 'session', { ctx })
    await store.destroy('id')
    await store.set('id', { a: 2 }, 'session', { ctx })
    store.emit('warning', new Error('a warning'))
    assert.deepEqual(said.sort(), ['A request ended after its session was destroyed.', 'a warning'])
  })

  it('has no snippet that was not run', () => assertAllUsed(page))
})

describe('docs/calls.md', () => {
  const page = readPage('docs/calls.md')

  it('lists the calls that the typings have', () => {
    const listed = rowsOf(page.text).flatMap(({ names }) => names[0].match(/^\w+(?=\()/) ?? [])
    // Of an emitter it has what every emitter has.
    const own = (name) => name !== 'constructor' && !(name in EventEmitter.prototype)
    const calls = Object.getOwnPropertyNames(SessionStore.prototype).filter(own)
    assert.deepEqual(listed.toSorted(), calls.toSorted())
  })

  it('shows the example of the README', () => {
    const code = take(page, 'store.destroyMany(')
    assert.equal(code, take(readPage('README.md'), 'store.destroyMany('))
  })

  it('lists the devices of a user without telling ids, and ends one', async () => {
    const store = snippets.store()
    const app = appWithSession(store)
    await snippets.run(take(page, 'store.all('), { app, store })
    await snippets.run(take(page, "'/end-device'"), { app, store })
    app.use((ctx) => {
      const { device, user = 7 } = ctx.query
      Object.assign(ctx.session, {
        device,
        userInfo: { id: Number(user) },
        key: `key of ${device}`,
      })
      ctx.body = ''
    })
    const http = app.listen(0)
    const { cookie } = await request(http, '/sign-in?device=phone')
    await request(http, '/sign-in?device=desk')
    assert.equal((await request(http, '/devices')).status, 401)
    const devices = JSON.parse((await request(http, '/devices', cookie)).body)
    const seen = devices.map(({ name, current }) => [name, current])
    assert.deepEqual(seen.sort(), [
      ['desk', false],
      ['phone', true],
    ])
    assert.deepEqual(Object.keys(devices[0]), ['key', 'name', 'seen', 'current'])

    // Whoever is somebody else ends nothing.
    const other = await request(http, '/sign-in?device=other&user=8')
    const end = async (from) => (await request(http, '/end-device?key=key%20of%20desk', from)).body
    assert.equal(await end(other.cookie), 'It was signed out before.')
    assert.equal(await end(cookie), 'It is signed out.')
    const left = JSON.parse((await request(http, '/devices', cookie)).body)
    assert.deepEqual(
      left.map(({ name }) => name),
      ['phone'],
    )
  })

  it('makes the index that finds the sessions of a user', async () => {
    await snippets.run(take(page, 'indexes: ['), { SessionStore: StoreOfSnippet })
    await StoreOfSnippet.made[0].set('indexed', { userInfo: { id: 1 } })
    const indexes = async () => (await snippets.collection().indexes()).map(({ name }) => name)
    while (!(await indexes()).includes('data.userInfo.id_1')) await StoreOfSnippet.made[0].ids()
  })

  it('counts with operators of the application', async () => {
    const store = snippets.store({ collection: 'ages' })
    for (const age of [17, 18, 70]) await store.set(`aged ${age}`, { userInfo: { age } })
    const said = []
    const console = { log: (words) => said.push(words) }
    await snippets.run(take(page, 'operators: true'), { store, console })
    assert.deepEqual(said, [2])
  })

  it('tells whether a session was there to renew', async () => {
    const said = []
    const console = { log: (words) => said.push(words) }
    const store = snippets.store()
    const code = take(page, 'store.touch(')
    await snippets.run(code, { store, console })
    await store.set('some id', { a: 1 })
    await snippets.run(code, { store, console })
    assert.deepEqual(said, ['This session is gone.'])
  })

  it('ends a WebSocket with its session', async () => {
    const store = snippets.store({ collection: 'watched' })
    await store.set('open', { a: 1 })
    const watch = store.watch.bind(store)
    let opened
    store.watch = (...given) => {
      const changes = watch(...given)
      opened = changes.opened
      return changes
    }
    const closed = new Promise((resolve) => {
      snippets.run(take(page, 'store.watch('), {
        store,
        sockets: new Map([['open', { close: resolve }]]),
      })
    })
    await opened
    await store.destroy('open')
    await closed
  })

  it('has no snippet that was not run', () => assertAllUsed(page))
})

describe('docs/migration/session-store-js.md', () => {
  const page = readPage('docs/migration/session-store-js.md')

  it('is right that Mongoose names a collection after its model', () => {
    const { mongoose } = snippets
    // The original gives no name for the collection, as here.
    const model = mongoose.model('session', new mongoose.Schema({ _id: String }))
    assert.equal(model.collection.name, 'sessions')
  })

  it('shows a store that finds the sessions of the former one', async () => {
    const { mongoose } = snippets
    await mongoose.connect(snippets.uri)
    const _id = 'signed in'
    await snippets.collection().insertOne({ _id, data: { user: 1 }, updatedAt: new Date() })
    const CONFIG = {}
    await snippets.run(take(page, "collection: 'sessions'"), { mongoose, CONFIG })
    assert.deepEqual(await CONFIG.store.get(_id), { user: 1 })
  })

  it('has no snippet that was not run', () => assertAllUsed(page))
})

describe('docs/promises.md', () => {
  const page = readPage('docs/promises.md')

  it('shows the stored document', async () => {
    const store = snippets.store()
    await store.set('shown', { views: 1 })
    const stored = await snippets.collection().findOne({ _id: 'shown' })
    const shown = JSON.parse(take(page, '"updatedAt"'))
    // In which order a server keeps the new keys of an update is its own affair.
    assert.deepEqual(Object.keys(stored).sort(), Object.keys(shown).sort())
    assert.deepEqual(stored.data, shown.data)
  })

  it('has no snippet that was not run', () => assertAllUsed(page, ['js', 'json']))
})

function appWithSession(store) {
  const app = new KoaOfSnippet()
  app.keys = ['secret']
  app.use(createSession({ store, signed: false, key: 'koa:sess' }, app))
  return app
}
