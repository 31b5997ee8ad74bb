'use strict'

// The watch over secrets (support/secrets.js) finds what the store would show of them: in a process
// that it is loaded into, an error or a warning with a secret in it is made on purpose.

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { text } = require('node:stream/consumers')
const { describe, it } = require('node:test')
const { useDatabase } = require('../support/database')

const root = path.join(__dirname, '..', '..')
const WATCH = path.join(__dirname, '..', 'support', 'secrets.js')

const SECRET = 'kept/to:itself'

const database = useDatabase()

/** What the store is told in confidence. */
const KEPT = {
  'text in a session': ({ encode, secret }) => encode({ a: [{ b: secret }] }),
  'text in a Map': ({ encode, secret }) => encode({ a: new Map([['b', secret]]) }),
  'text in the scope of code': ({ encode, secret, bson }) => {
    encode({ a: { b: { c: { d: [new bson.Code('f()', { e: secret })] } } } })
  },
  'text in a reference': ({ encode, secret, bson }) => {
    encode({ a: new bson.DBRef('users', 1, 'db', { b: secret }) })
  },
  'a password': ({ open, secret }) => {
    open({ connection: `mongodb://user:${encodeURIComponent(secret)}@127.0.0.1:1` })
  },
  'an id': async ({ open, secret }) => {
    const store = open()
    await store.close()
    await store.get(secret).catch(() => {})
  },
  'text in a session that was read': ({ open }) => open().get('read'),
}

/** How the store would show it. */
const SHOWN = {
  'in a message': ({ SessionStoreError, secret }) => {
    new SessionStoreError('ERR_SERVER', `no ${secret}`)
  },
  'in a cause': ({ SessionStoreError, secret }) => {
    new SessionStoreError('ERR_SERVER', 'no', { cause: new Error(secret) })
  },
  'in a warning': ({ open, secret }) => {
    open()
      .on('warning', () => {})
      .emit('warning', new Error(secret))
  },
  'in a warning of the process': ({ secret }) => process.emitWarning(secret),
}

/** Calls each with what it needs; sent as text. */
async function act(steps, secret, options) {
  const SessionStore = require('.')
  const stores = []
  const tools = {
    secret,
    bson: require('bson'),
    encode: require('./lib/values/values').encode,
    SessionStoreError: require('./lib/errors').SessionStoreError,
    open: (more) => stores[stores.push(new SessionStore({ ...options, ...more })) - 1],
  }
  for (const step of steps) await step(tools)
  await Promise.all(stores.map((store) => store.close()))
}

/** How a process ends, or one with a thread, that takes these steps; and what it says. */
async function run(steps, { thread = false } = {}) {
  const parts = [`[${steps.join()}]`, JSON.stringify(SECRET), JSON.stringify(database.options)]
  const work = `(${act})(${parts.join()})`
  const start = `new (require('node:worker_threads').Worker)(${JSON.stringify(work)}, { eval: true })`
  const args = ['--require', WATCH, '-e', thread ? start : work]
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] })
  const [[code, signal], stderr] = await Promise.all([once(child, 'close'), text(child.stderr)])
  return { succeeds: code === 0 && signal === null, stderr }
}

describe('a process of the tests fails', { timeout: 120_000 }, () => {
  async function assertFails(steps, options) {
    const { succeeds, stderr } = await run(steps, options)
    assert.match(stderr, /The store shows what it has to keep to itself: kept\/to:itself/)
    assert.ok(!succeeds)
  }

  for (const [name, keep] of Object.entries(KEPT)) {
    it(`when the store shows ${name}`, async () => {
      await database
        .collection()
        .replaceOne({ _id: 'read' }, { data: { a: [{ b: SECRET }] } }, { upsert: true })
      await assertFails([keep, SHOWN['in a message']])
    })
  }

  for (const [name, show] of Object.entries(SHOWN)) {
    it(`when the store shows a secret ${name}`, async () => {
      await assertFails([KEPT['text in a session'], show])
    })
  }

  it('when the store shows a secret in a thread', async () => {
    const steps = [KEPT['text in a session'], SHOWN['in a message']]
    await assertFails(steps, { thread: true })
  })
})

describe('a process of the tests succeeds', { timeout: 120_000 }, () => {
  for (const thread of [false, true]) {
    it(`when the store shows no secret${thread ? ', in a thread' : ''}`, async () => {
      const clean = ({ SessionStoreError }) => {
        new SessionStoreError('ERR_SERVER', 'no', { cause: new Error('none') })
      }
      const { succeeds, stderr } = await run([...Object.values(KEPT), clean], { thread })
      assert.equal(stderr, '')
      assert.ok(succeeds)
    })
  }
})
