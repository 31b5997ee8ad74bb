'use strict'

// A connection string means to the store what it means to the official Node driver, or is refused:
// the driver itself says what it means. That Rust's driver takes what is made of it is tested in
// src/options.rs.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { isDeepStrictEqual } = require('node:util')
const fc = require('fast-check')
const { MongoClient } = require('mongodb')
const { readOptions } = require('../../lib/options/options')
const { SessionStore, SessionStoreError } = require('../..')
const { readForNode, readForRust } = require('../support/uri')

/** Part of each password here: no error shows it. */
const SECRET = 's3cret'

/** @returns {object | SessionStoreError} */
function reading(connection) {
  try {
    return readForRust(readOptions({ connection }).source.address())
  } catch (error) {
    assert.ok(error instanceof SessionStoreError, error.stack)
    assert.equal(error.code, 'ERR_OPTIONS')
    assert.ok(!error.message.includes(SECRET), error.message)
    return error
  }
}

/** Undefined where the driver takes it for no connection string. */
function driverReading(uri) {
  let client
  try {
    // White space around it is no part of it to the store.
    client = new MongoClient(uri.trim())
  } catch {
    return undefined
  }
  return readForNode(client.options)
}

const join = (separator, parts) => parts.filter((part) => part !== '').join(separator)

/** Parameters with values that the driver takes. */
const VALID = {
  appName: ['web', 'a+b', 'a%26b', 'ä', 'a b'],
  connectTimeoutMS: ['0', '5', '20000'],
  heartbeatFrequencyMS: ['500', '20000'],
  journal: ['true', 'false'],
  localThresholdMS: ['0', '30'],
  maxIdleTimeMS: ['5', '7'],
  maxPoolSize: ['0', '1', '5', '200'],
  readConcernLevel: ['local', 'majority'],
  replicaSet: ['rs', 'my%20set', 'rs+1'],
  retryReads: ['true', 'false'],
  retryWrites: ['true', 'false'],
  serverMonitoringMode: ['auto', 'poll', 'stream'],
  serverSelectionTimeoutMS: ['5', '25000'],
  w: ['1', '2', 'majority', 'my%20concern'],
  wtimeoutMS: ['0', '5'],
  compressors: ['zlib', 'snappy,zlib', 'zstd,zlib', 'none'],
  zlibCompressionLevel: ['-1', '0', '9'],
  'readPreference=secondary&readPreferenceTags': ['dc:ny', 'dc:ny,rack:1', '', 'a:%C3%A4'],
  'readPreference=nearest&maxStalenessSeconds': ['90', '120'],
  readPreference: ['primary', 'primaryPreferred', 'secondaryPreferred'],
}

const parameter = (all) =>
  fc
    .constantFrom(...Object.keys(all))
    .chain((name) => fc.constantFrom(...all[name]).map((value) => `${name}=${value}`))

const port = fc.constantFrom('', ':1', ':27018', ':65535', ':027')
const host = fc
  .constantFrom(
    'localhost',
    'a.EXAMPLE.com',
    '127.0.0.1',
    '[::1]',
    '[2001:DB8::f]',
    'my_host',
    'ä.b',
  )
  .chain((name) => port.map((digits) => name + digits))
const socket = fc.constantFrom('%2Ftmp%2Fmongodb-27017.sock', 'rel%2Fa b%2Fm.sock')
const hosts = fc.oneof(
  { weight: 3, arbitrary: host },
  { weight: 1, arbitrary: socket },
  { weight: 1, arbitrary: fc.array(fc.oneof(host, socket), { minLength: 2, maxLength: 3 }) },
)
const userInfo = fc.constantFrom(
  '',
  'us%40er@',
  'user:@',
  `user:${SECRET}@`,
  `!$&'()*+,;=:!$&'()*+,;=${SECRET}@`,
  `us er:${SECRET}%2F%3A%40%25@`,
  `ü%C3%BC:${SECRET}ß@`,
)
const path = fc.constantFrom('', '/', '/app', '/my%3Ddb', '/my=db', '/%C3%A4', '/ä')
const tls = fc.constantFrom(
  '',
  'tls=true',
  'ssl=false',
  'tls=true&ssl=true',
  'tls=true&tlsCAFile=a%20b',
)
const authSource = fc.constantFrom(
  '',
  'authSource=admin',
  'authSource=%24external',
  'authSource=a.b',
)

/** Strings that the driver takes. */
const valid = fc
  .record({
    userInfo,
    hosts,
    path,
    query: fc.array(parameter(VALID), { maxLength: 4 }),
    tls,
    authSource,
    seed: fc.boolean(),
  })
  .map(({ userInfo, hosts, path, query, tls, authSource, seed }) => {
    const names = new Set()
    const fresh = query.filter((one) => {
      const name = one.split('=')[0]
      return !names.has(name) && names.add(name)
    })
    const parameters = join('&', [tls, authSource, ...fresh])
    const address = seed ? 'mongodb+srv://' : 'mongodb://'
    const list = seed ? 'Cluster0.ab1c.mongodb.net' : [hosts].flat().join(',')
    return `${address}${userInfo}${list}${path}${parameters === '' ? '' : `?${parameters}`}`
  })

