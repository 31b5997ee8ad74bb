'use strict'

const { classesOf } = require('./bson-classes')
const { BsonReader } = require('./bson-reader')
const { BsonWriter } = require('./bson-writer')
const { openCapsules } = require('./capsules')
const { SessionStoreError } = require('../errors')

/** A writer that has grown larger is not kept. */
const KEPT_CAPACITY = 128 * 1024

/**
 * A session as it crosses between JavaScript and Rust: BSON bytes, or, where Rust read it, JSON
 * text, in which values without a JSON form are in capsules.
 * @typedef {string | Buffer} Content
 */

/** The writer that is not in use: a getter of one session may set another. */
let idle = /** @type {BsonWriter | undefined} */ (undefined)

/**
 * @param {unknown} data
 * @param {import('./bson-writer').Written} [written]
 * @returns {Buffer} BSON
 * @throws {SessionStoreError} naming the path of what cannot be stored
 */
function encode(data, written) {
  if (typeof data !== 'object') {
    throw new SessionStoreError('ERR_SESSION_VALUE', 'a session has to be an object')
  }
  const writer = idle ?? new BsonWriter()
  idle = undefined
  try {
    return writer.write(data, written)
  } finally {
    if (writer.capacity <= KEPT_CAPACITY) {
      idle = writer
    }
  }
}

/**
 * What reads the sessions of one store.
 * @param {() => unknown} bson gives the application's own copy of the `bson` package, or undefined;
 *   called for the first value that JSON has no form for, but a date
 * @returns {(content: Content) => Record<string, any>}
 */
function decoder(bson) {
  /** @type {import('./bson-classes').BsonClasses | undefined} */
  let known
  const classes = () => {
    known ??= classesOf(bson())
    return known
  }
  return (content) => {
    try {
      if (typeof content !== 'string') {
        return new BsonReader(content, classes()).session()
      }
      const parsed = JSON.parse(content)
      return Array.isArray(parsed) ? openCapsules(parsed, classes) : parsed
    } catch {
      throw new SessionStoreError('ERR_SESSION_VALUE', 'the stored session is malformed')
    }
  }
}

module.exports = { decoder, encode }
