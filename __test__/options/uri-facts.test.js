'use strict'

// What the specifications of MongoDB's drivers say of connection strings, as facts: what a string
// means, and which are none. Where a driver may ignore what it does not understand, and warn, the
// store refuses it.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { SessionStore } = require('../..')
const { readOptions } = require('../../lib/options/options')
const { readForRust } = require('../support/uri')

/** What a string means, as far as `expected` says it. */
function assertMeans(connection, expected) {
  const { settings, ...reading } = readForRust(readOptions({ connection }).source.address())
  const found = { ...settings, ...reading }
  for (const [name, value] of Object.entries(expected)) {
    assert.deepEqual(found[name], value, `${name} of ${connection}`)
  }
}

function assertRefused(connection) {
  assert.throws(() => new SessionStore({ connection }), { code: 'ERR_OPTIONS' }, connection)
}

const MEANINGS = {
  'the hosts': {
    'mongodb://10.0.0.1': { hosts: ['10.0.0.1:27017'] },
    'mongodb://10.0.0.1:1234': { hosts: ['10.0.0.1:1234'] },
    'mongodb://[fe80::1]': { hosts: ['[fe80::1]:27017'] },
    'mongodb://[fe80::1]:1234/': { hosts: ['[fe80::1]:1234'] },
    'mongodb://db.example:1234': { hosts: ['db.example:1234'] },
    'mongodb://300.0.0.1': { hosts: ['300.0.0.1:27017'] },
    'mongodb://a,[::2]:2,c:3': { hosts: ['a:27017', '[::2]:2', 'c:3'] },
    'mongodb://münchen.example,köln.example/': {
      hosts: ['xn--mnchen-3ya.example:27017', 'xn--kln-sna.example:27017'],
    },
    'mongodb+srv://Cluster.Example.com': { hosts: ['cluster.example.com'], db: 'test' },
  },
  'the sockets': {
    'mongodb://%2Fvar%2Frun%2Fm.sock': { hosts: ['%2Fvar%2Frun%2Fm.sock'] },
    'mongodb://%2Fvar%2FRun%2FM.sock/app': { hosts: ['%2Fvar%2FRun%2FM.sock'], db: 'app' },
    'mongodb://%2Fa b%2Fm.sock': { hosts: ['%2Fa%20b%2Fm.sock'] },
    'mongodb://run%2Fm.sock,10.0.0.1': { hosts: ['run%2Fm.sock', '10.0.0.1:27017'] },
    'mongodb://%2Fa.sock%2Fm.sock': { hosts: ['%2Fa.sock%2Fm.sock'] },
    'mongodb://u:p@%2Fm.sock/app?w=2': {
      hosts: ['%2Fm.sock'],
      username: 'u',
      w: '2',
      source: 'app',
    },
  },
  'who signs in': {
    'mongodb://carol:pw@a': { username: 'carol', password: 'pw', source: 'admin', db: 'test' },
    'mongodb://carol:pw@a/app': { username: 'carol', password: 'pw', source: 'app', db: 'app' },
    'mongodb://carol@a': { username: 'carol', password: undefined },
    'mongodb://carol:@a': { username: 'carol', password: undefined },
    'mongodb://%3Ac%40rol%2F:%25@a/my%2Bdb': { username: ':c@rol/', password: '%', db: 'my+db' },
    "mongodb://!$&'()*+,;=:!$&'()*+,;=@a/app": {
      username: "!$&'()*+,;=",
      password: "!$&'()*+,;=",
    },
    'mongodb://c:p@a/app?authSource=users': { source: 'users', db: 'app' },
    'mongodb://a/app?authSource=users': { username: undefined, source: undefined, db: 'app' },
    'mongodb://c:p@a/?replicaSet=r@s': { username: 'c', replicaSet: 'r@s' },
  },
  'how they sign in': {
    'mongodb://c:p@a/app?authMechanism=SCRAM-SHA-256': {
      mechanism: 'SCRAM-SHA-256',
      source: 'app',
    },
    'mongodb://c:p@a/?authMechanism=SCRAM-SHA-1&authSource=x': {
      mechanism: 'SCRAM-SHA-1',
      source: 'x',
    },
    'mongodb://c:p@a/?AUTHMECHANISM=PLAIN': { mechanism: 'PLAIN', source: '$external' },
    'mongodb://c:p@a/app?authMechanism=PLAIN': { mechanism: 'PLAIN', source: 'app' },
    'mongodb://CN%3Dme%2CO%3Dus@a/app?authMechanism=MONGODB-X509&tls=true': {
      mechanism: 'MONGODB-X509',
      username: 'CN=me,O=us',
      source: '$external',
    },
    'mongodb://a/?authMechanism=MONGODB-X509&tls=true': {
      mechanism: 'MONGODB-X509',
      username: undefined,
      source: '$external',
    },
    'mongodb://a/?authMechanism=MONGODB-OIDC&authMechanismProperties=ENVIRONMENT:k8s': {
      mechanism: 'MONGODB-OIDC',
      source: '$external',
    },
  },
  'the parameters': {
    'mongodb://a?tls=true': { tls: { trusting: false, authority: undefined, key: undefined } },
    'mongodb://a/?ssl=true&tls=true': {
      tls: { trusting: false, authority: undefined, key: undefined },
    },
    'mongodb://a/?tls=true&tlsCAFile=ca.pem&tlsCertificateKeyFile=key.pem': {
      tls: { authority: 'ca.pem', key: 'key.pem', trusting: false },
    },
    'mongodb+srv://a.b.c/?tls=false': { tls: false },
    'mongodb://a/?readConcernLevel=majority&w=5&wTimeoutMS=30&journal=false': {
      readConcernLevel: 'majority',
      w: '5',
      wtimeoutMS: '30',
      journal: 'false',
    },
    'mongodb://a/?w=ourOwn': { w: 'ourOwn' },
    'mongodb://a/?readPreference=nearest&readPreferenceTags=a:b,c:d&readPreferenceTags=a:b': {
      readPreference: 'nearest',
      readPreferenceTags: 'a:b,c:d a:b',
    },
    'mongodb://a/?readPreference=secondary&readPreferenceTags=a:B&maxStalenessSeconds=120': {
      readPreferenceTags: 'a:B',
      maxStalenessSeconds: '120',
    },
    'mongodb://a,b/?directConnection=false': { directConnection: 'false' },
    'mongodb://a/?loadBalanced=true&directConnection=false': { loadBalanced: 'true' },
    'mongodb://a/?serverMonitoringMode=stream': { serverMonitoringMode: 'stream' },
    'mongodb://a/?compressors=snappy,zlib&zlibCompressionLevel=9': {
      compressors: 'snappy,zlib',
      zlibCompressionLevel: '9',
    },
    'mongodb+srv://a.b.c/?srvServiceName=own&srvMaxHosts=2': {
      srvServiceName: 'own',
      srvMaxHosts: '2',
    },
    'mongodb+srv://a.b.c/?srvMaxHosts=0&replicaSet=rs': { srvMaxHosts: '0', replicaSet: 'rs' },
    'mongodb://a,b/?proxyHost=p&proxyPort=12&proxyUsername=u&proxyPassword=w': {
      proxyHost: 'p',
      proxyPort: '12',
      proxyUsername: 'u',
      proxyPassword: 'w',
    },
  },
}

