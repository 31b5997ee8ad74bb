'use strict'

// The options beside `connection`, and what is said of those that cannot be used. What the store does
// with them is in connection.test.js.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const { readOptions } = require('../../lib/options/options')
const { addressOf, parametersOf, refusal } = require('../support/address')
const { Realm } = require('../support/realm')

describe('options', () => {
  it('have the defaults that the README says', () => {
    const options = readOptions({ connection: 'mongodb://localhost' })
    assert.equal(options.collection, 'sessions')
    assert.equal(options.name, 'Session')
    assert.equal(options.expires, undefined)
    assert.equal(options.autoRemove, 'native')
    assert.equal(options.autoRemoveInterval, 10)
    assert.equal(options.timestamps, false)
    assert.deepEqual(options.indexes, [])
    assert.equal(options.timeoutMS, 10_000)
    assert.equal(options.serverSelectionTimeoutMS, 10000)
    assert.equal(options.source.model, undefined)
    assert.deepEqual(addressOf({ connection: 'mongodb://localhost' }), {
      base: 'mongodb://localhost:27017/',
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
    assert.match(refusal({ connection, timeout: 5 }), /did you mean 'timeoutMS'/)
    assert.match(refusal({ connection, tsl: true }), /did you mean 'tls'/)
    for (const typed of ['serverSelctionTimoutMS', 'serverselectiontimeout', 'server_selection']) {
      const meant = typed === 'server_selection' ? '' : "; did you mean 'serverSelectionTimeoutMS'?"
      assert.equal(refusal({ connection, [typed]: 5 }), `unknown option '${typed}'${meant}`)
    }
  })

  const key = 'k'.repeat(32)
  const connection = 'mongodb://localhost'
  const said = { connection, encryption: { keys: [key] }, hashIds: { key }, collection: 'mine' }
  class Getters {
    get encryption() {
      return said.encryption
    }
    get hashIds() {
      return said.hashIds
    }
    method() {}
  }
  class More extends Getters {
    connection = connection
    get collection() {
      return said.collection
    }
  }
  function Fields() {}
  Object.assign(Fields.prototype, said, { method() {} })
  const hidden = Object.defineProperties(
    {},
    Object.fromEntries(Object.entries(said).map(([name, value]) => [name, { value }])),
  )
  const elsewhere = {
    'on what they inherit from': Object.create(said),
    'on what that inherits from': Object.create(
      Object.create(Object.assign(Object.create(null), said)),
    ),
    'in getters of a class': new More(),
    'in fields that a function shares': new Fields(),
    'in fields that are hidden': hidden,
    'in another realm': new Realm().run(`(said) => Object.create(said)`)(said),
  }
  for (const [where, options] of Object.entries(elsewhere)) {
    it(`count wherever they stand, also ${where}`, () => {
      const { collection, encryption, hashIds } = readOptions(options)
      assert.equal(collection, 'mine')
      assert.deepEqual([encryption(), hashIds()], [[Buffer.from(key)], [Buffer.from(key)]])
    })
  }

  it('that are unknown are rejected by name where they are inherited, too', () => {
    class Typed {
      connection = connection
      get encyption() {
        return said.encryption
      }
    }
    const misspelt = "unknown option 'encyption'; did you mean 'encryption'?"
    assert.equal(refusal(new Typed()), misspelt)
    assert.equal(refusal(Object.assign(Object.create({ encyption: 1 }), { connection })), misspelt)
  })

  it('with methods, as packages for configuration give them, are options like any other', () => {
    const hidden = { get() {}, has() {}, util: {} }
    const configured = { connection, collection: 'mine' }
    for (const [name, value] of Object.entries(hidden)) {
      Object.defineProperty(configured, name, { value })
    }
    assert.equal(readOptions(configured).collection, 'mine')
  })

  it('within others count wherever they stand', () => {
    const writeConcern = Object.create({ w: 2 })
    assert.equal(parametersOf({ connection, writeConcern }).w, '2')
  })

  it('that cannot be read are refused without the words of whoever throws', () => {
    const getter = {
      connection,
      get encryption() {
        throw new RangeError('words of the application')
      },
    }
    const words = ['words of the application']
    const proxy = new Proxy(
      { connection },
      {
        ownKeys: () => {
          throw new Error(words[0])
        },
      },
    )
    assert.equal(
      refusal(getter, words),
      'the options cannot be read: a RangeError was thrown meanwhile',
    )
    assert.match(refusal(proxy, words), /cannot be read/)
  })

  it('that are near one of another meaning are not taken for it', () => {
    const connection = 'mongodb://localhost'
    const other = ['cookieName', 'constructor', 'ab', 'model', 'idleTimeoutMS', 'byName', 'mode']
    // As near to one as to another.
    other.push('maConnectTimeoutMS', 'manPoolSize', 'proxyPost', 'retryRights', 'id')
    for (const name of other) {
      assert.equal(refusal({ connection, [name]: 'a' }), `unknown option '${name}'`)
    }
  })

  it('that other stores have are pointed to what they are called here', () => {
    const elsewhere = {
      connection: ['url', 'uri', 'mongoUrl', 'client', 'mongoose', 'mongooseConnection', 'mongo'],
      db: ['dbName', 'database', 'databaseName', 'DBName', 'db_name'],
      collection: ['collectionName'],
      name: ['modelName'],
      maxPoolSize: ['poolSize', 'maxConnections'],
      connectTimeoutMS: ['connectionTimeoutMS'],
    }
    for (const [name, others] of Object.entries(elsewhere)) {
      for (const other of others) {
        // The first thing said, whether or not there is a connection.
        const message = `unknown option '${other}'; did you mean '${name}'?`
        assert.equal(refusal({ [other]: 'a' }), message)
        assert.equal(refusal({ connection: 'mongodb://localhost', [other]: 'a' }), message)
      }
    }
    assert.match(refusal({ ttl: 60 }), /unknown option 'ttl': .*'expires' here, in seconds/)
    assert.match(refusal({ maxAge: 60 }), /option of koa-session; the store's own is 'expires'/)
    assert.match(refusal({ clientPromise: 1 }), /'connection', .* wait for the promise/)
    assert.match(refusal({ mongoOptions: {} }), /options of the store themselves/)
    assert.match(refusal({ writeOperationOptions: {} }), /the option 'writeConcern' of the store/)
    assert.match(refusal({ stringify: false }), /as BSON that can be queried: leave it out/)
    assert.match(refusal({ password: 'secret' }, ['secret']), /part of the option 'connection'/)
    assert.match(refusal({ rolling: true }), /option of koa-session, not of its store/)
    assert.match(refusal({ useUnifiedTopology: true }), /leave it out/)
  })

  it('are all known under the names that the typings have', () => {
    // What is suggested must be there.
    const { SETTINGS } = require('../../lib/options/settings')
    const typings = fs.readFileSync(path.join(__dirname, '../../index.d.ts'), 'utf8')
    for (const name of Object.keys(SETTINGS)) {
      assert.match(typings, new RegExp(`^    ${name}\\??:`, 'm'), name)
    }
  })

  it('that cannot be meant together are refused', () => {
    const connection = 'mongodb://localhost'
    for (const [touchAfter, expires] of [
      [60, 60],
      [61, 60],
    ]) {
      assert.match(
        refusal({ connection, touchAfter, expires }),
        /'touchAfter' .* less than 'expires'/,
      )
    }
    readOptions({ connection, touchAfter: 59, expires: 60 })
    readOptions({ connection, touchAfter: 100_000 })
    const removal = { autoRemoveInterval: 5 }
    for (const autoRemove of [undefined, 'native', 'disabled']) {
      const refused = refusal({ connection, ...removal, autoRemove })
      assert.match(refused, /'autoRemoveInterval' is for nothing without autoRemove 'interval'/)
    }
    readOptions({ connection, ...removal, autoRemove: 'interval' })
    assert.match(refusal({ connection, minPoolSize: 6, maxPoolSize: 5 }), /minPoolSize/)
    readOptions({ connection, minPoolSize: 6, maxPoolSize: 0 })
    assert.match(refusal({ connection, maxStalenessSeconds: 90 }), /needs a readPreference/)
    readOptions({ connection, maxStalenessSeconds: -1 })
    const linearizable = { readConcern: 'linearizable', readPreference: 'nearest' }
    assert.match(refusal({ connection, ...linearizable }), /'linearizable' is for/)
    readOptions({ connection, ...linearizable, readPreference: 'primary' })
    const primary = { readPreference: { mode: 'primary', tags: [{ a: 'b' }] } }
    assert.match(refusal({ connection, ...primary }), /readPreferenceTags' needs a readPreference/)
  })

  it('that say there is no limit are taken so, or refused with the reason', () => {
    const connection = 'mongodb://localhost'
    for (const taken of ['maxPoolSize', 'socketTimeoutMS', 'connectTimeoutMS', 'maxIdleTimeMS']) {
      readOptions({ connection: `${connection}/?${taken}=0` })
      readOptions({ connection, [taken]: 0 })
    }
    assert.equal(parametersOf({ connection, maxPoolSize: 0 }).maxPoolSize, String(2 ** 31 - 1))
    for (const refused of ['timeoutMS', 'serverSelectionTimeoutMS']) {
      const reason = /at least 1: without a limit, a request would wait/
      assert.match(refusal({ connection: `${connection}/?${refused}=0` }), reason)
      assert.match(refusal({ connection, [refused]: 0 }), reason)
    }
  })

  it('of the wrong type are rejected with what is expected, and the type that it is', () => {
    const connection = 'mongodb://localhost'
    const given = (options) =>
      refusal({ connection, ...options }, ['secret']).split('given was ')[1]
    assert.equal(given({ expires: 'secret' }), 'a string')
    assert.equal(given({ expires: '' }), 'an empty string')
    assert.equal(given({ expires: -1 }), 'a negative number')
    assert.equal(given({ expires: Number.NaN }), 'NaN')
    assert.equal(given({ maxPoolSize: 1.5 }), 'a fraction')
    assert.equal(given({ autoRemove: 'interval', autoRemoveInterval: 0 }), '0')
    assert.equal(given({ timestamps: 'yes' }), 'a string')
    assert.equal(given({ name: 5 }), 'a number')
    assert.equal(given({ name: null }), 'null')
    assert.equal(given({ name: ['secret'] }), 'an array')
    assert.equal(given({ tls: { secret: 1 } }), 'an object')
    assert.equal(given({ tls: () => 'secret' }), 'a function')
    assert.equal(given({ connection: 5 }), 'a number')
    assert.equal(given({ connection: new URL('mongodb://user:secret@host') }), 'a URL')
    assert.equal(given({ connection: new String('mongodb://user:secret@host') }), 'a String')
    assert.equal(given({ connection: { secret: 1 } }), 'an object')
    assert.equal(given({ connection: new (class {})() }), 'an object')
    assert.match(refusal('mongodb://user:secret@host', ['secret']), /given was a string/)
    assert.match(refusal(Promise.resolve({ connection })), /given was a Promise/)
    assert.match(refusal(new Map([['connection', connection]])), /given was a Map/)

    const wrong = {
      collection: ['', 'system.sessions', 'a$b', 'a\0b', '.a', 5, null],
      expires: [0, -1, Number.NaN, Number.NEGATIVE_INFINITY, '86400', null],
      name: ['', 1],
      db: ['', 'a b', 'a.b', 'a/b', 'x'.repeat(64), 1],
      timeoutMS: [0, -1, 1.5, '5'],
      maxPoolSize: [-1, '5', 2 ** 31],
      serverApi: ['2', 1, { version: '1', strict: 1 }, { version: '1', more: true }],
      compressors: ['lz4', ['zlib', 5], {}],
      proxyPort: [0, 65536],
      uuidRepresentation: ['javaLegacy'],
      tlsAllowInvalidHostnames: [true],
      heartbeatFrequencyMS: [100],
      tls: ['true', 1],
      w: [0, -1, 1.5, '', true, '1.5', ' '],
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
    const names = ['tlsCertificateKeyFilePassword', 'tlsCRLFile', 'gssapiServiceName', 'lookup']
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
