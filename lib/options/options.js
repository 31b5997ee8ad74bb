'use strict'

const { optionsError } = require('../errors')
const { readConnection } = require('./connection')
const { inheritedBy, looking, saidBy } = require('./given')
const { describe, isRecord } = require('./kinds')
const { SETTINGS, addOption, checked } = require('./settings')
const { formatUri } = require('./uri')

/** @typedef {import('./client').Found} Found */

/**
 * What the Rust side connects to. `uri` holds everything that a connection string can say, `db` is
 * the database of the sessions.
 * @typedef {{ uri: string, db: string, serverApi: Found['serverApi'] }} Address
 */

/**
 * The constructor's options, checked. No password is in a field, where it would show when printed.
 * @typedef {object} Options
 * @property {import('./connection').Source<Address>} source
 * @property {() => unknown} bson what exports the classes that values come back as; undefined if
 *   that is this package's own `bson`
 * @property {string} collection
 * @property {number | undefined} expires in seconds
 * @property {string} name
 * @property {number} touchAfter in seconds
 * @property {'native' | 'interval' | 'disabled'} autoRemove
 * @property {number} autoRemoveInterval in minutes
 * @property {boolean} timestamps
 * @property {string[]} indexes paths in a session
 * @property {import('./keys').Keys | undefined} encryption
 * @property {import('./keys').Keys | undefined} hashIds
 * @property {number} timeoutMS the time that an operation may take as a whole
 * @property {number} serverSelectionTimeoutMS
 */

const DEFAULTS = Object.fromEntries(
  Object.entries(SETTINGS)
    .filter(([, setting]) => setting.default !== undefined)
    .map(([name, setting]) => [name, setting.default]),
)

/** The mechanisms whose users are not in a database. */
const EXTERNAL = new Set(['MONGODB-X509', 'MONGODB-OIDC'])

/** What is for nothing without TLS. */
const OF_TLS = ['tlsCAFile', 'tlsCertificateKeyFile', 'tlsInsecure', 'tlsAllowInvalidCertificates']

/**
 * @param {any} options
 * @returns {Options}
 */
function readOptions(options) {
  if (options === undefined) {
    throw optionsError('SessionStore takes an object of options: { connection, … }')
  }
  const given = looking('the options', () => readGiven(options))
  const own = { ...DEFAULTS, ...given }
  const { connection, collection, expires, name, db, touchAfter } = own
  const { autoRemove, autoRemoveInterval, timestamps, indexes, encryption, hashIds } = own
  if (given.autoRemoveInterval !== undefined && autoRemove !== 'interval') {
    throw optionsError("option 'autoRemoveInterval' is for nothing without autoRemove 'interval'")
  }
  if (touchAfter >= expires) {
    throw optionsError(
      `option 'touchAfter' must be less than 'expires': a session would end before it is touched`,
    )
  }
  const found = readConnection(connection, { name, collection, db, timestamps })
  const source = withSettings(found, given)
  source.address() // an error that can be seen now is thrown now
  const { timeoutMS, serverSelectionTimeoutMS } = decide(given, known(found.address()))
  const bson = () => given.bson ?? found.bson()
  const limits = { timeoutMS, serverSelectionTimeoutMS }
  const removal = { autoRemove, autoRemoveInterval }
  const stored = { collection, expires, touchAfter, timestamps, indexes, ...removal }
  const hidden = { encryption, hashIds }
  return { source, bson, name, ...stored, ...hidden, ...limits }
}

/** @param {unknown} options */
function readGiven(options) {
  if (!isRecord(options)) {
    throw optionsError(
      `SessionStore takes an object of options: { connection, … }; given was ${describe(options)}`,
    )
  }
  /** @type {Record<string, any>} */
  const given = {}
  const entries = saidBy(options, [...Object.keys(SETTINGS), ...inheritedBy(options)])
  // Options that stand for several come first: what is given by its own name overrules them.
  entries.sort(([a], [b]) => Number(isComposite(b)) - Number(isComposite(a)))
  for (const [name, value] of entries) {
    addOption(given, name, value)
  }
  return given
}

/** @param {string} name */
function isComposite(name) {
  return Object.hasOwn(SETTINGS, name) && SETTINGS[name].split !== undefined
}

/**
 * @template Address
 * @param {Address | 'opening' | undefined} address
 */
function known(address) {
  return address === 'opening' ? undefined : address
}

/**
 * @param {import('./connection').Source<Found>} source
 * @param {Record<string, any>} given
 * @returns {import('./connection').Source<Address>}
 */
