'use strict'

// What is taken over of a MongoClient, what is not, and what is said of anything else.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { MongoClient } = require('mongodb')
const mongoose = require('mongoose')
const { addressOf, parametersOf, refusal } = require('../support/address')

const PASSWORD = 'p@ss:w/rd%?#é'
const ENCODED = encodeURIComponent(PASSWORD)

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
    const callback = async () => ({ accessToken: 'secret' })
    const oidc = 'mongodb://a/?authMechanism=MONGODB-OIDC'
    const stringHelps = {
      lookup: client('mongodb://a', { lookup() {} }),
      ca: client(tls, { ca: 'secret' }),
      cert: client(tls, { cert: 'secret' }),
      key: client(tls, { key: 'secret' }),
      pfx: client(tls, { pfx: 'secret' }),
      secureContext: client(tls, { secureContext: {} }),
      'MONGODB-OIDC': client(oidc, { authMechanismProperties: { OIDC_CALLBACK: callback } }),
      // As it looks where mongodb-client-encryption is installed.
      autoEncryption: { connection: withOptions({ autoEncryption: {} }) },
    }
    for (const [name, options] of Object.entries(stringHelps)) {
      const message = refusal(options, ['secret'])
      assert.ok(message.includes(name), message)
      assert.match(message, /pass a connection string instead/)
    }
    const azure = 'authMechanismProperties=ENVIRONMENT:azure,TOKEN_RESOURCE:x'
    const isNotSupported = {
      localAddress: client('mongodb://a', { localAddress: '127.0.0.1' }),
      tlsCRLFile: client(tls, { tlsCRLFile: '/secret' }),
      checkServerIdentity: client(tls, { checkServerIdentity() {} }),
      tlsAllowInvalidHostnames: client(tls, { tlsAllowInvalidHostnames: true }),
      tlsCertificateKeyFilePassword: client(tls, { tlsCertificateKeyFilePassword: 'secret' }),
      ciphers: client(tls, { ciphers: 'secret' }),
      'MONGODB-AWS': client('mongodb://a/?authMechanism=MONGODB-AWS'),
      GSSAPI: client('mongodb://user%40REALM@a/?authMechanism=GSSAPI'),
      'MONGODB-OIDC': client(`${oidc}&${azure}`),
    }
    for (const [name, options] of Object.entries(isNotSupported)) {
      const message = refusal(options, ['secret'])
      assert.ok(message.includes(name), message)
      assert.match(message, /cannot be taken over: /)
      assert.doesNotMatch(message, /connection string/)
    }
  })

  it('gives its proxy', () => {
    const proxy = { proxyHost: 'proxy', proxyPort: 1081, proxyUsername: 'u', proxyPassword: 'p' }
    const { parameters } = addressOf(client('mongodb://a', proxy))
    assert.equal(parameters.proxyHost, 'proxy')
    assert.equal(parameters.proxyPort, '1081')
    assert.equal(parameters.proxyUsername, 'u')
    assert.equal(parameters.proxyPassword, 'p')
  })

  it('gives hosts that are not ASCII as DNS has them', () => {
    assert.equal(
      addressOf(client('mongodb://bücher.example')).base,
      'mongodb://xn--bcher-kva.example:27017/',
    )
  })

  it('keeps what is for its own pool to itself', () => {
    const own = {
      maxPoolSize: 5,
      compressors: ['zlib'],
      readConcern: { level: 'majority' },
      readPreference: 'secondary',
      monitorCommands: true,
      serverSelectionTimeoutMS: 7,
      heartbeatFrequencyMS: 700,
    }
    assert.deepEqual(addressOf(client('mongodb://a', own)), addressOf(client('mongodb://a')))
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