/** Words, and what is between them, that a driver may take in more than one way. */
const ODD = {
  ...VALID,
  tls: ['true', 'false', '1', 'TRUE', ''],
  ssl: ['true', 'false'],
  tlsInsecure: ['true', 'false'],
  tlsAllowInvalidCertificates: ['true', 'false'],
  tlsAllowInvalidHostnames: ['true', 'false'],
  tlsCAFile: ['ca.pem'],
  tlsCertificateKeyFile: ['key.pem'],
  authMechanism: [
    'SCRAM-SHA-1',
    'scram-sha-256',
    'MONGODB-X509',
    'PLAIN',
    'DEFAULT',
    'GSSAPI',
    'SHA-1',
  ],
  authMechanismProperties: ['ENVIRONMENT:k8s', 'SERVICE_NAME:x', ''],
  authSource: ['admin', '$external', '', 'a%2Fb'],
  dbName: ['other', ''],
  directConnection: ['true', 'false'],
  loadBalanced: ['true', 'false'],
  j: ['true', 'false'],
  fsync: ['true', 'false'],
  wtimeout: ['5', '-1'],
  w: ['0', '-1', '1.5', '0x2', '1e1', '%20', 'NaN', 'Infinity'],
  maxPoolSize: ['5abc', ' 5', '%2B5', '-5', '1e3', '5.5', '99999999999'],
  minPoolSize: ['0', '3', '300'],
  maxConnecting: ['0', '2'],
  maxStalenessSeconds: ['120', '0', '10'],
  readPreference: ['Secondary', 'first', ''],
  readPreferenceTags: ['a:b:c', 'a', ',', 'a:', ':b'],
  readConcernLevel: ['any'],
  compressors: ['lz4', 'ZLIB', ''],
  srvMaxHosts: ['0', '2', '-1'],
  srvServiceName: ['custom', ''],
  proxyHost: ['proxy', ''],
  proxyPort: ['1080', '0', '70000'],
  proxyUsername: ['user'],
  proxyPassword: [SECRET],
  serverApi: ['1'],
  family: ['4'],
  unknown: ['1'],
  '%74ls': ['true'],
  'retryWrites ': ['false'],
}

const odd = {
  scheme: fc.constantFrom('mongodb://', 'mongodb://', 'mongodb+srv://', 'MONGODB://', 'mongodb:/'),
  userInfo: fc.oneof(
    userInfo,
    fc.constantFrom(
      '@',
      ':@',
      `:${SECRET}@`,
      `a:b:${SECRET}@`,
      `a%zz:${SECRET}@`,
      `%ff:${SECRET}@`,
    ),
    fc.constantFrom(
      `a@b:${SECRET}@`,
      `a/b:${SECRET}@`,
      `a:${SECRET}?@`,
      `a:${SECRET}#@`,
      `a:[${SECRET}]@`,
    ),
  ),
  host: fc.oneof(
    host,
    socket,
    fc.constantFrom('', 'a:0', 'a:65536', 'a:x', 'a:', 'a::1', '::1', '[::1', '[::g]', '[::1]x'),
    fc.constantFrom(
      'a b',
      '%61',
      'a%2Fb',
      '%zz',
      'a\\b',
      'a|b',
      '%2Fa.sock:1',
      'K',
      'a%2Cb',
      'a..b',
      '-',
    ),
  ),
  path: fc.oneof(
    path,
    fc.constantFrom(
      '/a.b',
      '/a b',
      '/a/b',
      '//a',
      '/%zz',
      '/$external',
      '/a%2Fb',
      '/..',
      '/%2e%2e/a',
    ),
    fc.constantFrom('/a:b', '/a*b', '/"a"', '/a@b', '/a,b', '/a%00b', `/${'x'.repeat(64)}`),
  ),
  noise: fc.constantFrom(
    '\n',
    '\t',
    ' ',
    '#',
    '@',
    '/',
    '?',
    '&',
    '=',
    '%',
    '+',
    ':',
    ',',
    '\\',
    '\u2028',
    'é',
  ),
}

/** Strings of which the driver takes some. */
const any = fc
  .record({
    scheme: odd.scheme,
    userInfo: odd.userInfo,
    hosts: fc.array(odd.host, { minLength: 1, maxLength: 2 }),
    path: odd.path,
    query: fc.array(
      fc.tuple(parameter(ODD), fc.constantFrom('as it is', 'lower', 'upper', 'no value')),
      { maxLength: 4 },
    ),
    noise: fc.option(fc.tuple(odd.noise, fc.double({ min: 0, max: 1, noNaN: true })), { freq: 3 }),
  })
  .map(({ scheme, userInfo, hosts, path, query, noise }) => {
    const parameters = query.map(([text, how]) => spell(text, how)).join('&')
    const uri = `${scheme}${userInfo}${hosts.join(',')}${path}${parameters && `?${parameters}`}`
    if (!noise) return uri
    const [what, where] = noise
    const index = scheme.length + Math.floor(where * (uri.length - scheme.length))
    return uri.slice(0, index) + what + uri.slice(index)
  })

function spell(text, how) {
  const equals = text.indexOf('=')
  const name = text.slice(0, equals)
  if (how === 'no value') return name
  if (how === 'lower') return name.toLowerCase() + text.slice(equals)
  return how === 'upper' ? name.toUpperCase() + text.slice(equals) : text
}

describe('a connection string', () => {
  it('that the driver takes, the store takes likewise', () => {
    fc.assert(
      fc.property(valid, (uri) => {
        const theirs = driverReading(uri)
        assert.ok(theirs, `the driver refuses ${uri}`)
        const ours = reading(uri)
        if (ours instanceof Error) throw ours
        assert.deepEqual(ours, theirs)
      }),
      { numRuns: 1000 },
    )
  })

  it('whatever it is, means the same to the driver, or is refused', () => {
    fc.assert(
      fc.property(any, (uri) => {
        const ours = reading(uri)
        if (ours instanceof Error) return
        if (isDeepStrictEqual(ours, driverReading(uri))) return
        // What contradicts itself is left to Rust's driver to refuse.
        assert.throws(() => new SessionStore({ connection: uri }), { code: 'ERR_OPTIONS' })
      }),
      { numRuns: 5000 },
    )
  })
})
