'use strict'

const { fromBson } = require('./bson-values')
const { BsonWriter } = require('./bson-writer')
const { openCapsules } = require('./capsules')
const { SessionStoreError } = require('../errors')

/** A writer that has grown larger is not kept. */
const KEPT_CAPACITY = 128 * 1024

/**
 * A session as it crosses between JavaScript and Rust: BSON bytes, or, where Rust read it, JSON
 * text, in which values without a JSON form are in capsules.
 * @typedef {string | Uint8Array} Content
 */

/** The writer that is not in use: a getter of one session may set another. */
let idle = /** @type {BsonWriter | undefined} */ (undefined)

/**
 * @param {unknown} data
 * @returns {Uint8Array} BSON
 * @throws {SessionStoreError} naming the path of what cannot be stored
 */
function encode(data) {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new SessionStoreError('ERR_SESSION_VALUE', 'a session has to be an object')
  }
  const writer = idle ?? new BsonWriter()
  idle = undefined
  try {
    return writer.write(data)
  } finally {
    if (writer.capacity <= KEPT_CAPACITY) {
      idle = writer
    }
  }
}

/**
 * @param {Content} content
 * @returns {Record<string, any>}
 */
function decode(content) {
  if (typeof content !== 'string') {
    return fromBson(content)
  }
  const parsed = JSON.parse(content)
  return Array.isArray(parsed) ? openCapsules(parsed) : parsed
}

module.exports = { encode, decode }
