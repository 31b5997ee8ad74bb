'use strict'

const kinds = require('./kinds')
const { optionsError } = require('../errors')
const { nearest } = require('./nearest')

const { text, flag, whole, oneOf } = kinds

/** @typedef {import('./kinds').Kind} Kind */

/**
 * An option of the store.
 *
 * `uri`: a connection string can say it too. `sent`: it goes to the driver, in the connection
 * string. `split`: it stands for several others, which `split` returns.
 * @typedef {object} Setting
 * @property {Kind} kind
 * @property {any} [default]
 * @property {boolean} [uri]
 * @property {boolean} [sent]
 * @property {(value: any) => Record<string, any>} [split]
 */

/** @param {Kind} kind @param {any} [fallback] @returns {Setting} */
const own = (kind, fallback) => ({ kind, default: fallback })

/** @param {Kind} kind @param {any} [fallback] @returns {Setting} */
const driver = (kind, fallback) => ({ kind, default: fallback, uri: true, sent: true })

/** @param {Kind} kind @returns {Setting} */
const limit = (kind) => ({ kind, uri: true })

const anything = kinds.kind('given', (value) => value)

/** Every option, what it must be and what it is when nobody says. */
const SETTINGS = /** @type {Record<string, Setting>} */ ({
  connection: own(anything),
  collection: own(kinds.collectionName, 'sessions'),
  expires: own(kinds.seconds),
  name: own(text, 'Session'),
  db: own(kinds.databaseName),
  bson: own(kinds.bson),
  touchAfter: own(kinds.secondsOrNone, 0),

  // How long an operation may take as a whole. The driver has no such limit, nor the two below it,
  // which are limits on parts of an operation: see `timeLimit` in options.js.
  timeoutMS: limit(whole(1)),
  socketTimeoutMS: limit(whole(0)),
  waitQueueTimeoutMS: limit(whole(0)),

  appName: driver(kinds.appName),
  authMechanism: driver(
    oneOf(['SCRAM-SHA-1', 'SCRAM-SHA-256', 'MONGODB-X509', 'PLAIN', 'MONGODB-OIDC']),
  ),
  authMechanismProperties: driver(kinds.properties),
  authSource: driver(text),
  connectTimeoutMS: driver(whole(0), 5000),
  directConnection: driver(flag),
  enableOverloadRetargeting: driver(flag),
  heartbeatFrequencyMS: driver(whole(500)),
  journal: driver(flag),
  loadBalanced: driver(flag),
  localThresholdMS: driver(whole(0)),
  maxAdaptiveRetries: driver(whole(0)),
  maxConnecting: driver(whole(1)),
  maxIdleTimeMS: driver(whole(0), 120_000),
  maxPoolSize: driver(whole(1)),
  maxStalenessSeconds: driver(whole(-1)),
  minPoolSize: driver(whole(0)),
  readConcernLevel: driver(oneOf(['local', 'available', 'majority', 'linearizable', 'snapshot'])),
  readPreference: {
    ...driver(oneOf(['primary', 'primaryPreferred', 'secondary', 'secondaryPreferred', 'nearest'])),
    split: splitReadPreference,
  },
  readPreferenceTags: driver(kinds.tagSets),
  replicaSet: driver(text),
  retryReads: driver(flag),
  retryWrites: driver(flag),
  serverMonitoringMode: driver(oneOf(['auto', 'poll', 'stream'])),
  serverSelectionTimeoutMS: driver(whole(1), 10000),
  srvMaxHosts: driver(whole(0)),
  srvServiceName: driver(text),
  tls: driver(flag),
  tlsAllowInvalidCertificates: driver(flag),
  tlsCAFile: driver(text),
  tlsCertificateKeyFile: driver(text),
  tlsInsecure: driver(flag),
  // A failover takes back what a majority does not have, and with it what was acknowledged.
  w: driver(kinds.w, 'majority'),
  wtimeoutMS: driver(whole(0)),

  readConcern: { kind: anything, split: splitReadConcern },
  writeConcern: { kind: anything, split: splitWriteConcern },
})

/** Other names for the same, as the Node driver accepts them. */
const ALIASES = /** @type {Record<string, string>} */ ({
  ssl: 'tls',
  j: 'journal',
  wtimeout: 'wtimeoutMS',
})

