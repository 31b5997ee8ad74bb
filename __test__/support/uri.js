'use strict'

// What a client would connect to, and how, in the same words: from the connection string that the
// store makes for Rust's driver, and from the options that the Node driver makes of one.

const { domainToASCII } = require('node:url')
const { MongoClient } = require('mongodb')

/** Parameters, as the Node driver has them among its options. */
const SETTINGS = {
  appName: (o) => o.appName,
  compressors: (o) => o.compressors.filter((one) => ['snappy', 'zlib'].includes(one)).join(','),
  connectTimeoutMS: (o) => o.connectTimeoutMS,
  directConnection: (o) => o.directConnection,
  heartbeatFrequencyMS: (o) => o.heartbeatFrequencyMS,
  journal: (o) => o.writeConcern?.journal,
  loadBalanced: (o) => o.loadBalanced,
  localThresholdMS: (o) => o.localThresholdMS,
  maxConnecting: (o) => o.maxConnecting,
  maxIdleTimeMS: (o) => o.maxIdleTimeMS,
  maxPoolSize: (o) => o.maxPoolSize || 2 ** 31 - 1,
  maxStalenessSeconds: (o) => o.readPreference.maxStalenessSeconds,
  minPoolSize: (o) => o.minPoolSize,
  proxyHost: (o) => o.proxyHost,
  proxyPassword: (o) => o.proxyPassword,
  proxyPort: (o) => o.proxyPort,
  proxyUsername: (o) => o.proxyUsername,
  readConcernLevel: (o) => o.readConcern?.level,
  readPreference: (o) => o.readPreference.mode,
  readPreferenceTags: (o) => o.readPreference.tags?.map(tagSet).join(' '),
  replicaSet: (o) => o.replicaSet,
  retryReads: (o) => o.retryReads,
  retryWrites: (o) => o.retryWrites,
  serverMonitoringMode: (o) => o.serverMonitoringMode,
  serverSelectionTimeoutMS: (o) => o.serverSelectionTimeoutMS,
  srvMaxHosts: (o) => o.srvMaxHosts,
  srvServiceName: (o) => o.srvServiceName,
  w: (o) => o.writeConcern?.w,
  wtimeoutMS: (o) => o.writeConcern?.wtimeoutMS,
  zlibCompressionLevel: (o) => o.zlibCompressionLevel,
}

/** Where the store has defaults of its own. */
const OWN_DEFAULTS = {
  connectTimeoutMS: 5000,
  maxIdleTimeMS: 120_000,
  serverSelectionTimeoutMS: 10_000,
  w: 'majority',
}

/** Of the Node driver; what is not in a string for Rust's is the same there. */
const DEFAULTS = mapSettings((extract) => extract(new MongoClient('mongodb://a').options))

function mapSettings(make) {
  return Object.fromEntries(
    Object.entries(SETTINGS).map(([name, extract]) => [name, make(extract, name)]),
  )
}

function tagSet(tags) {
  return Object.entries(tags)
    .map((pair) => pair.join(':'))
    .join(',')
}

/** @param {{ uri: string, db: string }} address that the store gives to Rust */
function readForRust({ uri, db }) {
  const [, seed, userInfo, list, path, query] =
    /^mongodb(\+srv)?:\/\/(?:([^@/]*)@)?([^/]*)\/([^?]*)(?:\?(.*))?$/.exec(uri)
  const parameters = new URLSearchParams(query)
  const [username, password] = (userInfo ?? '').split(':').map(decodeURIComponent)
  const mechanism = parameters.get('authMechanism') ?? undefined
  const isSigned = Boolean(username || mechanism)
  return {
    hosts: list.split(','),
    db,
    ...(isSigned && {
      username: username || undefined,
      password,
      mechanism,
      source: parameters.get('authSource') ?? (decodeURIComponent(path) || sourceOf(mechanism)),
    }),
    tls: tlsOf({
      tls: (parameters.get('tls') ?? String(Boolean(seed))) === 'true',
      authority: parameters.get('tlsCAFile') ?? undefined,
      key: parameters.get('tlsCertificateKeyFile') ?? undefined,
      trusting: ['tlsInsecure', 'tlsAllowInvalidCertificates'].some((name) => parameters.has(name)),
    }),
    settings: mapSettings((_, name) => {
      const values = parameters.getAll(name)
      if (name === 'readPreferenceTags' && values.length > 0) return values.join(' ')
      return values.length > 0 ? values[0] : text(DEFAULTS[name])
    }),
  }
}

/** @param {any} options of a MongoClient */
function readForNode(options) {
  const { credentials, srvHost, hosts } = options
  const mechanism = credentials?.mechanism === 'DEFAULT' ? undefined : credentials?.mechanism
  const isSigned = Boolean(credentials?.username || mechanism)
  return {
    hosts: srvHost ? [domainToASCII(srvHost)] : hosts.map(hostOf),
    db: options.dbName,
    ...(isSigned && {
      username: credentials.username || undefined,
      password: credentials.password || undefined,
      mechanism,
      source: credentials.source,
    }),
    tls: tlsOf({
      tls: options.tls ?? false,
      authority: options.tlsCAFile,
      key: options.tlsCertificateKeyFile,
      trusting: options.rejectUnauthorized === false,
    }),
    settings: mapSettings((extract, name) => {
      const value = extract(options)
      const isDefault = name in OWN_DEFAULTS && value === DEFAULTS[name]
      return text(isDefault ? OWN_DEFAULTS[name] : value)
    }),
  }
}

const text = (value) => (value === undefined ? undefined : String(value))

const sourceOf = (mechanism) => (mechanism === 'PLAIN' ? '$external' : 'admin')

function hostOf({ host, port, socketPath, isIPv6 }) {
  if (socketPath) return encodeURIComponent(socketPath)
  return `${isIPv6 ? `[${host}]` : domainToASCII(host)}:${port}`
}

/** Without TLS the files are for nothing. */
function tlsOf({ tls, ...rest }) {
  return tls && rest
}

module.exports = { readForNode, readForRust }
