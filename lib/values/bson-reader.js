'use strict'

const { isUtf8 } = require('node:buffer')
const { TYPE } = require('./bson-bytes')

/** @typedef {import('./bson-classes').BsonClasses} BsonClasses */

/** Up to this length a loop reads a string sooner than a call to native code does. */
const SHORT_STRING = 16

const TWO_TO_32 = 2 ** 32
const TWO_TO_21 = 2 ** 21

const SUBTYPE = { PLAIN: 0, OLD: 2, UUID: 4 }

/** The keys with a dollar sign that a reference to another document may have, and no others. */
const REFERENCE_KEYS = new Set(['$ref', '$id', '$db'])

/** BSON's options of a regular expression for which JavaScript has flags, as the `bson` package has it. */
const FLAGS = /** @type {Record<string, string>} */ ({ i: 'i', m: 'm', s: 'g' })

/**
 * Reads a session as the `bson` package does, with the classes that it is given: those of the
 * application's own copy. Plain binary data is a `Buffer`, and a regular expression one of
 * JavaScript's where that has it.
 *
 * Nothing of what it gives shares memory with the bytes: the next write is compared with them.
 */
class BsonReader {
  #bytes
  #classes
  #at = 0

  /**
   * @param {Buffer} bytes
   * @param {BsonClasses} classes
   */
  constructor(bytes, classes) {
    this.#bytes = bytes
    this.#classes = classes
  }

  /**
   * The document that the bytes are. It is never a reference, whatever its keys.
   * @returns {Record<string, any>}
   * @throws {Error} of any kind, if they are none
   */
  session() {
    const end = this.#start()
    check(end === this.#bytes.length)
    return this.#fields(end)
  }

  /** Gives where the document or the array ends that begins here. */
  #start() {
    const start = this.#at
    const size = this.#int32()
    const end = start + size
    check(size >= 5 && this.#bytes[end - 1] === 0)
    return end
  }

  /** @param {number} end */
  #fields(end) {
    /** @type {Record<string, any>} */
    const fields = {}
    for (let type = this.#bytes[this.#at++]; type !== 0; type = this.#bytes[this.#at++]) {
      const key = this.#cString()
      const value = this.#value(type)
      if (key === '__proto__') {
        const field = { value, configurable: true, enumerable: true, writable: true }
        Object.defineProperty(fields, key, field)
      } else {
        fields[key] = value
      }
    }
    check(this.#at === end)
    return fields
  }

  #document() {
    const fields = this.#fields(this.#start())
    // Nearly none has this key.
    if (typeof fields.$ref !== 'string' || !isReference(fields)) {
      return fields
    }
    const { $ref, $id, $db, ...rest } = fields
    return new this.#classes.DBRef($ref, $id, $db, rest)
  }

  #array() {
    const end = this.#start()
    const items = []
    for (let type = this.#bytes[this.#at++]; type !== 0; type = this.#bytes[this.#at++]) {
      this.#skipKey()
      items.push(this.#value(type))
    }
    check(this.#at === end)
    return items
  }

  /** @param {number} type @returns {any} */
  #value(type) {
    switch (type) {
      case TYPE.STRING:
      case TYPE.SYMBOL:
        return this.#string()
      case TYPE.INT32:
        return this.#int32()
      case TYPE.DOUBLE:
        return this.#bytes.readDoubleLE(this.#skip(8))
      case TYPE.BOOLEAN:
        return this.#boolean()
      case TYPE.NULL:
        return null
      case TYPE.DOCUMENT:
        return this.#document()
      case TYPE.ARRAY:
        return this.#array()
      case TYPE.DATE:
        return this.#date()
      case TYPE.OBJECT_ID:
        return this.#objectId()
      case TYPE.BINARY:
        return this.#binary()
      default:
        return this.#rareValue(type)
    }
  }

