'use strict'

// Which form BSON has for a value. Of a class is also what only inherits from it, such as a Proxy of
// an instance, as in the `bson` package: reading such a value tells whether it can be read.
// `instanceof` goes first, as it costs less.

const { types } = require('node:util')
const { hasBsonClass } = require('./bson-values')

/** @param {object} value */
function isDate(value) {
  return value instanceof Date || types.isDate(value)
}

/** @param {object} value */
function isBytes(value) {
  return value instanceof Uint8Array || types.isUint8Array(value)
}

/** @param {object} value */
function isMap(value) {
  return value instanceof Map || types.isMap(value)
}

/**
 * A regular expression or an instance of one of BSON's classes.
 * @param {object} value
 */
function isBsonValue(value) {
  return hasBsonClass(value) || types.isRegExp(value) || value instanceof RegExp
}

/**
 * Whether a value has a form of its own, so that its `toJSON` does not matter.
 * @param {object} value
 */
function hasOwnForm(value) {
  return (
    isDate(value) || isBsonValue(value) || isBytes(value) || isMap(value) || Array.isArray(value)
  )
}

/** @param {object} value none of the above */
function hasNoForm(value) {
  return (
    types.isSet(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isPromise(value) ||
    types.isGeneratorObject(value) ||
    types.isMapIterator(value) ||
    types.isSetIterator(value) ||
    value instanceof Set ||
    value instanceof WeakRef ||
    value instanceof FinalizationRegistry ||
    ArrayBuffer.isView(value)
  )
}

module.exports = { hasNoForm, hasOwnForm, isBsonValue, isBytes, isDate, isMap }
