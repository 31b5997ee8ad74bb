'use strict'

// What the constructor's options and a connection become: one connection string for the Rust side,
// in which nothing is lost. What the store does with it is in connection.test.js.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { MongoClient } = require('mongodb')
const mongoose = require('mongoose')
const { readOptions } = require('../../lib/options/options')
const { SessionStoreError } = require('../../lib/errors')

const PASSWORD = 'p@ss:w/rd%?#é'
const ENCODED = encodeURIComponent(PASSWORD)

/** The address that a store made with these options connects to. */
function addressOf(options) {
  const { uri, ...address } = readOptions(options).source.address()
  const [base, query] = uri.split('?')
  return { base, parameters: Object.fromEntries(new URLSearchParams(query)), ...address }
}

function parametersOf(options) {
  return addressOf(options).parameters
}

/** What the error says that the options cause; it must not show any of the secrets. */
function refusal(options, secrets = []) {
  let error
  assert.throws(
    () => readOptions(options),
    (thrown) => {
      error = thrown
      return true
    },
  )
  assert.ok(error instanceof SessionStoreError, String(error))
  assert.equal(error.code, 'ERR_OPTIONS')
  for (const secret of secrets) assert.ok(!error.message.includes(secret), error.message)
  return error.message
}

describe('options', () => {
  it('have the defaults that the README says', () => {
    const options = readOptions({ connection: 'mongodb://localhost' })
    assert.equal(options.collection, 'sessions')
    assert.equal(options.name, 'Session')
    assert.equal(options.expires, undefined)
    assert.equal(options.timeoutMS, 10_000)
    assert.equal(options.serverSelectionTimeoutMS, 10000)
    assert.equal(options.source.model, undefined)
    assert.deepEqual(addressOf({ connection: 'mongodb://localhost' }), {
      base: 'mongodb://localhost/',
      parameters: {
        connectTimeoutMS: '5000',
        maxIdleTimeMS: '120000',
        serverSelectionTimeoutMS: '10000',
        w: 'majority',
      },
      db: 'test',
      serverApi: undefined,
    })
  })

  it('that are unknown are rejected by name, with the nearest known one', () => {
    const connection = 'mongodb://localhost'
    assert.match(
      refusal({ connection, colection: 'a' }),
      /unknown option 'colection'; did you mean 'collection'\?/,
    )
    assert.match(refusal({ connection, j: true }), /did you mean 'journal'/)
    assert.match(refusal({ connection, retrywrites: true }), /did you mean 'retryWrites'/)
    assert.equal(refusal({ connection, cookieName: 'a' }), "unknown option 'cookieName'")
    assert.equal(refusal({ connection, constructor: 1 }), "unknown option 'constructor'")
  })

  it('of the wrong type are rejected with what is expected', () => {
    const wrong = {
      collection: ['', 'system.sessions', 'a$b', 'a\0b', '.a', 5, null],
      expires: [0, -1, Number.NaN, Number.NEGATIVE_INFINITY, '86400', null],
      name: ['', 1],
      db: ['', 'a b', 'a.b', 'a/b', 'x'.repeat(64), 1],
      timeoutMS: [0, -1, 1.5, '5'],
      maxPoolSize: [0, '5', 2 ** 31],
      heartbeatFrequencyMS: [100],
      tls: ['true', 1],
      w: [0, -1, 1.5, '', true],
      writeConcern: [{ w: 0 }, { acknowledged: true }],
      readPreference: ['first', { mode: 'first' }, { hedge: true }],
      readPreferenceTags: [['a:b:c'], [{ a: 'b,c' }]],
      readConcern: [{ level: 'none' }, 'none'],
      authMechanism: ['GSSAPI', 'MONGODB-AWS'],
      authMechanismProperties: [{ ENVIRONMENT: 'k8s' }, 'SERVICE_NAME:x'],
      appName: ['x'.repeat(129), 'a\ud800'],
    }
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) {
        const message = refusal({ connection: 'mongodb://localhost', [name]: value })
        assert.ok(message.includes(name), message)
      }
    }
    for (const options of [null, [], 'mongodb://localhost', 5]) refusal(options)
  })

  it('that the Rust driver would ignore are refused', () => {
    const names = ['compressors', 'tlsCertificateKeyFilePassword', 'tlsAllowInvalidHostnames']
    for (const name of names) {
      const message = refusal({ connection: 'mongodb://localhost', [name]: 'secret' }, ['secret'])
      assert.ok(message.startsWith(`option '${name}' is not supported: `), message)
    }
  })

  it('are written over what the connection string says, and default where neither says', () => {
    const connection =
      'mongodb://localhost/app?ssl=false&w=1&APPNAME=a%26b&serverselectiontimeoutms=7'
    const options = { connection, tls: true, writeConcern: { w: 'majority', j: true } }
    assert.deepEqual(parametersOf(options), {
      appName: 'a&b',
      connectTimeoutMS: '5000',
      journal: 'true',
      maxIdleTimeMS: '120000',
      serverSelectionTimeoutMS: '7',
      tls: 'true',
      w: 'majority',
    })
    assert.equal(readOptions(options).serverSelectionTimeoutMS, 7)
  })

  it('take a write concern, a read concern and a read preference in each usual form', () => {
    const given = (options) => {
      const parameters = parametersOf({ connection: 'mongodb://localhost', ...options })
      const { connectTimeoutMS, maxIdleTimeMS, serverSelectionTimeoutMS, ...rest } = parameters
      return rest
    }
    const w = 'majority'
    assert.deepEqual(given({ writeConcern: 'majority' }), { w })
    assert.deepEqual(given({ writeConcern: { w: 2, wtimeout: 5 }, w: 3 }), {
      w: '3',
      wtimeoutMS: '5',
    })
    assert.deepEqual(given({ readConcern: { level: 'majority' } }), {
      readConcernLevel: 'majority',
      w,
    })
    assert.deepEqual(given({ readPreference: 'nearest' }), { readPreference: 'nearest', w })
    assert.deepEqual(
      given({
        readPreference: { mode: 'secondary', tags: [{ dc: 'é' }], maxStalenessSeconds: 90 },
      }),
      { maxStalenessSeconds: '90', readPreference: 'secondary', readPreferenceTags: 'dc:é', w },
    )
  })

  it('bound an operation as a whole, by whichever limit is given', () => {
    const limit = (connection, options) => readOptions({ connection, ...options }).timeoutMS
    assert.equal(limit('mongodb://localhost/?timeoutMS=700'), 700)
    assert.equal(limit('mongodb://localhost/?timeoutMS=700', { timeoutMS: 900 }), 900)
    assert.equal(limit('mongodb://localhost/?socketTimeoutMS=3000'), 3000)
    assert.equal(limit('mongodb://localhost/?socketTimeoutMS=0&waitQueueTimeoutMS=60000'), 10_000)
    const strange = 'mongodb://localhost/?timeoutMS=5&socketTimeoutMS=3&waitQueueTimeoutMS=3'
    assert.deepEqual(Object.keys(parametersOf({ connection: strange })).sort(), [
      'connectTimeoutMS',
      'maxIdleTimeMS',
      'serverSelectionTimeoutMS',
      'w',
    ])
  })
})