const REFUSED = {
  'without the shape of one': [
    'mongo://a',
    'a:27017',
    'mongodb:///',
    'mongodb:///app',
    'mongodb:///tmp/m.sock',
    'mongodb://a::1',
    'mongodb://::',
    'mongodb://a,b::',
    'mongodb://a:-1',
    'mongodb://a:0',
    'mongodb://a:65536/',
    'mongodb://a:port',
    'mongodb://[::1]:0',
    'mongodb://[::1]:65536',
    'mongodb://[::1]:port',
    'mongodb+srv://a.b.c,d.e.f',
    'mongodb+srv://a.b.c:27017',
  ],
  'with credentials that are not encoded': [
    'mongodb://@a',
    'mongodb://:@a',
    'mongodb://c:p:w@a',
    'mongodb://c@@a',
    'mongodb://c@r:p@a',
    'mongodb://c/@a/app',
    'mongodb://c/r:p@a/app',
    'mongodb://c:p/w@a/app',
    'mongodb://c%xy:p@a',
    'mongodb://c%20%:p@a',
    'mongodb://c%w:p@a',
  ],
  'with another way to sign in than there is': [
    'mongodb://c:p@a/app?authSource=',
    'mongodb://a/?authMechanism=SCRAM-SHA-256',
    'mongodb://a/?authMechanism=PLAIN',
    'mongodb://c:p@a/?authMechanism=MONGODB-X509&tls=true',
    'mongodb://c@a/?authMechanism=MONGODB-X509&tls=true&authSource=users',
    'mongodb://c%40REALM@a/?authMechanism=GSSAPI',
    'mongodb://a/?authMechanism=MONGODB-AWS',
    'mongodb://a/?authMechanism=MONGODB-OIDC',
    'mongodb://c:p@a/?authMechanism=MONGODB-OIDC&authMechanismProperties=ENVIRONMENT:k8s',
    'mongodb://a/?authMechanism=MONGODB-OIDC&authMechanismProperties=ENVIRONMENT:azure',
    'mongodb://a/?authMechanism=MONGODB-OIDC&authMechanismProperties=OTHER:k8s',
    'mongodb://c:p@a/?authMechanismProperties=SERVICE_NAME:x',
  ],
  'with values that mean nothing': [
    'mongodb://a/?w',
    'mongodb://a/?maxIdleTimeMS=',
    'mongodb://a/?journal=',
    'mongodb://a/?journal=yes',
    'mongodb://a/?wTimeoutMS=-2',
    'mongodb://a/?connectTimeoutMS=soon',
    'mongodb://a/?heartbeatFrequencyMS=-2',
    'mongodb://a/?maxConnecting=0',
    'mongodb://a/?readPreferenceTags=none',
    'mongodb://a/?readPreference=secondary&maxStalenessSeconds=-2',
    'mongodb://a/?zlibCompressionLevel=10',
    'mongodb://a/?zlibCompressionLevel=-2',
    'mongodb://a/?loadBalanced=1',
    'mongodb://a/?serverMonitoringMode=other',
    'mongodb+srv://a.b.c/?srvMaxHosts=-1',
    'mongodb://a/?other=1',
    'mongodb://a/?fsync=ifPossible',
  ],
  'that contradict themselves': [
    'mongodb://a/?replicaSet=x&replicaSet=x',
    'mongodb://a/?wtimeout=5&wtimeoutMS=10',
    'mongodb://a/?tls=false&ssl=true',
    'mongodb://a/?tlsInsecure=true&tlsAllowInvalidCertificates=true&tls=true',
    'mongodb://a/?tlsInsecure=false&tlsAllowInvalidHostnames=false',
    'mongodb://a,b/?directConnection=true',
    'mongodb+srv://a.b.c/?directConnection=true',
    'mongodb://a,b/?loadBalanced=true',
    'mongodb://a/?loadBalanced=true&directConnection=true',
    'mongodb://a/?loadBalanced=true&replicaSet=rs',
    'mongodb+srv://a.b.c/?loadBalanced=true&replicaSet=rs',
    'mongodb://a/?srvServiceName=own',
    'mongodb://a/?srvMaxHosts=2',
    'mongodb+srv://a.b.c/?srvMaxHosts=2&replicaSet=rs',
    'mongodb+srv://a.b.c/?srvMaxHosts=2&loadBalanced=true',
    'mongodb://a/?proxyPort=12',
    'mongodb://a/?proxyUsername=u&proxyPassword=w',
    'mongodb://a/?proxyHost=p&proxyUsername=u',
    'mongodb://a/?proxyHost=p&proxyPassword=w',
    'mongodb://a/?proxyHost=p&proxyHost=q',
    'mongodb://%2Fm.sock/?proxyHost=p',
  ],
}

describe('a connection string says', () => {
  for (const [what, meanings] of Object.entries(MEANINGS)) {
    it(what, () => {
      for (const [uri, expected] of Object.entries(meanings)) assertMeans(uri, expected)
    })
  }
})

describe('connection strings are refused', () => {
  for (const [what, uris] of Object.entries(REFUSED)) {
    it(what, () => {
      for (const uri of uris) assertRefused(uri)
    })
  }
})
