'use strict'

const keys = require('./keys')
const kinds = require('./kinds')
const { optionsError } = require('../errors')
const { saidBy } = require('./given')
const { ALIASES, unknownOption } = require('./names')

const { text, flag, whole, oneOf } = kinds

/** @typedef {import('./kinds').Kind} Kind */

/**
 * An option of the store.
 *
 * `uri`: a connection string can say it too. `sent`: it goes to the driver, in the connection
 * string, as what this makes of it (undefined: not at all). `split`: it stands for several others,
 * which `split` returns.
 * @typedef {object} Setting
 * @property {Kind} kind
 * @property {any} [default]
 * @property {boolean} [uri]
 * @property {(value: any) => any} [sent]
 * @property {(value: any) => Record<string, any>} [split]
 */

/** @param {Kind} kind @param {any} [fallback] @returns {Setting} */
const own = (kind, fallback) => ({ kind, default: fallback })

/** @param {Kind} kind @param {any} [fallback] @param {(value: any) => any} [sent] @returns {Setting} */
const driver = (kind, fallback, sent = (value) => value) => ({
  kind,
  default: fallback,
  uri: true,
  sent,
})

/** @param {Kind} kind @returns {Setting} */
const taken = (kind) => ({ kind, uri: true })

const anything = kinds.kind('given', (value) => value)

/** `false` asks for nothing, and Rust's driver would turn TLS on for it. */
const onlyTrue = (/** @type {boolean} */ value) => value || undefined

const NO_LIMIT = 2 ** 31 - 1

const ENDLESS = ': without a limit, a request would wait for as long as MongoDB is silent'

/** What the addon is built with: Rust's driver refuses the others. */
const BUILT_IN = ['snappy', 'zlib']

/**
 * A server takes the first of them that it knows, or none: to offer fewer is no harm.
 * @param {string} words
 */
function offered(words) {
  return (
    words
      .split(',')
      .filter((word) => BUILT_IN.includes(word))
      .join(',') || undefined
  )
}

/** Every option, what it must be and what it is when nobody says. */
const SETTINGS = /** @type {Record<string, Setting>} */ ({
  connection: own(anything),
  collection: own(kinds.collectionName, 'sessions'),
  expires: own(kinds.seconds),
  name: own(text, 'Session'),
  db: own(kinds.databaseName),
  bson: own(kinds.bson),
  touchAfter: own(kinds.secondsOrNone, 0),
  autoRemove: own(oneOf(['native', 'interval', 'disabled']), 'native'),
  autoRemoveInterval: own(kinds.minutes, 10),
  timestamps: own(flag, false),
  indexes: own(kinds.paths, []),
  encryption: own(keys.encryption),
  hashIds: own(keys.hashIds),

  // How long an operation may take as a whole. The driver has no such limit, nor the two below it,
  // which are limits on parts of an operation: see `timeLimit` in options.js.
  timeoutMS: taken(whole(1, NO_LIMIT, ENDLESS)),
  socketTimeoutMS: taken(whole(0)),
  waitQueueTimeoutMS: taken(whole(0)),

  appName: driver(kinds.appName),
  authMechanism: driver(
    kinds.mechanism([
      'DEFAULT',
      'SCRAM-SHA-1',
      'SCRAM-SHA-256',
      'MONGODB-X509',
      'PLAIN',
      'MONGODB-OIDC',
    ]),
  ),
  authMechanismProperties: driver(kinds.properties),
  authSource: driver(text),
  compressors: driver(kinds.compressors, undefined, offered),
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
  maxPoolSize: driver(whole(0), undefined, (most) => most || NO_LIMIT),
  maxStalenessSeconds: driver(whole(-1)),
  minPoolSize: driver(whole(0)),
  proxyHost: driver(text),
  proxyPassword: driver(text),
  proxyPort: driver(whole(1, 65535)),
  proxyUsername: driver(text),
  readConcernLevel: driver(oneOf(['local', 'available', 'majority', 'linearizable', 'snapshot'])),
  readPreference: {
    ...driver(oneOf(['primary', 'primaryPreferred', 'secondary', 'secondaryPreferred', 'nearest'])),
    split: splitReadPreference,
  },
  readPreferenceTags: driver(kinds.tagSets),
  replicaSet: driver(text),
  retryReads: driver(flag),
  retryWrites: driver(flag),
  serverApi: own(kinds.serverApi),
  serverMonitoringMode: driver(oneOf(['auto', 'poll', 'stream'])),
  serverSelectionTimeoutMS: driver(whole(1, NO_LIMIT, ENDLESS), 10000),
  srvMaxHosts: driver(whole(0)),
  srvServiceName: driver(text),
  tls: driver(flag),
  tlsAllowInvalidCertificates: driver(flag, undefined, onlyTrue),
  tlsAllowInvalidHostnames: taken(kinds.hostnamesChecked),
  tlsCAFile: driver(text),
  tlsCertificateKeyFile: driver(text),
  tlsInsecure: driver(flag, undefined, onlyTrue),
  uuidRepresentation: taken(oneOf(['standard'])),
  // A failover takes back what a majority does not have, and with it what was acknowledged.
  w: driver(kinds.w, 'majority'),
  wtimeoutMS: driver(whole(0)),
  zlibCompressionLevel: driver(whole(-1, 9)),

  readConcern: { kind: anything, split: splitReadConcern },
  writeConcern: { kind: anything, split: splitWriteConcern },
})

/** What a connection string can say, by its name in lower case. @type {Map<string, string>} */
const PARAMETERS = new Map([['dbname', 'db']])
for (const name of uriNames()) {
  PARAMETERS.set(name.toLowerCase(), name)
}
for (const [alias, name] of Object.entries(ALIASES)) {
  PARAMETERS.set(alias.toLowerCase(), name)
}

/**
 * The setting that a parameter of a connection string is, whatever its case; undefined if none.
 * @param {string} parameter
 */
function uriName(parameter) {
  return PARAMETERS.get(parameter.toLowerCase())
}

/** What a connection string can say. */
function uriNames() {
  return Object.keys(SETTINGS).filter((name) => SETTINGS[name].uri)
}

/**
 * Checks one option and adds it to `settings`, in the store's own form.
 * @param {Record<string, any>} settings
 * @param {string} name
 * @param {unknown} value
 */
function addOption(settings, name, value) {
  if (!Object.hasOwn(SETTINGS, name)) {
    throw optionsError(unknownOption(name, Object.keys(SETTINGS)))
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
    // All that a connection string says is a string.
    const given = how === 'read' ? `; given was ${kinds.describe(value)}` : ''
    throw optionsError(`${where}option '${name}' must be ${kind.expected}${given}`)
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
  return Object.fromEntries(
    saidBy(object, Object.keys(names)).map(([field, value]) => {
      if (!Object.hasOwn(names, field)) {
        throw optionsError(
          `option '${option}' has no field '${field}', only ${Object.keys(names).join(', ')}`,
        )
      }
      return [names[field], value]
    }),
  )
}

module.exports = { SETTINGS, uriName, uriNames, addOption, checked }