describe('a connection string', () => {
  it('keeps its credentials, hosts and database as they are', () => {
    const base = `mongodb://us%40er:${ENCODED}@a,b:27018,[::1]:27019,%2Ftmp%2Fm.sock/app`
    const address = addressOf({ connection: `${base}?replicaSet=rs&authSource=admin` })
    assert.equal(address.base, base)
    assert.equal(address.db, 'app')
    assert.equal(address.parameters.replicaSet, 'rs')
    assert.equal(addressOf({ connection: base, db: 'other' }).db, 'other')
    assert.equal(addressOf({ connection: base, db: 'other' }).base, base)
  })

  it('that is malformed is refused without showing any of it', () => {
    for (const uri of [
      'http://secret',
      'mongodb://user:secret@',
      'mongodb://user:sec?ret@host',
      'mongodb://user:123456?x=1@host',
      'mongodb://user:12345?secret=1@host',
      'mongodb://user:/secret@host',
      'mongodb://user:secret%@host',
      'mongodb://user:é%aésecret@host',
      'mongodb://us:er:secret@host',
      'mongodb://user:secret@host:0',
      'mongodb://user:secret@host,,host',
      'mongodb://user:secret@host/a.b',
      'mongodb://user:secret@host/?tls',
      'mongodb://user:secret@host/?tls=true&ssl=false',
      'mongodb://user:secret@host/?w=0',
      'mongodb://user:secret@host/?authMechanismProperties=ENVIRONMENT:k8s',
    ]) {
      refusal({ connection: uri }, ['secret', 'user:', '12345'])
    }
  })

  it('with a parameter that the store does not know is refused, with the nearest known one', () => {
    assert.match(
      refusal({ connection: 'mongodb://localhost/?tls=true&maxPolSize=5' }),
      /parameter 2 of the connection string .* did you mean 'maxPoolSize'\?/,
    )
    assert.match(refusal({ connection: 'mongodb://localhost/?compressors=zlib' }), /'compressors'/)
    assert.match(refusal({ connection: 'mongodb://localhost/?collection=a' }), /not known/)
  })

  it('turns TLS on for no setting that asks for nothing', () => {
    const connection = 'mongodb://localhost/?tlsInsecure=false&tlsAllowInvalidHostnames=false'
    const names = Object.keys(parametersOf({ connection }))
    assert.ok(!names.some((name) => name.startsWith('tls')))
  })
})

