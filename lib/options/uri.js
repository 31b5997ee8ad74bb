'use strict'

// What a connection string means to the official Node driver, or an error that names what cannot be
// done. The driver reads it as a URL with a list of hosts; so does this.

const { domainToASCII } = require('node:url')
const { optionsError } = require('../errors')
const { unknownParameter } = require('./names')
const { SETTINGS, checked, uriName, uriNames } = require('./settings')

/**
 * A connection string, taken apart and decoded. `path` is what follows the hosts: a database to
 * sign in to, and, where nobody names another, that of the sessions.
 * @typedef {object} Uri
 * @property {boolean} srv
 * @property {string[]} hosts as a connection string names them, with their ports
 * @property {string} [username]
 * @property {string} [password]
 * @property {string} [path]
 * @property {Record<string, any>} settings
 */

const CREDENTIALS =
  'the user name and the password in the connection string must be percent-encoded: ' +
  'encodeURIComponent(password)'

/** What ends a line, is not seen, or has no form in UTF-8. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Surrogate}]/u

/**
 * None of it is shown in an error, apart from names of parameters that cannot be part of a password.
 * @param {string} given
 * @returns {Uri}
 */
function parseUri(given) {
  // Around it may be the newline of a file.
  const uri = given.trim()
  const [, scheme, rest] = /^(mongodb|mongodb\+srv):\/\/(.*)$/s.exec(uri) ?? []
  if (scheme === undefined) {
    const beginning = uri === '' ? 'is empty' : 'must start with mongodb:// or mongodb+srv://'
    throw optionsError(`the connection string ${beginning}`)
  }
  const { userInfo, hosts, path, query } = split(rest)
  const credentials = userInfo === undefined ? {} : readUserInfo(userInfo)
  if (UNSEEN.test(rest)) {
    throw optionsError(
      'the connection string holds a line break or another character that cannot be seen',
    )
  }
  if (rest.includes('#')) {
    throw optionsError("the connection string holds a '#': write it as %23 where it is meant")
  }
  const srv = scheme === 'mongodb+srv'
  return {
    srv,
    hosts: srv ? [readSeed(hosts)] : hosts.split(',').map(readHost),
    ...credentials,
    path: path === '' ? undefined : decoded(path, 'the database'),
    settings: parseParameters(query),
  }
}

/** @param {string} rest what follows the scheme */
function split(rest) {
  const question = rest.indexOf('?')
  const base = question === -1 ? rest : rest.slice(0, question)
  const query = question === -1 ? '' : rest.slice(question + 1)
  const at = base.lastIndexOf('@')
  if (at === -1 && query.includes('@')) {
    // The '?' is most likely one of a password.
    throw optionsError(CREDENTIALS)
  }
  const address = base.slice(at + 1)
  const slash = address.indexOf('/')
  return {
    userInfo: at === -1 ? undefined : base.slice(0, at),
    hosts: slash === -1 ? address : address.slice(0, slash),
    path: slash === -1 ? '' : address.slice(slash + 1),
    query,
  }
}

/** As the web pages of MongoDB Atlas and others show them. */
const PLACEHOLDER = /^<[^<>]*>$/

