'use strict'

const { SessionStoreError } = require('./errors')
const { toBson, fromBson } = require('./bson-values')

/** How deep objects and arrays may nest inside a session; `src/codec/mod.rs` has the same limit. */
const MAX_DEPTH = 100

/**
 * A session as it crosses between JavaScript and Rust: the text of `JSON.stringify`, or the bytes
 * of the `bson` package where a value has no JSON form.
 * @typedef {string | Uint8Array} Content
 */

/**
 * @param {unknown} data
 * @returns {Content}
 * @throws {SessionStoreError} ERR_SESSION_VALUE, naming the path of what cannot be stored
 */
function encode(data) {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new SessionStoreError('ERR_SESSION_VALUE', 'a session has to be an object')
  }
  if (!isPlain(data, 0)) {
    return toBson(data, MAX_DEPTH)
  }
  const text = JSON.stringify(data)
  // A NUL may stand in a value, not in a key: the slow path tells which.
  return text.includes('\\u0000') ? toBson(data, MAX_DEPTH) : text
}

/**
 * @param {Content} content
 * @returns {Record<string, any>}
 */
function decode(content) {
  return typeof content === 'string' ? JSON.parse(content) : fromBson(content)
}

/**
 * Whether `JSON.stringify` loses nothing of a value. What it leaves out (`undefined`, functions,
 * symbols) is left out of a session, too.
 * @param {any} value
 * @param {number} depth
 * @returns {boolean}
 */
function isPlain(value, depth) {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      return value === null || (depth <= MAX_DEPTH && isPlainObject(value, depth))
    case 'bigint':
      return false
    default:
      return true
  }
}

/**
 * @param {any} value
 * @param {number} depth
 */
function isPlainObject(value, depth) {
  if (typeof value.toJSON === 'function') {
    return false
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      if (!isPlain(value[index], depth + 1)) {
        return false
      }
    }
    return true
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    return false
  }
  for (const key in value) {
    if (!isPlain(value[key], depth + 1)) {
      return false
    }
  }
  return true
}

module.exports = { encode, decode }