describe('a MongoClient', () => {
  const client = (uri, options) => ({ connection: new MongoClient(uri, options) })

  it('gives its hosts, credentials, database, TLS files and write concern', () => {
    const uri = `mongodb://us%40er:${ENCODED}@a:1,[::1]:2/app?replicaSet=rs&appName=web`
    const options = {
      tls: true,
      tlsCAFile: '/etc/ca & co.pem',
      tlsCertificateKeyFile: '/etc/key.pem',
      writeConcern: { w: 'majority', journal: true },
      maxPoolSize: 7,
      socketTimeoutMS: 1,
    }
    assert.deepEqual(addressOf(client(uri, options)), {
      base: `mongodb://us%40er:${ENCODED}@a:1,[::1]:2/`,
      parameters: {
        appName: 'web',
        authSource: 'app',
        connectTimeoutMS: '5000',
        journal: 'true',
        maxIdleTimeMS: '120000',
        replicaSet: 'rs',
        serverSelectionTimeoutMS: '10000',
        tls: 'true',
        tlsCAFile: '/etc/ca & co.pem',
        tlsCertificateKeyFile: '/etc/key.pem',
        w: 'majority',
      },
      db: 'app',
      serverApi: undefined,
    })
  })

  it('made from mongodb+srv gives the name that the DNS is asked for', () => {
    const address = addressOf(client('mongodb+srv://u:p@cluster.example.com/app'))
    // Where the DNS names no database for sign-in, it is that of the path.
    assert.equal(address.base, 'mongodb+srv://u:p@cluster.example.com/app')
    assert.equal(address.parameters.tls, 'true')
    assert.equal(address.parameters.authSource, undefined)
    const plain = 'mongodb+srv://u:p@cluster.example.com/app?authSource=admin&tls=false'
    assert.equal(parametersOf(client(plain)).authSource, 'admin')
    assert.equal(parametersOf(client(plain)).tls, 'false')
  })

  it('gives the mechanism that it signs in with', () => {
    const x509 = client('mongodb://a/?authMechanism=MONGODB-X509&tls=true')
    assert.equal(parametersOf(x509).authMechanism, 'MONGODB-X509')
    assert.equal(parametersOf(x509).authSource, '$external')
    const scram = client('mongodb://u:p@a/?authMechanism=SCRAM-SHA-256')
    assert.equal(parametersOf(scram).authMechanism, 'SCRAM-SHA-256')
  })

  it('gives its server API, which no connection string can hold', () => {
    const serverApi = { version: '1', strict: true }
    assert.deepEqual(addressOf(client('mongodb://a', { serverApi })).serverApi, serverApi)
  })

  it('with a setting that only Node can follow is refused by its name', () => {
    const tls = 'mongodb://user:secret@a/?tls=true'
    const refused = {
      lookup: client('mongodb://a', { lookup() {} }),
      localAddress: client('mongodb://a', { localAddress: '127.0.0.1' }),
      proxyHost: client('mongodb://a', { proxyHost: 'proxy' }),
      ca: client(tls, { ca: 'secret' }),
      cert: client(tls, { cert: 'secret' }),
      key: client(tls, { key: 'secret' }),
      pfx: client(tls, { pfx: 'secret' }),
      secureContext: client(tls, { secureContext: {} }),
      tlsCRLFile: client(tls, { tlsCRLFile: '/secret' }),
      checkServerIdentity: client(tls, { checkServerIdentity() {} }),
      tlsCertificateKeyFilePassword: client(tls, { tlsCertificateKeyFilePassword: 'secret' }),
      'MONGODB-AWS': client('mongodb://a/?authMechanism=MONGODB-AWS'),
      GSSAPI: client('mongodb://user%40REALM@a/?authMechanism=GSSAPI'),
      'MONGODB-OIDC': client('mongodb://a/?authMechanism=MONGODB-OIDC', {
        authMechanismProperties: { OIDC_CALLBACK: async () => ({ accessToken: 'secret' }) },
      }),
      // As it looks where mongodb-client-encryption is installed.
      autoEncryption: { connection: withOptions({ autoEncryption: {} }) },
    }
    for (const [name, options] of Object.entries(refused)) {
      const message = refusal(options, ['secret'])
      assert.ok(message.includes(name), message)
      assert.match(message, /pass a connection string instead/)
    }
  })

  it('that does not wait for acknowledgement needs a write concern for the store', () => {
    const unacknowledged = client('mongodb://a', { writeConcern: { w: 0 } })
    assert.match(refusal(unacknowledged), /acknowledged/)
    assert.equal(parametersOf({ ...unacknowledged, w: 1 }).w, '1')
  })

  function withOptions(more) {
    const { options } = new MongoClient('mongodb://a')
    return { db() {}, connect() {}, close() {}, options: { ...options, ...more } }
  }
})

describe('anything else as `connection`', () => {
  it('is refused with what is accepted, and never shown', () => {
    const wrong = [undefined, null, 5, {}, [], () => {}, { url: 'mongodb://u:secret@a' }, new Map()]
    for (const connection of wrong) {
      const message = refusal({ connection }, ['secret'])
      assert.match(message, /a connection string .* mongoose .* MongoClient or Db/)
    }
    assert.match(refusal({ connection: Promise.resolve() }), /promise: wait for it first/)
    assert.match(refusal({ connection: { Mongo: {}, Schema: mongoose.Schema } }), /must be/)
    refusal({})
    refusal(undefined)
  })
})
