'use strict'

const { optionsError } = require('../errors')
const { SETTINGS } = require('./settings')

/**
 * Where a MongoDB is and how to sign in there, as a connection string would say it: `base` is the
 * string up to its parameters, with the credentials; `settings` are the parameters. `serverApi` has
 * no place in a connection string.
 * @typedef {object} Found
 * @property {string} base
 * @property {Record<string, any>} settings
 * @property {string} db
 * @property {{ version: string, strict?: boolean, deprecationErrors?: boolean }} [serverApi]
 */

// What a MongoClient may be told that only Node can do. Pool sizes, time-outs, compression, read
// preference and the like are the application's own and are neither taken over nor refused.
const NODE_ONLY = [
  'autoEncryption',
  'localAddress',
  'localPort',
  'lookup',
  'proxyHost',
  'srvAllowedHostsSuffix',
  'srvHostValidator',
]
const NODE_ONLY_TLS = [
  'allowPartialTrustChain',
  'ALPNProtocols',
  'ciphers',
  'crl',
  'ecdhCurve',
  'minDHSize',
  'pfx',
  'secureContext',
  'secureProtocol',
  'servername',
  'tlsCRLFile',
]

/**
 * The address that a MongoClient of the Node driver (4 to 7) connects to.
 * @param {any} client
 * @param {{ db?: string, writeConcern?: any }} [own] what its Db or Connection says differently
 * @returns {Found}
 */
function readClient(client, own = {}) {
  const { options } = client
  if (!isReadable(options)) {
    throw optionsError(
      'the connection cannot be read: it needs Mongoose 6 to 9 or mongodb 4 to 7; ' +
        'pass a connection string instead',
    )
  }
  for (const name of NODE_ONLY) {
    refuseIf(isSet(options[name]), name)
  }
  const credentials = readCredentials(options)
  const settings = {
    ...credentials.settings,
    ...readTopology(options),
    ...readTls(options),
    ...readWriteConcern(own.writeConcern ?? options.writeConcern),
  }
  return {
    base: `${credentials.base}${credentials.path}`,
    settings,
    db: own.db ?? options.dbName ?? 'test',
    serverApi: options.serverApi,
  }
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
 * @param {boolean} condition
 * @param {string} name
 */
function refuseIf(condition, name) {
  if (condition) {
    throw optionsError(
      `the connection's setting '${name}' cannot be taken over by the store's own client; ` +
        'pass a connection string instead',
    )
  }
}

/** @param {any} options */
function readCredentials(options) {
  const { username, password, source, mechanism, mechanismProperties } = options.credentials ?? {}
  const scheme = options.srvHost ? 'mongodb+srv://' : 'mongodb://'
  const hosts = options.srvHost ?? options.hosts.map(readHost).join(',')
  /** @type {Record<string, any>} */
  const settings = {}
  let user = ''
  let path = '/'
  if (username) {
    user = `${encode(username)}${password ? `:${encode(password)}` : ''}@`
  }
  if (isSet(mechanism) && mechanism !== 'DEFAULT') {
    const oidc = mechanism === 'MONGODB-OIDC'
    const known = SETTINGS.authMechanism.kind.read(mechanism) !== undefined
    refuseIf(
      !known || (oidc && mechanismProperties?.ENVIRONMENT !== 'k8s'),
      `authMechanism ${mechanism}`,
    )
    settings.authMechanism = mechanism
    if (oidc) {
      settings.authMechanismProperties = 'ENVIRONMENT:k8s'
    }
  }
  if (user !== '' || settings.authMechanism !== undefined) {
    if (options.srvHost && !options.userSpecifiedAuthSource && source !== '$external') {
      // The DNS may name another one; as the path it is what holds if the DNS names none.
      path = `/${encode(source)}`
    } else {
      take(settings, 'authSource', source)
    }
  }
  return { base: `${scheme}${user}${hosts}`, path, settings }
}

/** @param {any} host a HostAddress of the driver */
function readHost({ host, port, socketPath }) {
  if (socketPath) {
    refuseIf(!socketPath.endsWith('.sock'), 'host (a socket whose name does not end in .sock)')
    return encode(socketPath)
  }
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
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
function readTls(options) {
  /** @type {Record<string, any>} */
  const settings = {}
  if (!options.tls) {
    // A mongodb+srv:// string would turn it on, and files for it would too.
    return options.srvHost ? { tls: false } : settings
  }
  for (const name of NODE_ONLY_TLS) {
    refuseIf(isSet(options[name]), name)
  }
  refuseIf(isSet(options.passphrase), 'tlsCertificateKeyFilePassword')
  settings.tls = true
  // The driver reads the files itself as it connects, versions 4 and 5 without keeping their names.
  takeFile(settings, options, 'tlsCAFile', ['ca'])
  takeFile(settings, options, 'tlsCertificateKeyFile', ['cert', 'key'])
  if (options.rejectUnauthorized === false) {
    take(settings, 'tlsAllowInvalidCertificates', true)
  } else {
    refuseIf(isSet(options.checkServerIdentity), 'checkServerIdentity (tlsAllowInvalidHostnames)')
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
    refuseIf(isSet(options[name]), `${name} (${file})`)
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
  const read = SETTINGS[name].kind.read(value)
  refuseIf(read === undefined, name)
  settings[name] = read
}

/** @param {string} text */
function encode(text) {
  // As the Node driver sends it: a lone surrogate has no form in UTF-8.
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd'))
}

module.exports = { readClient }
