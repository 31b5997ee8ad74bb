'use strict'

const kinds = require('./kinds')
const { optionsError } = require('../errors')
const { nearest } = require('./nearest')
const { SETTINGS, uriName, uriNames, refuse, checked } = require('./settings')

/**
 * A connection string, taken apart. `base` is all before the parameters, with the credentials.
 * @typedef {{ base: string, db: string | undefined, settings: Record<string, any> }} Uri
 */

const USER = '(?:[^%:/?#[\\]@]|%[0-9a-f]{2})*'
const USER_INFO = new RegExp(`^${USER}(?::${USER})?$`, 'i')
const HOST = /^(?:\[[0-9a-f:.]+\]|[^:[\]@/?#,\s]+)(?::(\d{1,5}))?$/i

/**
 * What Rust's driver would reject is left to it, except where its message would quote a part that
 * may belong to a password. What it would ignore is refused here.
 * @param {string} uri
 * @returns {Uri}
 */
function parseUri(uri) {
  const shape = /^mongodb(?:\+srv)?:\/\/(?:(.*)@)?([^/@]*)(?:\/([^@]*))?$/s
  const question = uri.indexOf('?')
  const base = question === -1 ? uri : uri.slice(0, question)
  const [, userInfo, hosts, path] = base.match(shape) ?? []
  if (hosts === undefined) {
    throw optionsError(
      'the connection string must start with mongodb:// or mongodb+srv:// and name a host; ' +
        'a user name and a password in it must be percent-encoded',
    )
  }
  if (userInfo !== undefined && !USER_INFO.test(userInfo)) {
    throw optionsError(
      'the user name and the password in the connection string must be percent-encoded: ' +
        'encodeURIComponent(password)',
    )
  }
  for (const host of hosts.split(',')) {
    const port = HOST.exec(host)?.[1] ?? (HOST.test(host) ? '1' : '0')
    if (Number(port) < 1 || Number(port) > 65535) {
      throw optionsError(
        'the connection string does not name its hosts as host:port, with commas between them; ' +
          'a user name and a password in it must be percent-encoded',
      )
    }
  }
  return {
    base,
    db: path ? databaseIn(path) : undefined,
    settings: question === -1 ? {} : parseParameters(uri.slice(question + 1)),
  }
}

/** @param {string} path */
function databaseIn(path) {
  const db = kinds.databaseName.read(decoded(path))
  if (db === undefined) {
    throw optionsError(
      `what follows the hosts in the connection string must be ${kinds.databaseName.expected}`,
    )
  }
  return db
}

/** @param {string} query */
function parseParameters(query) {
  const settings = /** @type {Record<string, any>} */ ({})
  const parameters = query.split('&').filter(Boolean)
  for (const [index, parameter] of parameters.entries()) {
    const equals = parameter.indexOf('=')
    if (equals === -1) {
      throw optionsError(`parameter ${index + 1} of the connection string has no value`)
    }
    const given = parameter.slice(0, equals)
    const name = uriName(given)
    if (name === undefined) {
      // Not shown itself: it may be the rest of a password that holds an unencoded '?'.
      const meant = nearest(given, uriNames())
      throw optionsError(
        `parameter ${index + 1} of the connection string is not known to the store` +
          (meant === undefined ? '' : `; did you mean '${meant}'?`),
      )
    }
    addParameter(settings, name, decoded(parameter.slice(equals + 1)))
  }
  return settings
}

/**
 * @param {Record<string, any>} settings
 * @param {string} name
 * @param {string} text
 */
function addParameter(settings, name, text) {
  if (name === 'tlsAllowInvalidHostnames' && text === 'false') {
    return
  }
  refuse(name)
  const value = checked(name, text, 'parse', 'connection string: ')
  if (name === 'readPreferenceTags') {
    settings[name] = [...(settings[name] ?? []), ...value]
  } else if (settings[name] === undefined || settings[name] === value) {
    settings[name] = value
  } else {
    throw optionsError(`connection string: option '${name}' is given twice`)
  }
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/**
 * @param {string} base
 * @param {Record<string, any>} settings
 */
function formatUri(base, settings) {
  const parameters = Object.entries(settings)
    .filter(([name, value]) => SETTINGS[name].sent && !isIdle(name, value))
    .flatMap(([name, value]) => [value].flat().map((one) => `${name}=${encodeURIComponent(one)}`))
  const slash = base.replace(/^[^:]*:\/\//, '').includes('/') ? '' : '/'
  return parameters.length === 0 ? base : `${base}${slash}?${parameters.join('&')}`
}

/**
 * Rust's driver would turn TLS on for these, although they ask for nothing.
 * @param {string} name
 * @param {unknown} value
 */
function isIdle(name, value) {
  return value === false && (name === 'tlsInsecure' || name === 'tlsAllowInvalidCertificates')
}

module.exports = { parseUri, formatUri }
