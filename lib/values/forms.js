'use strict'

// Which form BSON has for a value, whatever realm it is from: a `vm` context, or the world of a test
// runner, has a `Date` and a `Uint8Array` of its own, of which `instanceof` knows nothing.
//
// Of a class is also what only inherits from it, such as a Proxy of an instance, as in the `bson`
// package: reading such a value tells whether it can be read. `instanceof` goes first, as it costs
// less.

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
  return hasBsonClass(value) || value instanceof RegExp || types.isRegExp(value)
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

/**
 * The built-in classes that have no form, or that a Proxy of an instance hides; see above for those
 * of this realm that have one.
 */
const BUILT_IN = new Set([
  'ArrayBuffer',
  'DataView',
  'Date',
  'FinalizationRegistry',
  'Map',
  'Promise',
  'RegExp',
  'Set',
  'SharedArrayBuffer',
  'TypedArray',
  'WeakMap',
  'WeakRef',
  'WeakSet',
])

/**
 * What an object is called whose content BSON has no form for; undefined if it is its keys.
 * @param {object} value none of the above, and no boxed value or array buffer
 * @returns {string | undefined}
 */
function formless(value) {
  const isFormless =
    ArrayBuffer.isView(value) ||
    types.isSet(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isPromise(value) ||
    types.isGeneratorObject(value) ||
    types.isMapIterator(value) ||
    types.isSetIterator(value)
  return isFormless
    ? Object.prototype.toString.call(value).slice('[object '.length, -1)
    : builtInClass(value)
}

/**
 * The built-in class that a value inherits from: in each realm a function of that name, in native
 * code.
 * @param {object} value
 * @returns {string | undefined}
 */
function builtInClass(value) {
  let prototype = Object.getPrototypeOf(value)
  while (prototype !== null) {
    const { constructor: made } = prototype
    if (typeof made === 'function' && BUILT_IN.has(made.name) && isNative(made)) {
      return made.name
    }
    prototype = Object.getPrototypeOf(prototype)
  }
  return undefined
}

/** @param {Function} made */
function isNative(made) {
  return /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(made))
}

module.exports = { formless, hasOwnForm, isBsonValue, isBytes, isDate, isMap }
