'use strict'

const kinds = require('./kinds')
const { optionsError } = require('../errors')
const { SETTINGS } = require('./settings')
const { asciiOf } = require('./uri')

/**
 * Where a MongoDB is and how to sign in there: what a connection string says, and what it cannot.
 * @typedef {import('./uri').Uri & {
 *   db: string,
 *   serverApi?: { version: string, strict?: boolean, deprecationErrors?: boolean },
 * }} Found
 */

const STRING = 'pass a connection string instead'

/** Node's own ways around DNS and sockets, which a connection string does without. */
const NODE_ONLY = /** @type {Record<string, string>} */ ({
  autoEncryption: `${STRING}, for sessions that the driver does not encrypt`,
  lookup: `${STRING}: the store asks the system for addresses`,
  localAddress: 'the store does not choose the address that it connects from',
  localPort: 'the store does not choose the port that it connects from',
  srvAllowedHostsSuffix: 'the store takes only hosts under the domain of the mongodb+srv:// name',
  srvHostValidator: 'the store takes only hosts under the domain of the mongodb+srv:// name',
})

const REVOKED = 'the store does not ask whether a certificate was revoked'
const OWN_TLS = 'the store has TLS of its own, 1.2 and 1.3, with the usual ciphers'

/** By the names that a MongoClient has for them once it was made. */
const NODE_ONLY_TLS = /** @type {Record<string, string>} */ ({
  allowPartialTrustChain: 'the authority in tlsCAFile must be the one at the end of the chain',
  ALPNProtocols: OWN_TLS,
  ciphers: OWN_TLS,
  crl: REVOKED,
  ecdhCurve: OWN_TLS,
  minDHSize: OWN_TLS,
  passphrase:
    '(tlsCertificateKeyFilePassword) the key file must not be encrypted ' +
    '(openssl pkey -in key.pem -out plain.pem)',
  pfx: `${STRING}, with the certificate and its key as a PEM file in tlsCertificateKeyFile`,
  secureContext: `${STRING}, with the files in tlsCAFile and tlsCertificateKeyFile`,
  secureProtocol: OWN_TLS,
  servername: 'the store asks for the certificate of the host that it connects to',
  tlsCRLFile: REVOKED,
})

/**
 * The address that a MongoClient of the Node driver (4 to 7) connects to. Pool sizes, time-outs,
 * monitoring, compression, read preference and the like are the application's own, and are neither
 * taken over nor refused.
 * @param {any} client
 * @param {{ db?: string, writeConcern?: any }} [own] what its Db or Connection says differently
 * @returns {Found}
 */
function readClient(client, own = {}) {
  const { options } = client
  if (!isReadable(options)) {
    throw optionsError(
      `the connection cannot be read: it needs Mongoose 6 to 9 or mongodb 4 to 7; ${STRING}`,
    )
  }
  refuse(options, NODE_ONLY)
  const { settings, ...signIn } = readCredentials(options)
  const { srvHost } = options
  return {
    srv: isSet(srvHost),
    hosts: isSet(srvHost) ? [readName(srvHost)] : options.hosts.map(readHost),
    ...signIn,
    settings: {
      ...settings,
      ...readTopology(options),
      ...readProxy(options),
      ...readTls(options),
      ...readWriteConcern(own.writeConcern ?? options.writeConcern),
    },
    db: own.db ?? options.dbName ?? 'test',
    serverApi: options.serverApi,
  }
}

/** @param {any} db version 4 of the driver has it in `s` only */
function clientOf(db) {
  return db?.client ?? db?.s?.client
}

/** @param {any} options */
function isReadable(options) {
  return (
    typeof options === 'object' &&
    options !== null &&
    (typeof options.srvHost === 'string' || (Array.isArray(options.hosts) && options.hosts.length))
  )
}

/** @param {unknown} value */
function isSet(value) {
  return value !== undefined && value !== null && value !== false
}

/**
 * @param {string} setting
 * @param {string} why
 */
function refusal(setting, why) {
  return optionsError(`the connection's setting '${setting}' cannot be taken over: ${why}`)
}

/**
 * @param {any} options
 * @param {Record<string, string>} reasons
 */
function refuse(options, reasons) {
  for (const [name, why] of Object.entries(reasons)) {
    if (isSet(options[name])) {
      throw refusal(name, why)
    }
  }
}

/** @param {any} options */
function readCredentials(options) {
  const { username, password, source, mechanism, mechanismProperties } = options.credentials ?? {}
  const settings = readMechanism(mechanism, mechanismProperties)
  if (!username && settings.authMechanism === undefined) {
    return { settings }
  }
  // Where nobody said it, the DNS may name another one.
  const open = options.srvHost && !options.userSpecifiedAuthSource && source !== '$external'
  if (!open) {
    take(settings, 'authSource', source)
  }
  return {
    username: username ? sendable(username) : undefined,
    password: password ? sendable(password) : undefined,
    path: open ? source : undefined,
    settings,
  }
}

/**
 * @param {string | undefined} mechanism
 * @param {any} properties
 * @returns {Record<string, any>}
 */