/** @param {string} userInfo */
function readUserInfo(userInfo) {
  const [, user, secret] = /^([^:/?#[\]@]+)(?::([^:/?#[\]@]*))?$/.exec(userInfo) ?? []
  if (user === undefined) {
    throw optionsError(CREDENTIALS)
  }
  const [username, password] = [user, secret ?? ''].map((text) => {
    try {
      return decodeURIComponent(text)
    } catch {
      throw optionsError(CREDENTIALS)
    }
  })
  if (PLACEHOLDER.test(user) || PLACEHOLDER.test(secret)) {
    throw optionsError(
      'the user name or the password in the connection string is still a placeholder in angle brackets',
    )
  }
  return { username, password }
}

/**
 * @param {string} text
 * @returns {string} with its port, which is MongoDB's own where none is named
 */
function readHost(text) {
  if (text.endsWith('.sock') && !text.startsWith(':')) {
    return encodeURIComponent(decoded(text, 'a socket'))
  }
  const { hostname, port } = urlOf(text)
  const host = hostname.startsWith('[') ? hostname : asciiOf(decoded(hostname, 'a host'))
  if (host === '' || port === '0') {
    throw hostsError()
  }
  return `${host}:${port || 27017}`
}

/**
 * The name that DNS is asked for the hosts.
 * @param {string} text
 */
function readSeed(text) {
  const host = /[%:[\],]/.test(text) || text.endsWith('.sock') ? '' : asciiOf(text)
  if (host === '') {
    throw optionsError(
      'a connection string with mongodb+srv:// has one host name, and no port, before the first /',
    )
  }
  return host
}

/** @param {string} text */
function urlOf(text) {
  try {
    // At its end a URL takes white space for none.
    return new URL(`mongodb://${text}/`)
  } catch {
    throw hostsError()
  }
}

/**
 * A name as DNS has it; empty if it can be none.
 * @param {string} name
 */
function asciiOf(name) {
  const ascii = /^[\w.-]*$/.test(name) ? name.toLowerCase() : domainToASCII(name)
  return /^[\w.-]+$/.test(ascii) ? ascii : ''
}

function hostsError() {
  return optionsError(
    'the connection string does not name its hosts as host:port, with commas between them; ' +
      'a user name and a password in it must be percent-encoded',
  )
}

/**
 * @param {string} text
 * @param {string} what
 */
function decoded(text, what) {
  try {
    return decodeURIComponent(text)
  } catch {
    throw optionsError(`the connection string names ${what} with a '%': write it as %25`)
  }
}

/** @param {string} query */
function parseParameters(query) {
  /** @type {Record<string, any>} */
  const settings = {}
  /** How each setting was spelled. @type {Map<string, string>} */
  const spelled = new Map()
  for (const [given, text] of new URLSearchParams(`?${query}`)) {
    const name = uriName(given)
    if (name === undefined) {
      // Where an '@' follows, it may be the rest of a password that holds an unencoded '?'.
      throw optionsError(query.includes('@') ? CREDENTIALS : unknownParameter(given, uriNames()))
    }
    addParameter(settings, spelled, { name, given, text })
  }
  if (settings.tlsInsecure !== undefined) {
    for (const name of ['tlsAllowInvalidCertificates', 'tlsAllowInvalidHostnames']) {
      if (settings[name] !== undefined) {
        throw optionsError(`connection string: option '${name}' does not go with 'tlsInsecure'`)
      }
    }
  }
  return settings
}

/**
 * @param {Record<string, any>} settings
 * @param {Map<string, string>} spelled
 * @param {{ name: string, given: string, text: string }} parameter
 */
function addParameter(settings, spelled, { name, given, text }) {
  const value = checked(name, text, 'parse', 'connection string: ')
  const before = spelled.get(name)
  if (name === 'readPreferenceTags' && (before ?? given) === given) {
    settings[name] = [...(settings[name] ?? []), ...value]
  } else if (before === undefined) {
    settings[name] = value
  } else if (before.toLowerCase() === given.toLowerCase() || settings[name] !== value) {
    throw optionsError(`connection string: option '${name}' is given twice`)
  }
  spelled.set(name, given)
}

/**
 * The connection string that Rust's driver is given: one that no two drivers read differently.
 * @param {Omit<Uri, 'settings'>} address
 * @param {Record<string, any>} settings
 */
function formatUri({ srv, hosts, username, password, path }, settings) {
  const percentEncoded = encodeURIComponent
  const secret = password ? `:${percentEncoded(password)}` : ''
  const userInfo = username ? `${percentEncoded(username)}${secret}@` : ''
  const parameters = Object.entries(settings)
    .map(([name, value]) => [name, SETTINGS[name].sent?.(value)])
    .filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => [value].flat().map((one) => `${name}=${percentEncoded(one)}`))
  const query = parameters.length === 0 ? '' : `?${parameters.join('&')}`
  return `mongodb${srv ? '+srv' : ''}://${userInfo}${hosts.join(',')}/${percentEncoded(path ?? '')}${query}`
}

module.exports = { asciiOf, parseUri, formatUri }
