'use strict'

// Values of BSON's own classes, of whatever copy and version of the `bson` package, as that package
// writes them.

const { types } = require('node:util')
const { ownBson } = require('./bson-classes')

/** The key by which every copy of the `bson` package, from 5 on, names its major version. */
const VERSION = Symbol.for('@@mdb.bson.version')

/** The classes that have had other names. @type {Record<string, string>} */
const RENAMED = { ObjectID: 'ObjectId', Symbol: 'BSONSymbol' }

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
  // In the first versions 4 it is no Binary.
  UUID: (value, { UUID }) => new UUID(value.toHexString()),
}

/** What BsonWriter writes itself, since it holds other values. */
const HOLDERS = ['Code', 'DBRef']

/**
 * Whether a value is an instance of one of BSON's classes. A plain object with a key `_bsontype` is
 * none: what it inherits from, in whatever realm, inherits from nothing.
 * @param {any} value
 */
function hasBsonClass(value) {
  if (typeof value._bsontype !== 'string') {
    return false
  }
  const name = className(value)
  const prototype = Object.getPrototypeOf(value)
  return (
    (Object.hasOwn(COPIES, name) || HOLDERS.includes(name)) &&
    prototype !== null &&
    Object.getPrototypeOf(prototype) !== null
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
  try {
    return ownBson().serialize({ '': types.isRegExp(value) ? value : ownInstance(value) })
  } catch {
    return undefined
  }
}

/**
 * Other copies and versions of the `bson` package have classes of their own.
 * @param {any} value
 */
function ownInstance(value) {
  const own = ownBson()
  const isOwn = value[VERSION] === own.ObjectId.prototype[/** @type {any} */ (VERSION)]
  return isOwn ? value : COPIES[className(value)](value, own)
}

module.exports = { documentOfDBRef, elementOf, hasBsonClass }
