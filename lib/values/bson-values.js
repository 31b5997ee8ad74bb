'use strict'

// What the official `bson` package does for a session: its classes, and reading.

const { types } = require('node:util')
const { SessionStoreError } = require('../errors')

/** Loaded with the first session that needs it: most are plain JSON. @type {typeof import('bson')} */
let bson

function loadBson() {
  bson ??= require('bson')
  return bson
}

/** The key by which every copy of the `bson` package, from 5 on, names its major version. */
const VERSION = Symbol.for('@@mdb.bson.version')

/** The classes that have had other names. @type {Record<string, string>} */
const RENAMED = { ObjectID: 'ObjectId', Symbol: 'BSONSymbol' }

/**
 * Whether a value is an instance of one of BSON's classes, of whatever copy and version of the
 * `bson` package. A plain object with a key `_bsontype` is none.
 * @param {any} value
 */
function hasBsonClass(value) {
  const prototype = Object.getPrototypeOf(value)
  return (
    typeof value._bsontype === 'string' &&
    prototype !== Object.prototype &&
    prototype !== null &&
    typeof (/** @type {any} */ (loadBson())[className(value)]) === 'function'
  )
}

/** @param {{ _bsontype: string }} value */
function className({ _bsontype }) {
  return RENAMED[_bsontype] ?? _bsontype
}

/**
 * What a DBRef is stored as.
 * @param {any} reference
 */
function documentOfDBRef({ collection: $ref, oid: $id, db: $db, fields }) {
  return { $ref, $id, ...($db == null ? undefined : { $db }), ...fields }
}

/**
 * A document with nothing but this value, under an empty key, as the `bson` package writes it;
 * undefined if it cannot.
 * @param {any} value a regular expression or an instance of one of BSON's classes
 * @returns {Uint8Array | undefined}
 */
function elementOf(value) {
  const { serialize } = loadBson()
  try {
    return serialize({ '': types.isRegExp(value) ? value : ownInstance(value) })
  } catch {
    return undefined
  }
}

/**
 * How this package's own class makes what another version's instance is, by what all versions have
 * in common. @type {Record<string, (value: any, own: typeof import('bson')) => object>}
 */
const COPIES = {
  Binary: ({ buffer, position, sub_type }, { Binary }) =>
    new Binary(buffer.subarray(0, position), sub_type),
  BSONRegExp: ({ pattern, options }, { BSONRegExp }) => new BSONRegExp(pattern, options),
  BSONSymbol: ({ value }, { BSONSymbol }) => new BSONSymbol(value),
  Decimal128: ({ bytes }, { Decimal128 }) => new Decimal128(bytes),
  Double: ({ value }, { Double }) => new Double(value),
  Int32: ({ value }, { Int32 }) => new Int32(value),
  Long: (value, { Long }) => new Long(value.getLowBits(), value.getHighBits()),
  MaxKey: (_value, { MaxKey }) => new MaxKey(),
  MinKey: (_value, { MinKey }) => new MinKey(),
  ObjectId: (value, { ObjectId }) => new ObjectId(value.toHexString()),
  Timestamp: (value, { Timestamp }) =>
    new Timestamp({ t: value.getHighBits() >>> 0, i: value.getLowBits() >>> 0 }),
}

/**
 * Other copies and versions of the `bson` package have classes of their own.
 * @param {any} value
 */
function ownInstance(value) {
  const own = loadBson()
  const isOwn = value[VERSION] === own.ObjectId.prototype[/** @type {any} */ (VERSION)]
  return isOwn ? value : COPIES[className(value)](value, own)
}

/**
 * @param {Uint8Array} bytes
 * @returns {Record<string, any>}
 */
function fromBson(bytes) {
  try {
    return promoted(deserialized(bytes))
  } catch {
    throw new SessionStoreError('ERR_SESSION_VALUE', 'the stored session is malformed')
  }
}

/** @param {Uint8Array} bytes */
function deserialized(bytes) {
  const { deserialize } = loadBson()
  try {
    return deserialize(bytes)
  } catch {
    // It may only hold a regular expression that JavaScript has not.
    return deserialize(bytes, { bsonRegExp: true })
  }
}

/**
 * Plain binary data is a `Buffer` to JavaScript; a UUID or another subtype keeps its class. None
 * shares its bytes with what was read: that is what the next write is compared with.
 * @param {any} value an object
 * @returns {any}
 */
function promoted(value) {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const item = value[index]
      if (typeof item === 'object' && item !== null) {
        value[index] = promoted(item)
      }
    }
    return value
  }
  const kind = Object.getPrototypeOf(value) === Object.prototype ? 'document' : value._bsontype
  switch (kind) {
    case 'document':
    case 'DBRef':
    case 'Code':
      promoteEach(value)
      return value
    case 'Binary':
      return promotedBinary(value)
    case 'BSONRegExp':
      return promotedRegExp(value)
    default:
      return value
  }
}

/** @param {any} holder a document, or an instance that holds some */
function promoteEach(holder) {
  for (const key in holder) {
    const item = holder[key]
    // Dates, of which there may be many, need no second look.
    if (typeof item === 'object' && item !== null && !(item instanceof Date)) {
      const value = promoted(item)
      if (value !== item) {
        // Not an assignment: the key may be `__proto__`.
        Object.defineProperty(holder, key, { value })
      }
    }
  }
}

/** @param {import('bson').BSONRegExp} expression */
function promotedRegExp(expression) {
  const flags = { i: 'i', m: 'm', s: 'g' }
  try {
    const options = [...expression.options].map((option) => flags[option] ?? '')
    return new RegExp(expression.pattern, options.join(''))
  } catch {
    return expression
  }
}

/** @param {import('bson').Binary} binary */
function promotedBinary(binary) {
  const bytes = Buffer.from(binary.value())
  if (binary.sub_type === 0) {
    return bytes
  }
  binary.buffer = bytes
  return binary
}

module.exports = { documentOfDBRef, elementOf, fromBson, hasBsonClass }