  /** @param {number} type */
  #rareValue(type) {
    const { Code, DBRef, Decimal128, Long, MaxKey, MinKey, Timestamp } = this.#classes
    switch (type) {
      case TYPE.INT64:
        return this.#int64()
      case TYPE.DECIMAL128:
        return new Decimal128(this.#copy(16))
      case TYPE.REGEXP:
        return this.#regExp()
      case TYPE.CODE:
        return new Code(this.#string())
      case TYPE.CODE_WITH_SCOPE:
        return this.#codeWithScope()
      case TYPE.TIMESTAMP:
        // The one way that all versions have.
        return new Timestamp(new Long(this.#int32(), this.#int32(), true))
      case TYPE.DB_POINTER:
        return new DBRef(this.#string(), this.#objectId())
      case TYPE.MIN_KEY:
        return new MinKey()
      case TYPE.MAX_KEY:
        return new MaxKey()
      case TYPE.UNDEFINED:
        return undefined
      default:
        throw new Error(`BSON has no type ${type}`)
    }
  }

  #boolean() {
    const byte = this.#bytes[this.#at++]
    check(byte === 0 || byte === 1)
    return byte === 1
  }

  #date() {
    const low = this.#int32() >>> 0
    return new Date(this.#int32() * TWO_TO_32 + low)
  }

  /** A number where that is exact, as the `bson` package has it: up to 2 ** 53. */
  #int64() {
    const low = this.#int32()
    const high = this.#int32()
    const exact = (high >= -TWO_TO_21 && high < TWO_TO_21) || (high === TWO_TO_21 && low === 0)
    return exact ? high * TWO_TO_32 + (low >>> 0) : new this.#classes.Long(low, high)
  }

  #objectId() {
    const bytes = Buffer.allocUnsafe(12)
    const start = this.#skip(12)
    for (let index = 0; index < 12; index++) {
      bytes[index] = this.#bytes[start + index]
    }
    return new this.#classes.ObjectId(bytes)
  }

  #binary() {
    const size = this.#int32()
    const subtype = this.#bytes[this.#at++]
    if (subtype === SUBTYPE.OLD) {
      // Holds its length once more.
      check(this.#int32() === size - 4)
    }
    const bytes = this.#copy(subtype === SUBTYPE.OLD ? size - 4 : size)
    if (subtype === SUBTYPE.PLAIN) {
      return bytes
    }
    const { Binary, UUID } = this.#classes
    return subtype === SUBTYPE.UUID && size === 16 && UUID
      ? new UUID(bytes)
      : new Binary(bytes, subtype)
  }

  #regExp() {
    const pattern = this.#cString()
    const options = this.#cString()
    try {
      return new RegExp(pattern, [...options].map((option) => FLAGS[option] ?? '').join(''))
    } catch {
      return new this.#classes.BSONRegExp(pattern, options)
    }
  }

  #codeWithScope() {
    const start = this.#at
    const end = start + this.#int32()
    const text = this.#string()
    const scope = this.#fields(this.#start())
    check(this.#at === end)
    return new this.#classes.Code(text, scope)
  }

  #string() {
    const size = this.#int32()
    const start = this.#skip(size)
    const end = start + size - 1
    check(size > 0 && this.#bytes[end] === 0)
    const text = this.#text(start, end)
    check(!text.includes('\ufffd') || isUtf8(this.#bytes.subarray(start, end)))
    return text
  }

  #cString() {
    const start = this.#at
    this.#skipKey()
    return this.#text(start, this.#at - 1)
  }

  #skipKey() {
    while (this.#bytes[this.#at] > 0) {
      this.#at++
    }
    this.#at++
  }

  /**
   * @param {number} start
   * @param {number} end
   */
  #text(start, end) {
    const bytes = this.#bytes
    if (end - start <= SHORT_STRING) {
      let text = ''
      let at = start
      while (at < end && bytes[at] < 128) {
        text += String.fromCharCode(bytes[at++])
      }
      if (at === end) {
        return text
      }
    }
    return bytes.toString('utf8', start, end)
  }

  #int32() {
    const bytes = this.#bytes
    const at = this.#skip(4)
    return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)
  }

  /** @param {number} size */
  #copy(size) {
    check(size >= 0 && this.#at + size < this.#bytes.length)
    const start = this.#skip(size)
    return Buffer.from(this.#bytes.subarray(start, this.#at))
  }

  /**
   * Goes on behind the next bytes. Past the end nothing is found: no document ends there.
   * @param {number} size
   * @returns {number} where they begin
   */
  #skip(size) {
    const start = this.#at
    this.#at = start + size
    return start
  }
}

/** @param {Record<string, any>} fields with a `$ref` */
function isReference(fields) {
  return (
    fields.$id !== undefined &&
    fields.$id !== null &&
    (!('$db' in fields) || typeof fields.$db === 'string') &&
    Object.keys(fields).every((key) => key[0] !== '$' || REFERENCE_KEYS.has(key))
  )
}

/** @param {boolean} isWellFormed */
function check(isWellFormed) {
  if (!isWellFormed) {
    throw new Error('malformed BSON')
  }
}

exports.BsonReader = BsonReader
