'use strict'

// Names that are not options of the store, and what is said of them: an option that does nothing
// must not go unnoticed.

const { nearest } = require('./nearest')

/** Other names for the same, as the Node driver accepts them in a connection string. */
const ALIASES = /** @type {Record<string, string>} */ ({
  ssl: 'tls',
  j: 'journal',
  fsync: 'journal',
  wtimeout: 'wtimeoutMS',
})

/** What other stores, and Mongoose, call the same thing. */
const ELSEWHERE = /** @type {Record<string, string>} */ ({
  dbName: 'db',
  database: 'db',
  databaseName: 'db',
  collectionName: 'collection',
  modelName: 'name',
  poolSize: 'maxPoolSize',
  url: 'connection',
  uri: 'connection',
  mongoUrl: 'connection',
  mongoURL: 'connection',
  mongoUri: 'connection',
  mongoURI: 'connection',
  connectionString: 'connection',
  client: 'connection',
  mongoClient: 'connection',
  mongo: 'connection',
  mongodb: 'connection',
  mongoose: 'connection',
  mongooseConnection: 'connection',
  mongooseInstance: 'connection',
  ...ALIASES,
})

const IN_CONNECTION = "it is part of the option 'connection'"
const ENTRIES = 'what it holds are options of the store themselves'
const KOA_SESSION = 'it is an option of koa-session, not of its store'
const OF_OLD = 'the Node driver has taken no notice of it since version 4: leave it out'
const NOT_REVOKED = 'the store does not ask whether a certificate was revoked'
const OF_NODE = 'it is a setting of the Node driver that the store does not have'

/** Where another name is not enough to say what to do instead. */
const ADVICE = /** @type {Record<string, string>} */ ({
  ttl: "it is called 'expires' here, in seconds",
  expiresAfterSeconds: "it is called 'expires' here",
  clientPromise: "the option is 'connection', and takes the client itself: wait for the promise",
  maxAge: "it is an option of koa-session; the store's own is 'expires', in seconds",
  ...each(IN_CONNECTION, 'host hosts port auth user pass username password'),
  ...each(ENTRIES, 'mongoOptions mongooseOptions connectionOptions connectOptions'),
  ...each(ENTRIES, 'clientOptions advancedOptions options'),
  ...each(KOA_SESSION, 'key rolling renew signed overwrite httpOnly secure sameSite domain path'),
  ...each(
    KOA_SESSION,
    'autoCommit prefix genid valid encode decode store externalKey ContextStore',
  ),
})

/** What other drivers know and this store refuses, since it could only ignore it. */
const REFUSED = /** @type {Record<string, string>} */ ({
  tlsCertificateKeyFilePassword:
    'the key file must not be encrypted (openssl pkey -in key.pem -out plain.pem)',
  ...each(NOT_REVOKED, 'tlsDisableOCSPEndpointCheck tlsDisableCertificateRevocationCheck'),
  ...each(NOT_REVOKED, 'tlsCRLFile'),
  gssapiServiceName: 'the store cannot sign in with GSSAPI',
  ...each(OF_NODE, 'family autoSelectFamily localAddress localPort lookup autoEncryption'),
  ...each(OF_NODE, 'srvAllowedHostsSuffix srvHostValidator'),
  ...each(OF_OLD, 'useNewUrlParser useUnifiedTopology useCreateIndex useFindAndModify'),
  ...each(OF_OLD, 'keepAlive autoReconnect'),
})

/**
 * @param {string} words
 * @param {string} names
 */
function each(words, names) {
  return Object.fromEntries(names.split(' ').map((name) => [name, words]))
}

/**
 * What is wrong with an option that the store does not have.
 * @param {string} name
 * @param {string[]} known the options that there are
 */
function unknownOption(name, known) {
  if (Object.hasOwn(REFUSED, name)) {
    return `option '${name}' is not supported: ${REFUSED[name]}`
  }
  if (Object.hasOwn(ADVICE, name)) {
    return `unknown option '${name}': ${ADVICE[name]}`
  }
  return withMeant(
    `unknown option '${name}'`,
    Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : nearest(name, known),
  )
}

/**
 * What is wrong with a parameter of a connection string that the store does not have.
 * @param {string} name
 * @param {string[]} known the parameters that there are
 */
function unknownParameter(name, known) {
  const lower = name.toLowerCase()
  const refused = Object.keys(REFUSED).find((one) => one.toLowerCase() === lower)
  if (refused !== undefined) {
    return `connection string: option '${refused}' is not supported: ${REFUSED[refused]}`
  }
  return withMeant(`connection string: unknown option '${name}'`, nearest(name, known))
}

/**
 * @param {string} problem
 * @param {string | undefined} meant
 */
function withMeant(problem, meant) {
  return meant === undefined ? problem : `${problem}; did you mean '${meant}'?`
}

module.exports = { ALIASES, unknownOption, unknownParameter }
