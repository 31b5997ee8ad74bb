'use strict'

// The classes of BSON, and whose: each copy and version of the `bson` package has its own, which
// those of another copy do not take for theirs.

const path = require('node:path')

/**
 * The classes that values are read as. The first versions 4 have no `UUID` that is a `Binary`.
 * @typedef {Pick<typeof import('bson'), 'Binary' | 'BSONRegExp' | 'Code' | 'DBRef' | 'Decimal128' |
 *   'Long' | 'MaxKey' | 'MinKey' | 'ObjectId' | 'Timestamp'> &
 *   { UUID?: typeof import('bson').UUID }} BsonClasses
 */

/** @type {(keyof BsonClasses)[]} */
const NEEDED = [
  'Binary',
  'BSONRegExp',
  'Code',
  'DBRef',
  'Decimal128',
  'Long',
  'MaxKey',
  'MinKey',
  'ObjectId',
  'Timestamp',
]

/** Loaded with the first session that needs it: most are plain JSON. @type {typeof import('bson')} */
let own

/** This package's own copy. */
function ownBson() {
  own ??= loadBson()
  return own
}

/**
 * Test runners that stand in for a browser (Jest with jsdom) find the module for browsers, which cannot be
 * required; the one for Node is beside it.
 * @returns {typeof import('bson')}
 */
function loadBson() {
  try {
    return require('bson')
  } catch (error) {
    const found = require.resolve('bson')
    if (!found.endsWith('.mjs')) {
      throw error
    }
    return require(path.join(path.dirname(found), 'bson.cjs'))
  }
}

/**
 * Whether a value is the `bson` module, version 4 to 7, or hands its classes on, as the driver does.
 * @param {any} value
 */
function isBson(value) {
  const classes = classesIn(value)
  return NEEDED.every((name) => classes[name] !== undefined)
}

/**
 * The classes that an application's values are read as.
 * @param {any} bson its own copy, or what is known of that; undefined if nothing is
 * @returns {BsonClasses}
 */
function classesOf(bson) {
  const theirs = classesIn(bson)
  const all = isBson(bson) ? theirs : { ...classesIn(ownBson()), ...theirs }
  return /** @type {BsonClasses} */ (all)
}

/**
 * @param {any} value a module; `BSON` has what the driver does not export itself, `default` what an
 *   import of a CommonJS module gives
 */
function classesIn(value) {
  /** @type {Partial<Record<keyof BsonClasses, any>>} */
  const classes = {}
  for (const name of NEEDED) {
    const found = [value, value?.BSON, value?.default].find((place) => isClass(place?.[name]))
    if (found) {
      classes[name] = found[name]
    }
  }
  const UUID = value?.UUID ?? value?.BSON?.UUID ?? value?.default?.UUID
  if (UUID?.prototype?._bsontype === 'Binary') {
    classes.UUID = UUID
  }
  return classes
}

/** @param {any} value version 1 has classes, too, without the name in their prototype */
function isClass(value) {
  return typeof value === 'function' && typeof value.prototype?._bsontype === 'string'
}

module.exports = { classesOf, isBson, ownBson }
