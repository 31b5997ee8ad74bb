'use strict'

// What a connection string becomes for the Rust side, and what is said of one that cannot be used.
// That it means what the official driver takes it for is in uri.test.js.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')

const { addressOf, parametersOf, refusal } = require('../support/address')

const PASSWORD = 'p@ss:w/rd%?#é'
const ENCODED = encodeURIComponent(PASSWORD)

describe('a connection string', () => {
  it('keeps its credentials, hosts and database as they are', () => {
    const hosts = 'b:27018,[::1]:27019,%2Ftmp%2Fm.sock'
    const base = `mongodb://us%40er:${ENCODED}@a,${hosts}`
    const address = addressOf({ connection: `${base}/app?replicaSet=rs&authSource=admin` })
    const complete = `mongodb://us%40er:${ENCODED}@a:27017,${hosts}/`
    assert.equal(address.base, complete)
    assert.equal(address.db, 'app')
    assert.equal(address.parameters.replicaSet, 'rs')
    assert.equal(address.parameters.authSource, 'admin')
    const other = addressOf({ connection: `${base}/app`, db: 'other' })
    assert.equal(other.db, 'other')
    assert.equal(other.base, complete)
    assert.equal(other.parameters.authSource, 'app')
  })

  it('is all but the white space around it', () => {
    const plain = addressOf({ connection: 'mongodb://u:p@a/app' })
    for (const [before, after] of [
      ['', '\n'],
      [' ', '\r\n'],
      ['\ufeff', '\t \n'],
    ]) {
      assert.deepEqual(addressOf({ connection: `${before}mongodb://u:p@a/app${after}` }), plain)
      const bare = addressOf({ connection: `${before}mongodb://a${after}` })
      assert.deepEqual(bare, addressOf({ connection: 'mongodb://a' }))
    }
  })

  it('with a line break, a tab, a # or the like within is refused', () => {
    for (const character of ['\n', '\r', '\t', '\0', '\u007f', '\u2028', '\ud800']) {
      for (const uri of [
        `mongodb://a${character}b/app`,
        `mongodb://a/ap${character}p`,
        `mongodb://a/?appName=a${character}b`,
        `mongodb://u:secret${character}x@a/`,
      ]) {
        assert.match(refusal({ connection: uri }, ['secret']), /cannot be seen/)
      }
    }
    for (const uri of ['mongodb://a#b', 'mongodb://a/app#x', 'mongodb://a/?appName=a#b']) {
      assert.match(refusal({ connection: uri }), /'#'.*%23/)
    }
  })

  it('may leave a database for `db` to name', () => {
    const connection = 'mongodb://u:p@a/$external?authMechanism=PLAIN'
    assert.match(refusal({ connection }), /unless the option 'db' names the database/)
    const { db, parameters } = addressOf({ connection, db: 'app' })
    assert.equal(db, 'app')
    assert.equal(parameters.authSource, '$external')
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

  it('with a parameter that the store does not know is refused by its name', () => {
    const named = (parameter) =>
      refusal({ connection: `mongodb://localhost/?tls=true&${parameter}` })
    assert.equal(
      named('maxPolSize=5'),
      "connection string: unknown option 'maxPolSize'; did you mean 'maxPoolSize'?",
    )
    assert.equal(named('collection=a'), "connection string: unknown option 'collection'")
    assert.match(named('gssapiServiceName=a'), /'gssapiServiceName' is not supported: .*GSSAPI/)
    assert.match(named('TLSCRLFILE=a'), /'tlsCRLFile' is not supported: .* revoked/)
    assert.match(named('useNewUrlParser=true'), /'useNewUrlParser' .* leave it out/)
  })

  it('with credentials that are not encoded says so first', () => {
    for (const uri of [
      'mongodb://user:sec?ret=1@host/?unknown=1',
      'mongodb://user:sec#ret@host/#',
      'mongodb://user:sec/ret@host:x',
      'mongodb://user:secret@1@host:0/a.b',
      'mongodb+srv://user:sec?ret@host:27017/',
      'mongodb://user:sec%ret@host/?tls=1',
      'mongodb://user:a?secret=b@host',
      'mongodb://user:a@secret?secret=b@host',
    ]) {
      assert.match(
        refusal({ connection: uri }, ['secret', 'ret']),
        /^the user name and the password/,
      )
    }
    for (const uri of [
      'mongodb+srv://user:<password>@cluster0.ab1c.mongodb.net/?w=majority',
      'mongodb+srv://<db_username>:<db_password>@cluster0.ab1c.mongodb.net/',
      'mongodb://user:<insertYourPassword>@docdb.example.com:27017/?tls=true',
    ]) {
      assert.match(refusal({ connection: uri }), /placeholder/)
    }
    addressOf({ connection: 'mongodb://user:%3Cencoded%3E@host' })
  })

  it('that asks for what does not matter here is taken', () => {
    const connection =
      'mongodb://localhost/?uuidRepresentation=standard&authMechanism=DEFAULT&maxPoolSize=0'
    assert.equal(parametersOf({ connection }).authMechanism, undefined)
    assert.equal(parametersOf({ connection }).uuidRepresentation, undefined)
  })

  it('takes compressors that the store has, or else does not compress', () => {
    const compressors = (list) =>
      parametersOf({ connection: `mongodb://localhost/?compressors=${list}` }).compressors
    assert.equal(compressors('zstd,snappy,zlib'), 'snappy,zlib')
    assert.equal(compressors('zstd'), undefined)
    assert.equal(compressors('none'), undefined)
    const own = { connection: 'mongodb://localhost', compressors: ['zlib'] }
    assert.equal(parametersOf({ ...own, zlibCompressionLevel: 9 }).zlibCompressionLevel, '9')
    assert.equal(parametersOf(own).compressors, 'zlib')
  })

  it('goes with the option serverApi', () => {
    const api = (serverApi) => addressOf({ connection: 'mongodb://localhost', serverApi }).serverApi
    assert.equal(api('1').version, '1')
    assert.equal(api({ version: '1', strict: true }).strict, true)
    assert.match(refusal({ connection: 'mongodb://localhost/?serverApi=1' }), /'serverApi'/)
  })

  it('with files for TLS has to turn it on', () => {
    const connection = 'mongodb://localhost/?tlsCAFile=ca.pem'
    assert.match(refusal({ connection }), /'tlsCAFile' .* tls=true/)
    assert.equal(parametersOf({ connection, tls: true }).tlsCAFile, 'ca.pem')
    assert.equal(parametersOf({ connection: `${connection}&tls=true` }).tlsCAFile, 'ca.pem')
    const seed = 'mongodb+srv://a.example.com/?tlsCAFile=ca.pem'
    assert.equal(parametersOf({ connection: seed }).tlsCAFile, 'ca.pem')
  })

  it('turns TLS on for no setting that asks for nothing', () => {
    for (const name of ['tlsInsecure', 'tlsAllowInvalidCertificates', 'tlsAllowInvalidHostnames']) {
      const names = Object.keys(parametersOf({ connection: `mongodb://localhost/?${name}=false` }))
      assert.ok(!names.some((name) => name.startsWith('tls')))
    }
  })
})
