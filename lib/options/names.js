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

/** What other stores, and Mongoose, call the same thing; whatever the case. */
const ELSEWHERE = /** @type {Record<string, string>} */ ({
  ...each('db', 'dbname database databasename'),
  ...each('collection', 'collectionname sessioncollection sessionscollection'),
  ...each('name', 'modelname'),
  ...each('maxPoolSize', 'poolsize maxconnection maxconnections connectionlimit'),
  ...each('minPoolSize', 'minconnections'),
  ...each('connectTimeoutMS', 'connectiontimeout connectiontimeoutms'),
  ...each('tlsAllowInvalidCertificates', 'sslallowinvalidcertificates'),
  ...each('connection', 'url uri connectionstring connectionuri connectionurl conn'),
  ...each('connection', 'mongo mongourl mongouri mongodb mongodburl mongodburi client mongoclient'),
  ...each('connection', 'mongoose mongooseconnection mongooseinstance'),
  ...each('encryption', 'crypto encrypt encryptionkey encryptionkeys secret'),
  ...each('hashIds', 'hashid hashsessionid hashsessionids'),
  ...ALIASES,
})

const IN_CONNECTION = "it is part of the option 'connection'"
const AS_BSON = 'the store keeps each session as BSON that can be queried: leave it out'
const ENTRIES = 'what it holds are options of the store themselves'
const SECONDS = "it is called 'expires' here, in seconds"
const KOA_SESSION = 'it is an option of koa-session, not of its store'

/** Where another name is not enough to say what to do instead; whatever the case. */
const ADVICE = /** @type {Record<string, string>} */ ({
  clientpromise: "the option is 'connection', and takes the client itself: wait for the promise",
  maxage: "it is an option of koa-session; the store's own is 'expires', in seconds",
  ...each(SECONDS, 'ttl expiry expiration expiresin expireafter lifetime'),
  ...each(SECONDS, 'expireafterseconds expiresafterseconds'),
  ...each(IN_CONNECTION, 'host hosts hostname port auth user pass username password'),
  ...each(ENTRIES, 'mongooptions mongooseoptions connectionoptions connectoptions'),
  ...each(ENTRIES, 'clientoptions advancedoptions options'),
  writeoperationoptions: "what it holds is the option 'writeConcern' of the store itself",
  ...each(AS_BSON, 'stringify serialize unserialize serializer'),
  ...each('a file for it can be given as tlsCAFile', 'ca sslca tlsca'),
  ...each('a file for both can be given as tlsCertificateKeyFile', 'cert sslcert sslkey pfx'),
  ...each(KOA_SESSION, 'key rolling renew signed overwrite httponly secure samesite domain path'),
  ...each(
    KOA_SESSION,
    'autocommit prefix genid valid encode decode store externalkey contextstore',
  ),
})

const OF_OLD = 'the Node driver has taken no notice of it since version 4: leave it out'
const NOT_REVOKED = 'the store does not ask whether a certificate was revoked'
const OF_NODE = 'it is a setting of the Node driver that the store does not have'

/** What other drivers know and this store refuses, since it could only ignore it. */
const REFUSED = /** @type {Record<string, string>} */ ({
  tlsCertificateKeyFilePassword:
    'the key file must not be encrypted (openssl pkey -in key.pem -out plain.pem)',
  gssapiServiceName: 'the store cannot sign in with GSSAPI',
  ...each(NOT_REVOKED, 'tlsDisableOCSPEndpointCheck tlsDisableCertificateRevocationCheck'),
  ...each(NOT_REVOKED, 'tlsCRLFile crl'),
  ...each(OF_NODE, 'family autoSelectFamily autoSelectFamilyAttemptTimeout hints lookup noDelay'),
  ...each(OF_NODE, 'localAddress localPort srvAllowedHostsSuffix srvHostValidator autoEncryption'),
  ...each(OF_NODE, 'checkServerIdentity rejectUnauthorized secureContext secureProtocol ciphers'),
  ...each(OF_NODE, 'servername monitorCommands driverInfo pkFactory minHeartbeatFrequencyMS'),
  ...each(OF_NODE, 'mongodbLogPath promoteLongs promoteValues promoteBuffers useBigInt64'),
  ...each(OF_NODE, 'ignoreUndefined serializeFunctions bsonRegExp raw forceServerObjectId'),
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
  const plain = name.toLowerCase().replaceAll('_', '')
  if (Object.hasOwn(ADVICE, plain)) {
    return `unknown option '${name}': ${ADVICE[plain]}`
  }
  return withMeant(
    `unknown option '${name}'`,
    Object.hasOwn(ELSEWHERE, plain) ? ELSEWHERE[plain] : nearest(name, known),
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