function withSettings(source, given) {
  return {
    ...source,
    address: () => {
      const found = source.address()
      return found === undefined || found === 'opening' ? found : complete(given, found)
    },
  }
}

/**
 * @param {Record<string, any>} given
 * @param {Found} found
 * @returns {Address}
 */
function complete(given, found) {
  const settings = decide(given, found)
  checkTls(settings, found)
  const signIn = withAuthSource(settings, found)
  return {
    uri: formatUri({ ...found, path: signIn.path }, signIn.settings),
    db: found.db,
    serverApi: given.serverApi ?? found.serverApi,
  }
}

/**
 * The database to sign in to is said by name, except where DNS may name another one: what stands in
 * the path of a mongodb+srv:// string holds only if DNS names none.
 * @param {Record<string, any>} settings
 * @param {Found} found
 * @returns {{ settings: Record<string, any>, path?: string }}
 */
function withAuthSource(settings, { srv, username, path }) {
  const { authMechanism, authSource } = settings
  if (username === undefined && authMechanism === undefined) {
    return { settings }
  }
  if (EXTERNAL.has(authMechanism)) {
    return { settings: { ...settings, authSource: authSource ?? '$external' } }
  }
  if (authSource !== undefined || path === undefined) {
    return { settings }
  }
  // Not everything that is a database to sign in to may stand in a path.
  return srv && SETTINGS.db.kind.read(path) !== undefined
    ? { settings, path }
    : { settings: { ...settings, authSource: path } }
}

/**
 * Everything that is set: by the store's options, else by the connection, else by default.
 * @param {Record<string, any>} given
 * @param {Found} [found]
 * @returns {Record<string, any>}
 */
function decide(given, found) {
  const settings = withoutUndefined({ ...found?.settings, ...given })
  for (const name of ['w', 'journal', 'wtimeoutMS']) {
    if (settings[name] !== undefined) {
      checked(name, settings[name], 'read', "the connection's write concern: ")
    }
  }
  if (settings.authMechanism === 'DEFAULT') {
    delete settings.authMechanism
  }
  checkMechanism(settings)
  checkReadPreference(settings)
  if (settings.maxPoolSize > 0 && settings.minPoolSize > settings.maxPoolSize) {
    throw optionsError("option 'minPoolSize' must not be more than 'maxPoolSize'")
  }
  return { ...DEFAULTS, ...settings, timeoutMS: timeLimit(settings) }
}

/** @param {Record<string, any>} settings */
function withoutUndefined(settings) {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
}

/**
 * The driver's limits on parts of an operation: one that may wait no longer than that for an answer
 * or for a connection takes no longer than that as a whole. As in other drivers, `timeoutMS` takes
 * the place of both.
 * @param {Record<string, any>} settings
 */
function timeLimit({ timeoutMS, socketTimeoutMS, waitQueueTimeoutMS }) {
  const parts = [socketTimeoutMS, waitQueueTimeoutMS].filter((part) => part > 0)
  return timeoutMS ?? Math.min(10000, ...parts)
}

/**
 * The Node driver connects without TLS where a string has only files for it, Rust's with.
 * @param {Record<string, any>} settings
 * @param {Found} found
 */
function checkTls({ tls }, { srv, settings }) {
  const name = OF_TLS.find((one) => settings[one])
  if (tls === undefined && !srv && name !== undefined) {
    throw optionsError(`option '${name}' of the connection is for nothing without tls=true`)
  }
}

/**
 * The driver ignores properties for a mechanism that has none, and finds out that an environment is
 * not built into it only as it signs in.
 * @param {Record<string, any>} settings
 */
function checkMechanism({ authMechanism, authMechanismProperties: properties }) {
  const oidc = authMechanism === 'MONGODB-OIDC'
  if (oidc ? properties !== 'ENVIRONMENT:k8s' : properties !== undefined) {
    throw optionsError(
      "option 'authMechanismProperties' must be { ENVIRONMENT: 'k8s' } with authMechanism " +
        'MONGODB-OIDC, and is not for any other mechanism',
    )
  }
}

/** @param {Record<string, any>} settings */
function checkReadPreference(settings) {
  const { readPreference = 'primary', maxStalenessSeconds = -1, readConcernLevel } = settings
  const name = maxStalenessSeconds === -1 ? 'readPreferenceTags' : 'maxStalenessSeconds'
  if (readPreference === 'primary' && settings[name] !== undefined) {
    throw optionsError(`option '${name}' needs a readPreference other than 'primary'`)
  }
  if (readPreference !== 'primary' && readConcernLevel === 'linearizable') {
    throw optionsError("the readConcern 'linearizable' is for the readPreference 'primary' only")
  }
}

module.exports = { readOptions }
