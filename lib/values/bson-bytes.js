'use strict'

const { SessionStoreError } = require('../errors')

/** MongoDB's limit for one document, in bytes. */
const MAX_SIZE = 16 * 1024 * 1024

const CAPACITY = 16 * 1024

/** Up to this size a session is not copied out of the buffer that it was written into. */
const SMALL_SESSION = 4 * 1024

/** Up to this length a loop writes a string sooner than a call to native code does. */
const SHORT_STRING = 24

/** Up to this length a string is given the room of the longest that it can become. */
const UNCOUNTED_STRING = 16 * 1024

/** The types of BSON, as its specification numbers them. */
const TYPE = {
  DOUBLE: 1,
  STRING: 2,
  DOCUMENT: 3,
  ARRAY: 4,
  BINARY: 5,
  UNDEFINED: 6,
  OBJECT_ID: 7,
  BOOLEAN: 8,
  DATE: 9,
  NULL: 10,
  REGEXP: 11,
  DB_POINTER: 12,
  CODE: 13,
  SYMBOL: 14,
  CODE_WITH_SCOPE: 15,
  INT32: 16,
  TIMESTAMP: 17,
  INT64: 18,
  DECIMAL128: 19,
  MAX_KEY: 127,
  MIN_KEY: 255,
}

/**
 * A buffer that grows with what is written into it, and the forms that BSON has for values.
 * `start` writes an element's type and key and makes room for a value of up to eight bytes; the
 * value follows.
 *
 * Small sessions stay in the buffer, one behind the other. When it is full, another takes its place.
 */
class BsonBytes {
  #bytes = Buffer.allocUnsafeSlow(CAPACITY)
  #view = new DataView(this.#bytes.buffer)
  /** Where the session begins that is being written. */
  #base = 0
  #at = 0

  get capacity() {
    return this.#bytes.length
  }

  /** How many bytes were written. */
  get length() {
    return this.#at - this.#base
  }

  clear() {
    this.#at = this.#base
  }

  /**
   * The document that was written as the one element, with an empty key; undefined if something else
   * was, or nothing.
   */
  document() {
    const start = this.#base
    const end = this.#at
    if (start === end || this.#bytes[start] !== TYPE.DOCUMENT) {
      return undefined
    }
    const session = this.#bytes.subarray(start + 2, end)
    if (session.length > MAX_SIZE) {
      throw tooLarge()
    }
    if (session.length > SMALL_SESSION) {
      return Buffer.from(session)
    }
    this.#base = end
    return session
  }

  /**
   * @param {number} type
   * @param {string} key
   * @returns {boolean} false if the key has a NUL, which would end it
   */
  start(type, key) {
    this.#reserve(room(key) + 16)
    this.#bytes[this.#at++] = type
    const hasNul = !this.#characters(key) && key.includes('\0')
    this.#bytes[this.#at++] = 0
    return !hasNul
  }

  /** Opens a document or an array. Gives where its length belongs, for `close` or `measure`. */
  open() {
    const start = this.length
    this.#at += 4
    return start
  }

  /** @param {number} start */
  close(start) {
    this.#reserve(1)
    this.#bytes[this.#at++] = 0
    this.measure(start)
  }

  /** @param {number} start */
  measure(start) {
    this.#view.setInt32(this.#base + start, this.length - start, true)
  }

  /**
   * Leaves only the document of the element that starts there, and has an empty key.
   * @param {number} start
   * @returns {boolean} false if it is none: something else was written, or nothing
   */
  unwrap(start) {
    const place = this.#base + start
    const type = this.#bytes[place]
    if (start === this.length || (type !== TYPE.DOCUMENT && type !== TYPE.ARRAY)) {
      return false
    }
    this.#bytes.copyWithin(place, place + 2, this.#at)
    this.#at -= 2
    return true
  }

  /** @param {boolean} value */
  boolean(value) {
    this.#bytes[this.#at++] = value ? 1 : 0
  }

  /** @param {number} value */
  int32(value) {
    this.#view.setInt32(this.#at, value, true)
    this.#at += 4
  }

  /** @param {bigint} value */
  int64(value) {
    this.#view.setBigInt64(this.#at, value, true)
    this.#at += 8
  }

  /** @param {number} value */
  double(value) {
    this.#view.setFloat64(this.#at, value, true)
    this.#at += 8
  }

  /** @param {number} time in milliseconds; an invalid date is 0, as the `bson` package has it */
  date(time) {
    this.#view.setUint32(this.#at, time, true)
    this.#view.setInt32(this.#at + 4, Math.floor(time / 2 ** 32), true)
    this.#at += 8
  }

  /** @param {string} value */
  string(value) {
    this.#reserve(room(value) + 5)
    const start = this.open()
    this.#characters(value)
    this.#bytes[this.#at++] = 0
    this.#view.setInt32(this.#base + start, this.length - start - 4, true)
  }

  /** @param {Uint8Array} value */
  binary(value) {
    this.int32(value.length)
    this.#bytes[this.#at++] = 0
    this.raw(value)
  }

  /** @param {Uint8Array} bytes */
  raw(bytes) {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  /**
   * @param {string} text
   * @returns {boolean} whether it was short, of ASCII, and without a NUL
   */
  #characters(text) {
    const { length } = text
    if (length <= SHORT_STRING) {
      const bytes = this.#bytes
      const start = this.#at
      let index = 0
      while (index < length) {
        const code = text.charCodeAt(index)
        if (code > 127 || code === 0) {
          break
        }
        bytes[start + index++] = code
      }
      if (index === length) {
        this.#at = start + length
        return true
      }
    }
    this.#at += this.#bytes.write(text, this.#at)
    return false
  }

  /** @param {number} size */
  #reserve(size) {
    const needed = this.#at + size
    if (needed > this.#bytes.length) {
      this.#grow(needed)
    }
  }

  /** @param {number} needed */
  #grow(needed) {
    const size = needed - this.#base
    // What a string is given may be three times what it takes.
    if (size > MAX_SIZE + 4 * UNCOUNTED_STRING) {
      throw tooLarge()
    }
    const written = this.#bytes.subarray(this.#base, this.#at)
    const bytes = Buffer.allocUnsafeSlow(Math.max(CAPACITY, size, 2 * written.length))
    bytes.set(written)
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
    this.#base = 0
    this.#at = written.length
  }
}

/**
 * The bytes to keep for a string.
 * @param {string} text
 */
function room(text) {
  return text.length > UNCOUNTED_STRING ? Buffer.byteLength(text) : text.length * 3
}

function tooLarge() {
  const message = "the session exceeds MongoDB's limit of 16 MiB for one document"
  return new SessionStoreError('ERR_SESSION_TOO_LARGE', message)
}

exports.BsonBytes = BsonBytes
exports.TYPE = TYPE