/** What other drivers know and this store refuses, since it could only ignore it. */
const REFUSED = /** @type {Record<string, string>} */ ({
  compressors: 'the store does not compress what it sends',
  zlibCompressionLevel: 'the store does not compress what it sends',
  tlsCertificateKeyFilePassword: 'the key file must not be encrypted',
  tlsAllowInvalidHostnames: 'the host name of a certificate is always checked, unless tlsInsecure',
  tlsDisableOCSPEndpointCheck: 'the store does not ask whether a certificate was revoked',
  tlsDisableCertificateRevocationCheck: 'the store does not ask whether a certificate was revoked',
  tlsCRLFile: 'the store does not ask whether a certificate was revoked',
  proxyHost: 'the store does not connect through a proxy',
  proxyPort: 'the store does not connect through a proxy',
  proxyUsername: 'the store does not connect through a proxy',
  proxyPassword: 'the store does not connect through a proxy',
  gssapiServiceName: 'the store cannot sign in with GSSAPI',
  uuidRepresentation: 'the store writes UUIDs in the standard form only',
})

/** @type {Map<string, string>} */
const BY_LOWER_CASE = new Map()
for (const name of [...Object.keys(SETTINGS), ...Object.keys(REFUSED)]) {
  BY_LOWER_CASE.set(name.toLowerCase(), name)
}
for (const [alias, name] of Object.entries(ALIASES)) {
  BY_LOWER_CASE.set(alias.toLowerCase(), name)
}

/**
 * The setting that a parameter of a connection string is, whatever its case; undefined if none.
 * @param {string} parameter
 */
function uriName(parameter) {
  const name = BY_LOWER_CASE.get(parameter.toLowerCase())
  return name !== undefined && (SETTINGS[name]?.uri || Object.hasOwn(REFUSED, name))
    ? name
    : undefined
}

/** What a connection string can say. */
function uriNames() {
  return Object.keys(SETTINGS).filter((name) => SETTINGS[name].uri)
}

/** @param {string} name */
function refuse(name) {
  if (Object.hasOwn(REFUSED, name)) {
    throw optionsError(`option '${name}' is not supported: ${REFUSED[name]}`)
  }
}

/**
 * Checks one option and adds it to `settings`, in the store's own form.
 * @param {Record<string, any>} settings
 * @param {string} name
 * @param {unknown} value
 */
function addOption(settings, name, value) {
  if (!Object.hasOwn(SETTINGS, name)) {
    refuse(name)
    const alias = Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined
    const meant = alias ?? nearest(name, Object.keys(SETTINGS))
    throw optionsError(
      `unknown option '${name}'${meant === undefined ? '' : `; did you mean '${meant}'?`}`,
    )
  }
  const { split } = SETTINGS[name]
  if (split && (typeof value === 'object' || !SETTINGS[name].sent)) {
    for (const [part, inner] of Object.entries(split(value))) {
      settings[part] = checked(part, inner, 'read', `${name}: `)
    }
    return
  }
  settings[name] = checked(name, value, 'read')
}

/**
 * @param {string} name
 * @param {any} value
 * @param {'read' | 'parse'} how
 * @param {string} [where]
 */
function checked(name, value, how, where = '') {
  const { kind } = SETTINGS[name]
  const read = kind[how](value)
  if (read === undefined) {
    throw optionsError(`${where}option '${name}' must be ${kind.expected}`)
  }
  return read
}

/**
 * @param {any} value
 * @returns {Record<string, any>}
 */
function splitWriteConcern(value) {
  if (!kinds.isRecord(value)) {
    return { w: value }
  }
  return fields('writeConcern', value, {
    w: 'w',
    j: 'journal',
    journal: 'journal',
    wtimeout: 'wtimeoutMS',
    wtimeoutMS: 'wtimeoutMS',
  })
}

/**
 * @param {any} value
 * @returns {Record<string, any>}
 */
function splitReadConcern(value) {
  return kinds.isRecord(value)
    ? fields('readConcern', value, { level: 'readConcernLevel' })
    : { readConcernLevel: value }
}

/**
 * @param {any} value
 * @returns {Record<string, any>}
 */
function splitReadPreference(value) {
  return kinds.isRecord(value)
    ? fields('readPreference', value, {
        mode: 'readPreference',
        tags: 'readPreferenceTags',
        maxStalenessSeconds: 'maxStalenessSeconds',
      })
    : { readPreference: value }
}

/**
 * The fields of an object under the names that a connection string has for them.
 * @param {string} option
 * @param {Record<string, unknown>} object
 * @param {Record<string, string>} names
 */
function fields(option, object, names) {
  const given = Object.entries(object).filter(([, value]) => value !== undefined)
  return Object.fromEntries(
    given.map(([field, value]) => {
      if (!Object.hasOwn(names, field)) {
        throw optionsError(
          `option '${option}' has no field '${field}', only ${Object.keys(names).join(', ')}`,
        )
      }
      return [names[field], value]
    }),
  )
}

module.exports = { SETTINGS, uriName, uriNames, refuse, addOption, checked }
