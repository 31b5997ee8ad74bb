'use strict'

// Users with SCRAM-SHA-1 and SCRAM-SHA-256, whose names and passwords need encoding, through each
// kind of `connection`; and what is told where the sign-in fails.

const assert = require('node:assert/strict')
const { after, before, describe, it } = require('node:test')
const { MongoClient } = require('mongodb')
const { Mongoose } = require('mongoose')
const { SessionStore } = require('../..')
const { startServer } = require('../../scripts/servers/mongodb')
const { failure } = require('../support/outcome')
const { GREETINGS, TcpProxy, faults } = require('../support/proxy')

/** By a mechanism each: the user name and a password. */
const USERS = {
  'SCRAM-SHA-1': ['one@home', 'p@ss:w/rd%?#[é]&=+ '],
  'SCRAM-SHA-256': ['two/256 %', '\u2168 \u00a0p@ss:w/rd%41?#é&=+'],
}

describe('a server with access control', { timeout: 120_000 }, () => {
  let server
  const stores = []

  before(async () => {
    server = await startServer({ auth: { username: 'root', password: 'r@@t:/?#%' } })
    const client = await new MongoClient(server.uri).connect()
    for (const [mechanism, [user, pwd]] of Object.entries(USERS)) {
      const roles = [{ role: 'readWrite', db: 'app' }]
      const mechanisms = [mechanism]
      await client.db('app').command({ createUser: user, pwd, roles, mechanisms })
    }
    await client.close()
  })

  after(async () => {
    await Promise.all(stores.map((store) => store.close()))
    await server.remove()
  })

  function open(connection, options) {
    const store = new SessionStore({ connection, ...options })
    store.on('warning', () => {})
    stores.push(store)
    return store
  }

  async function assertWorks(connection, options) {
    const store = open(connection, options)
    await store.set('id', { a: 1 })
    assert.deepEqual(await store.get('id'), { a: 1 })
    await store.destroy('id')
  }

  const uriOf = (user, password, mechanism, hosts = `127.0.0.1:${server.port}`) => {
    const credentials = [user, password].map(encodeURIComponent).join(':')
    const parameter = mechanism ? `authMechanism=${mechanism}` : ''
    return `mongodb://${credentials}@${hosts}/app?${parameter}`
  }

  for (const [mechanism, [user, password]] of Object.entries(USERS)) {
    describe(`lets a user with ${mechanism} in`, () => {
      it('by a connection string', async () => {
        await assertWorks(uriOf(user, password, mechanism))
      })

      it('by a connection string, with options', async () => {
        const authSource = 'app'
        const uri = uriOf(user, password).replace('/app', '/')
        await assertWorks(uri, { authSource, authMechanism: mechanism, db: 'app' })
      })

      it('through a MongoClient', async () => {
        const address = `mongodb://127.0.0.1:${server.port}/app`
        const application = new MongoClient(address, {
          auth: { username: user, password },
          authMechanism: mechanism,
          authSource: 'app',
        })
        await assertWorks(application)
        await application.connect()
        await assertWorks(application)
        await assertWorks(application.db('app'))
        await application.close()
      })

      it('through Mongoose', async () => {
        const mongoose = new Mongoose()
        await mongoose.connect(uriOf(user, password, mechanism))
        await assertWorks(mongoose)
        await assertWorks({ Mongo: mongoose, Schema: mongoose.Schema })
        await mongoose.disconnect()
        const named = mongoose.createConnection(`mongodb://127.0.0.1:${server.port}/`, {
          user,
          pass: password,
          authSource: 'app',
          authMechanism: mechanism,
          dbName: 'app',
        })
        await named.asPromise()
        await assertWorks(named)
        await named.close()
      })
    })
  }

  it('lets a user in by the mechanism that it has, where none is named', async () => {
    await assertWorks(uriOf('root', 'r@@t:/?#%').replace('/app?', '/app?authSource=admin'))
  })

  it('needs no more than the role readWrite on the database: all works, without a warning', async () => {
    const [user, password] = USERS['SCRAM-SHA-256']
    const uri = uriOf(user, password, 'SCRAM-SHA-256')
    const store = open(uri)
    const warnings = []
    store.on('warning', (warning) => warnings.push(warning.message))
    const ctx = {}
    await store.set('role', { a: 1 })
    await store.get('role', 'session', { ctx })
    await store.set('role', { a: 2 }, 'session', { ctx })
    await store.destroy('role', { ctx })
    await store.set('role', { a: 3 }, 'session', { ctx })
    await store.close()
    const client = await new MongoClient(uri).connect()
    const indexes = await client.db('app').collection('sessions').indexes()
    await client.close()
    assert.ok(indexes.some(({ key }) => key.expiresAt))
    assert.deepEqual(warnings, [])
  })

  it('is told that the role read is not enough', async () => {
    const root = await new MongoClient(server.uri).connect()
    const roles = [{ role: 'read', db: 'app' }]
    await root.db('app').command({ createUser: 'reader', pwd: 'reads', roles })
    await root.close()
    const error = await failure(open(uriOf('reader', 'reads')).set('id', { a: 1 }))
    assert.equal(error.code, 'ERR_AUTH')
    assert.equal(error.mongoCode, 13)
  })

  async function refusal(connection, options) {
    const error = await failure(open(connection, options).get('id'))
    assert.equal(error.code, 'ERR_AUTH')
    return error.message
  }

  it('says that the credentials are wrong', async () => {
    const [user, password] = USERS['SCRAM-SHA-256']
    const wrong = {
      'the password': uriOf(user, `${password}!`, 'SCRAM-SHA-256'),
      'the user': uriOf('nobody', password, 'SCRAM-SHA-256'),
      'the database': uriOf(user, password, 'SCRAM-SHA-256').replace('/app', '/other'),
    }
    for (const [what, uri] of Object.entries(wrong)) {
      assert.match(await refusal(uri), /refused the credentials; check user, password/, what)
    }
  })

  it('says that the password cannot be one', async () => {
    const uri = uriOf('two/256 %', 'with an unassigned \u{1f511}', 'SCRAM-SHA-256')
    assert.match(
      await refusal(uri),
      /the password has characters that SCRAM-SHA-256 does not allow/,
    )
  })

  it('says that it does not offer a mechanism', async () => {
    const uri = uriOf('root', 'r@@t:/?#%', 'PLAIN').replace('&', '')
    assert.match(await refusal(`${uri}&authSource=$external`), /does not offer the authMechanism/)
  })

  it('says that nobody was signed in', async () => {
    const error = await failure(open(`mongodb://127.0.0.1:${server.port}/app`).get('id'))
    assert.equal(error.code, 'ERR_AUTH')
    assert.equal(error.mongoCode, 13)
    assert.match(error.message, /the user lacks a privilege, or the connection names no user/)
  })

  // What a MongoDB answers whose version, or whose user, has no such mechanism; not every server here
  // words it so, and none has all of them.
  const answers = {
    'a mechanism that is not enabled': [
      {
        code: 334,
        codeName: 'MechanismUnavailable',
        errmsg: 'Received authentication for mechanism SCRAM-SHA-1 which is not enabled',
      },
      /does not offer the authMechanism/,
    ],
    'a user without credentials of that mechanism': [
      {
        code: 334,
        codeName: 'MechanismUnavailable',
        errmsg:
          'Unable to use SCRAM-SHA-1 based authentication for user without any SCRAM-SHA-1 credentials registered',
      },
      /does not offer the authMechanism/,
    ],
    'a mechanism that an old server does not know': [
      { code: 2, codeName: 'BadValue', errmsg: 'Unsupported mechanism SCRAM-SHA-1' },
      /does not offer the authMechanism/,
    ],
    'a wrong password': [
      { code: 18, codeName: 'AuthenticationFailed', errmsg: 'Authentication failed.' },
      /refused the credentials; check user, password/,
    ],
    'a refusal without a code': [
      { errmsg: 'auth failed' },
      /refused the credentials; check user, password/,
    ],
  }
  for (const [name, [answer, message]] of Object.entries(answers)) {
    it(`says what is behind ${name}`, async (t) => {
      const proxy = await TcpProxy.open(server.port)
      t.after(() => proxy.close())
      const refuse = faults.rewrite(() => ({ ok: 0, ...answer }))
      const unspeculative = faults.rewrite(({ speculativeAuthenticate, ...hello }) => hello)
      proxy.inject(unspeculative, { commands: GREETINGS, times: Infinity })
      proxy.inject(refuse, { commands: ['saslStart'], times: Infinity })
      const hosts = new URL(proxy.uri).host
      const uri = `${uriOf('one', 'two', 'SCRAM-SHA-1', hosts)}&directConnection=true`
      assert.match(await refusal(uri), message)
    })
  }
})
