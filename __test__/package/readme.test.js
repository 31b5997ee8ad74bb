'use strict'

// Every snippet of the READMEs is run as it stands, but for what `here` replaces, and does what the
// text around it says.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const { randomBytes } = require('node:crypto')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { after, afterEach, before, describe, it } = require('node:test')
const { promisify } = require('node:util')
const Koa = require('koa')
const MongooseStore = require('koa-session-mongoose')
const { MongoClient } = require('mongodb')
const { Mongoose } = require('mongoose')
const { createSession } = require('koa-session-7')
const { startMongoDB } = require('../../scripts/servers/mongodb')
const SessionStore = require('../..')

const root = path.join(__dirname, '..', '..')
const database = `koa_session_readme_${randomBytes(4).toString('hex')}`

let server
let client
let mongoose
let running = []

before(async () => {
  server = await startMongoDB({ log() {} })
  client = new MongoClient(server.uri)
  mongoose = new Mongoose()
})

afterEach(async () => {
  await Promise.all(running.map((stop) => stop()))
  running = []
  await mongoose.disconnect()
  mongoose = new Mongoose()
})

after(async () => {
  await client.db(database).dropDatabase()
  await client.close()
  await server.stop()
})

/** What a snippet says, as it has to be where the tests run. */
function here(code, { koaSession = 'koa-session-7' } = {}) {
  return code
    .replaceAll('mongodb://localhost:27017/app', testUri())
    .replaceAll('mongodb://localhost:27017', server.uri)
    .replaceAll(".db('app')", `.db('${database}')`)
    .replaceAll("'koa-session'", `'${koaSession}'`)
    .replaceAll('.listen(3000)', '.listen(0)')
}

/** Of the test server, with a database of this run in its path. */
function testUri() {
  const [, base, own, parameters] = server.uri.match(/^([^/]+\/\/[^/?]+)\/?([^?]*)\??(.*)$/)
  // Without authSource, the database in the path is also the one to sign in to.
  const signIn =
    base.includes('@') && !/authSource=/i.test(parameters) && `authSource=${own || 'admin'}`
  return `${base}/${database}?${[parameters, signIn].filter(Boolean).join('&')}`
}

// What a snippet makes is closed after its test.

class StoreOfSnippet extends SessionStore {
  constructor(options) {
    super(options)
    StoreOfSnippet.made.push(this)
    running.push(() => this.close())
  }

  static made = []
}

class KoaOfSnippet extends Koa {
  listen(...args) {
    const http = super.listen(...args, '127.0.0.1')
    KoaOfSnippet.http = http
    running.push(() => {
      http.close()
      http.closeAllConnections()
    })
    return http
  }
}

function requireOfSnippet(name) {
  const own = { koa: KoaOfSnippet, mongoose, 'koa-session-mongo-native': StoreOfSnippet }
  return own[name] ?? require(name)
}

/** Runs a snippet with what it takes for granted. */
async function run(code, { ...given } = {}) {
  StoreOfSnippet.made = []
  const scope = { require: requireOfSnippet, ...given }
  const AsyncFunction = run.constructor
  await new AsyncFunction(...Object.keys(scope), `'use strict'\n${code}`)(...Object.values(scope))
}

/** The fenced blocks of a file, in order; `of` gives the next one with these words in it. */
function blocksOf(file) {
  const text = fs.readFileSync(path.join(root, file), 'utf8')
  const blocks = Array.from(text.matchAll(/^```(\w*)\n(.*?)^```$/gms), ([, language, code]) => ({
    language,
    code,
    used: false,
  }))
  const of = (words) => {
    const block = blocks.find(({ code, used }) => !used && code.includes(words))
    assert.ok(block, `${file} has no block with ${words}`)
    block.used = true
    return block.code
  }
  return { text, blocks, of }
}

/** The answer of the application that a snippet started, to a browser with this cookie. */
async function request(http, cookie = '') {
  if (!http.listening) await once(http, 'listening')
  const answer = await fetch(`http://127.0.0.1:${http.address().port}/`, { headers: { cookie } })
  const cookies = answer.headers.getSetCookie().map((set) => set.split(';')[0])
  return { status: answer.status, body: await answer.text(), cookie: cookies.join('; ') }
}

async function assertCountsViews(code) {
  await run(code)
  const first = await request(KoaOfSnippet.http)
  assert.equal(first.body, '1 views')
  const second = await request(KoaOfSnippet.http, first.cookie)
  assert.equal(second.body, '2 views')

  const id = first.cookie.match(/koa:sess=([^;]+)/)[1]
  const stored = await client.db(database).collection('navigation').findOne({ _id: id })
  assert.equal(stored.data.views, 2)
  const life = stored.expiresAt - stored.updatedAt
  assert.equal(life, 86400 * 1000)
  assert.equal((await mongoose.model('session').findById(id)).data.views, 2)
}