function readMechanism(mechanism, properties) {
  if (!isSet(mechanism) || mechanism === 'DEFAULT') {
    return {}
  }
  const setting = `authMechanism ${mechanism}`
  const { kind } = SETTINGS.authMechanism
  const authMechanism = kind.read(mechanism)
  if (authMechanism === undefined) {
    throw refusal(setting, `the store signs in by ${kind.expected}`)
  }
  if (authMechanism !== 'MONGODB-OIDC') {
    return { authMechanism }
  }
  const environment = properties?.ENVIRONMENT
  if (environment !== 'k8s') {
    throw refusal(
      setting,
      environment === undefined
        ? `its callback can only be called by Node; ${STRING}, with another way to sign in`
        : 'the store signs in so only with the ENVIRONMENT k8s',
    )
  }
  return { authMechanism, authMechanismProperties: 'ENVIRONMENT:k8s' }
}

/** @param {any} host a HostAddress of the driver */
function readHost({ host, port, socketPath }) {
  if (socketPath) {
    if (!socketPath.endsWith('.sock')) {
      throw refusal('host', 'the name of a socket must end in .sock')
    }
    return encodeURIComponent(sendable(socketPath))
  }
  return `${host.includes(':') ? `[${host}]` : readName(host)}:${port}`
}

/** @param {string} name */
function readName(name) {
  const ascii = asciiOf(name)
  if (ascii === '') {
    throw refusal('host', 'it is no name that DNS can have')
  }
  return ascii
}

/** @param {any} options */
function readTopology(options) {
  /** @type {Record<string, any>} */
  const settings = {}
  if (options.appName) {
    take(settings, 'appName', options.appName)
  }
  if (options.replicaSet && (!options.srvHost || options.userSpecifiedReplicaSet)) {
    take(settings, 'replicaSet', options.replicaSet)
  }
  for (const name of ['directConnection', 'loadBalanced']) {
    if (options[name] === true) {
      take(settings, name, true)
    }
  }
  if (options.retryWrites === false) {
    // What is said of servers that cannot do it.
    take(settings, 'retryWrites', false)
  }
  if (options.srvHost) {
    for (const name of ['srvMaxHosts', 'srvServiceName']) {
      if (options[name]) {
        take(settings, name, options[name])
      }
    }
  }
  return settings
}

/** @param {any} options */
function readProxy(options) {
  /** @type {Record<string, any>} */
  const settings = {}
  for (const name of ['proxyHost', 'proxyPort', 'proxyUsername', 'proxyPassword']) {
    if (options[name]) {
      take(settings, name, options[name])
    }
  }
  return settings
}

/** @param {any} options */
function readTls(options) {
  /** @type {Record<string, any>} */
  const settings = {}
  if (!options.tls) {
    // A mongodb+srv:// string would turn it on, and files for it would too.
    return options.srvHost ? { tls: false } : settings
  }
  refuse(options, NODE_ONLY_TLS)
  settings.tls = true
  // The driver reads the files itself as it connects, versions 4 and 5 without keeping their names.
  takeFile(settings, options, 'tlsCAFile', ['ca'])
  takeFile(settings, options, 'tlsCertificateKeyFile', ['cert', 'key'])
  if (options.rejectUnauthorized === false) {
    take(settings, 'tlsAllowInvalidCertificates', true)
  } else if (isSet(options.checkServerIdentity)) {
    throw refusal(
      'checkServerIdentity',
      '(tlsAllowInvalidHostnames) the store checks the host name of each certificate that it ' +
        'checks; tlsAllowInvalidCertificates checks neither',
    )
  }
  return settings
}

/**
 * @param {Record<string, any>} settings
 * @param {any} options
 * @param {string} file
 * @param {string[]} contents
 */
function takeFile(settings, options, file, contents) {
  if (options[file]) {
    take(settings, file, options[file])
    return
  }
  for (const name of contents) {
    if (isSet(options[name])) {
      throw refusal(name, `${STRING}, with a PEM file in ${file}`)
    }
  }
}

/**
 * Not checked yet: the store's own options may say otherwise.
 * @param {any} writeConcern
 * @returns {Record<string, any>}
 */
function readWriteConcern(writeConcern) {
  const { w, j, journal, fsync, wtimeout, wtimeoutMS } = writeConcern ?? {}
  return { w, journal: journal ?? j ?? fsync, wtimeoutMS: wtimeoutMS ?? wtimeout }
}

/**
 * @param {Record<string, any>} settings
 * @param {string} name
 * @param {unknown} value
 */
function take(settings, name, value) {
  const { kind } = SETTINGS[name]
  const read = kind.read(value)
  if (read === undefined) {
    throw refusal(name, `it must be ${kind.expected}; it is ${kinds.describe(value)}`)
  }
  settings[name] = read
}

/** @param {string} text as the Node driver sends it: a lone surrogate has no form in UTF-8 */
function sendable(text) {
  return text.replace(/\p{Surrogate}/gu, '\ufffd')
}

module.exports = { clientOf, readClient }