const readme = blocksOf('README.md')
const chinese = blocksOf('README.zh-CN.md')

describe('README.md', () => {
  it('has a CONFIG that keeps the sessions of a Koa application in MongoDB', async () => {
    await assertCountsViews(here(readme.of('CONFIG = {')))
  })

  for (const version of [5, 6]) {
    it(`says how the CONFIG works with koa-session ${version}`, async () => {
      const { code } = readme.blocks.find(({ code }) => code.includes('CONFIG = {'))
      const line = "const createSession = require('koa-session')"
      assert.ok(readme.text.includes(`\`${line}\``))
      const older = code.replace("const { createSession } = require('koa-session')", line)
      assert.notEqual(older, code)
      await assertCountsViews(here(older, { koaSession: `koa-session-${version}` }))
    })
  }

  it('shows imports that work in an ES module', async () => {
    const check = `
      await store.set('esm', { a: 1 })
      console.log(await store.get('esm'), typeof session, SessionStoreError.name)
      await store.close()`
    const code = here(readme.of('import SessionStore')) + check
    const node = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: root,
    })
    assert.equal((await node).stdout, '{ a: 1 } function SessionStoreError\n')
  })

  it('shows kinds of `connection` that all lead to the same sessions', async () => {
    await mongoose.connect(testUri())
    await run(here(readme.of('new MongoClient(')), {
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

  it('shows how the model signs somebody out everywhere', async () => {
    await mongoose.connect(testUri())
    const store = new StoreOfSnippet({ connection: mongoose, name: 'session' })
    const ctx = {}
    await store.set('theirs', { userInfo: { email: 'someone@example.com' } }, 'session', { ctx })
    await store.set('other', { userInfo: { email: 'other@example.com' } })
    await run(here(readme.of('deleteMany(')), { mongoose })
    assert.equal(await store.get('theirs'), undefined)
    assert.ok(await store.get('other'))
    await store.set('theirs', { late: true }, 'session', { ctx })
    assert.equal(await store.get('theirs'), undefined)
  })

  it('shows a middleware that answers 503 while MongoDB is away', async () => {
    const app = new KoaOfSnippet()
    app.keys = ['secret']
    await run(here(readme.of('ctx.status = 503')), { app })
    const store = new StoreOfSnippet({
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
    assert.deepEqual((await request(http)).body, 'no session needed')
    const answer = await request(http, 'koa:sess=some-id')
    assert.equal(answer.status, 503)
    assert.equal(answer.body, 'Please try again in a minute.')
    assert.equal((await request(http, 'other=1')).status, 418)
  })

  it('shows how to stop without losing what was accepted', async () => {
    const store = new StoreOfSnippet({ connection: testUri() })
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
    await run(here(readme.of("process.once('SIGTERM'")), {
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
    const stored = await client.db(database).collection('sessions').findOne({ _id: 'accepted' })
    assert.deepEqual(stored.data, { a: 1 })
  })

  it('shows events that are emitted', async () => {
    const store = new StoreOfSnippet({ connection: testUri() })
    const said = []
    const say = (text) => said.push(text)
    await run(here(readme.of("store.on('dropped'")), { store, console: { info: say, warn: say } })
    const ctx = {}
    await store.set('id', { a: 1 }, 'session', { ctx })
    await store.destroy('id')
    await store.set('id', { a: 2 }, 'session', { ctx })
    store.emit('warning', new Error('a warning'))
    assert.deepEqual(said.sort(), ['A request ended after its session was destroyed.', 'a warning'])
  })

  it('shows the stored document', async () => {
    const store = new StoreOfSnippet({ connection: testUri() })
    await store.set('shown', { views: 1 })
    const stored = await client.db(database).collection('sessions').findOne({ _id: 'shown' })
    const shown = JSON.parse(readme.of('"updatedAt"'))
    // In which order a server keeps the new keys of an update is its own affair.
    assert.deepEqual(Object.keys(stored).sort(), Object.keys(shown).sort())
    assert.deepEqual(stored.data, shown.data)
  })

  describe('says how to move', () => {
    const sessions = () => client.db(database).collection('sessions')
    const indexes = async () => (await sessions().indexes()).map(({ name }) => name)

    /** mongosh waits for every call by itself. */
    async function runInMongosh(code) {
      let done
      const dropIndex = (name) => {
        done = sessions().dropIndex(name)
      }
      await run(code, { db: { sessions: { dropIndex } } })
      await done
    }

    async function openMongooseStore() {
      await mongoose.connect(testUri())
      const store = new MongooseStore({ connection: mongoose, expires: 1000 })
      await mongoose.model('Session').init()
      return store
    }

    it('from koa-session-mongoose: their sessions go on, their index is dropped', async () => {
      const old = await openMongooseStore()
      await old.set('moved', { a: 1 }, 1000, { changed: true })
      const store = new StoreOfSnippet({ connection: testUri() })
      const [warning] = await once(store, 'warning')
      assert.equal(warning.code, 'ERR_OPTIONS')
      assert.match(warning.message, /updatedAt_1/)
      assert.deepEqual(await store.get('moved'), { a: 1 })
      await store.set('moved', { a: 2 })
      assert.ok((await sessions().findOne({ _id: 'moved' })).expiresAt instanceof Date)

      assert.ok((await indexes()).includes('updatedAt_1'))
      await runInMongosh(readme.of("db.sessions.dropIndex('updatedAt_1')"))
      assert.ok(!(await indexes()).includes('updatedAt_1'))

      await mongoose.model('Session').createIndexes()
      assert.ok((await indexes()).includes('updatedAt_1'))
      await run(readme.of("mongoose.connection.collection('sessions')"), { mongoose })
      assert.ok(!(await indexes()).includes('updatedAt_1'))
    })

    it('back to koa-session-mongoose, with our index dropped', async () => {
      const store = new StoreOfSnippet({ connection: testUri() })
      await store.set('back', { a: 1 })
      const { expiresAt } = await sessions().findOne({ _id: 'back' })
      await store.close()

      const old = await openMongooseStore()
      assert.deepEqual(await old.get('back'), { a: 1 })
      await old.set('back', { a: 2 }, 1000, { changed: true })
      const stored = await sessions().findOne({ _id: 'back' })
      assert.deepEqual(stored.data, { a: 2 })
      assert.deepEqual(stored.expiresAt, expiresAt, 'which would end the session early')

      assert.ok((await indexes()).includes('expiresAt_1'))
      await runInMongosh(readme.of("db.sessions.dropIndex('expiresAt_1')"))
      assert.ok(!(await indexes()).includes('expiresAt_1'))
    })

    it('from the original: Mongoose named its collection after the model', () => {
      // The original gives no name for the collection, as here.
      const model = mongoose.model('session', new mongoose.Schema({ _id: String }))
      assert.equal(model.collection.name, 'sessions')
    })
  })

  it('lists the options of the store with the defaults that they have', () => {
    const { SETTINGS } = require('../../lib/options/settings')
    const rows = Array.from(readme.text.matchAll(/^\| `(\w+)` \| (.*?) \|/gm), ([, ...row]) => row)
    const stated = Object.fromEntries(rows.filter(([name]) => !name.startsWith('ERR_')))
    for (const name of Object.keys(stated)) assert.ok(name in SETTINGS, name)
    const withDefault = Object.keys(SETTINGS).filter((name) => SETTINGS[name].default !== undefined)
    for (const name of withDefault) {
      const quoted = JSON.stringify(SETTINGS[name].default).replaceAll('"', "'")
      assert.equal(stated[name], `\`${quoted}\``)
    }
    for (const name of ['connection', 'expires', 'db']) assert.ok(stated[name], name)
  })

  it('lists the codes of the errors that the typings list', () => {
    const typings = fs.readFileSync(path.join(root, 'index.d.ts'), 'utf8')
    const typed = Array.from(typings.matchAll(/^ {4}\| '(ERR_\w+)'/gm), ([, code]) => code)
    const listed = Array.from(readme.text.matchAll(/^\| `(ERR_\w+)`/gm), ([, code]) => code)
    assert.deepEqual(listed, typed)
  })
})

describe('README.zh-CN.md', () => {
  it('has a CONFIG that keeps the sessions of a Koa application in MongoDB', async () => {
    await assertCountsViews(here(chinese.of('CONFIG = {')))
  })
})

describe('both', () => {
  const { scripts } = require('../../package.json')

  for (const [file, { text, blocks }] of Object.entries({
    'README.md': readme,
    'README.zh-CN.md': chinese,
  })) {
    it(`${file} names npm scripts and files that exist`, () => {
      for (const [, script] of text.matchAll(/npm run ([\w-]+)/g)) {
        assert.ok(scripts[script], script)
      }
      assert.ok(scripts.test)
      for (const [, link] of text.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
        assert.ok(fs.existsSync(path.join(root, link)), link)
      }
    })

    it(`${file} has shell blocks of npm commands only`, () => {
      for (const block of blocks.filter(({ language }) => language === 'sh')) {
        block.used = true
        for (const line of block.code.trim().split('\n')) {
          assert.match(line, /^npm (run \w+|test|pack|install .+)$/)
        }
      }
    })

    it(`${file} has no snippet that was not run`, () => {
      assert.deepEqual(
        blocks.filter(({ used }) => !used),
        [],
      )
    })
  }
})
