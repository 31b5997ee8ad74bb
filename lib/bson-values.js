'use strict'

const { types } = require('node:util')
const { SessionStoreError } = require('./errors')

/** Loaded with the first session that needs it: most are plain JSON. @type {typeof import('bson')} */
let bson

function loadBson() {
  bson ??= require('bson')
  return bson
}

/** The key by which every copy of the `bson` package, from 5 on, names its major version. */
const VERSION = Symbol.for('@@mdb.bson.version')

/**
 * Writes a session with values that JSON has no form for.
 * @param {any} data
 * @param {number} maxDepth
 * @returns {Uint8Array}
 */
function toBson(data, maxDepth) {
  const { serialize } = loadBson()
  const copy = prepare(data, { path: [], parents: [], maxDepth })
  try {
    return serialize(copy, { ignoreUndefined: true })
  } catch (cause) {
    if (cause instanceof RangeError) {
      const message = "the session exceeds MongoDB's limit of 16 MiB for one document"
      throw new SessionStoreError('ERR_SESSION_TOO_LARGE', message)
    }
    throw new SessionStoreError('ERR_SESSION_VALUE', 'the session cannot be stored as BSON')
  }
}

/**
 * @param {Uint8Array} bytes
 * @returns {Record<string, any>}
 */
function fromBson(bytes) {
  const { deserialize } = loadBson()
  try {
    return promoteBuffers(deserialize(bytes))
  } catch {
    throw new SessionStoreError('ERR_SESSION_VALUE', 'the stored session is malformed')
  }
}

/**
 * Plain binary data is a `Buffer` to JavaScript; a UUID or another subtype keeps its class.
 * @param {any} value
 * @returns {any}
 */
function promoteBuffers(value) {
  if (typeof value !== 'object' || value === null) {
    return value
  }
  if (value._bsontype === 'Binary' && value instanceof bson.Binary) {
    return value.sub_type === bson.Binary.SUBTYPE_DEFAULT ? Buffer.from(value.value()) : value
  }
  if (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) {
    for (const key of Object.keys(value)) {
      const promoted = promoteBuffers(value[key])
      if (promoted !== value[key]) {
        // Not an assignment: the key may be `__proto__`.
        Object.defineProperty(value, key, { value: promoted })
      }
    }
  }
  return value
}

/** @typedef {{ path: (string | number)[], parents: object[], maxDepth: number }} Place */

/**
 * A copy with nothing in it that the `bson` package does not know.
 * @param {any} value
 * @param {Place} place
 * @returns {any}
 */
function prepare(value, place) {
  if (typeof value === 'function' || typeof value === 'symbol') {
    return undefined
  }
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) !== value) {
    throw refusal(place, 'is a bigint of more than 64 bits')
  }
  if (typeof value !== 'object' || value === null) {
    return value
  }
  if (place.parents.includes(value)) {
    throw refusal(place, 'refers back to an object that contains it')
  }
  if (place.parents.length > place.maxDepth) {
    throw refusal(place, `nests deeper than ${place.maxDepth}`)
  }
  place.parents.push(value)
  const prepared = prepareObject(value, place)
  place.parents.pop()
  return prepared
}

/**
 * @param {any} value
 * @param {Place} place
 */
function prepareObject(value, place) {
  if (Array.isArray(value)) {
    // As in JSON, what has no form in an array becomes null, so that the others keep their place.
    return Array.from(value, (item, index) => prepareAt(index, item, place) ?? null)
  }
  if (types.isDate(value)) {
    return Number.isNaN(value.getTime()) ? null : value
  }
  if (types.isRegExp(value) || types.isUint8Array(value)) {
    return value
  }
  if (types.isAnyArrayBuffer(value)) {
    return new Uint8Array(value)
  }
  if (types.isBoxedPrimitive(value)) {
    return prepare(value.valueOf(), place)
  }
  if (typeof value._bsontype === 'string' && typeof value.constructor !== 'undefined') {
    const known = bsonValue(value)
    if (known !== undefined) {
      return known
    }
  }
  for (const method of ['toBSON', 'toJSON']) {
    if (typeof value[method] === 'function') {
      return prepare(value[method](place.path.at(-1) ?? ''), place)
    }
  }
  if (hasNoForm(value)) {
    throw refusal(place, `is a ${value.constructor?.name ?? 'value'}, which BSON has no form for`)
  }
  return prepareEntries(types.isMap(value) ? value : Object.entries(value), place)
}

/**
 * @param {Iterable<[any, any]>} entries
 * @param {Place} place
 */
function prepareEntries(entries, place) {
  // Without a prototype `__proto__` is a key like any other.
  const copy = Object.create(null)
  for (const [key, item] of entries) {
    if (typeof key !== 'string' && typeof key !== 'number') {
      throw refusal(place, 'is a Map with a key that is not a string')
    }
    if (String(key).includes('\0')) {
      throw refusal(place, 'has a key with a NUL character')
    }
    copy[key] = prepareAt(key, item, place)
  }
  return copy
}

/**
 * @param {string | number} key
 * @param {any} item
 * @param {Place} place
 */
function prepareAt(key, item, place) {
  place.path.push(key)
  const prepared = prepare(item, place)
  place.path.pop()
  return prepared
}

/** @param {object} value */
function hasNoForm(value) {
  return (
    types.isSet(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isPromise(value) ||
    types.isProxy(value) ||
    types.isGeneratorObject(value) ||
    ArrayBuffer.isView(value)
  )
}

/**
 * An instance of a BSON class, as the `bson` package of this store knows it; other copies and
 * versions of the package have classes of their own. `undefined` for what only looks like one.
 * @param {any} value
 */
function bsonValue(value) {
  const type = value._bsontype === 'ObjectID' ? 'ObjectId' : value._bsontype
  const own = /** @type {any} */ (bson)[type]
  if (typeof own !== 'function' || Object.hasOwn(value, '_bsontype')) {
    return undefined
  }
  if (value[VERSION] === bson.ObjectId.prototype[/** @type {any} */ (VERSION)]) {
    return value
  }
  // Extended JSON is what all versions have in common.
  const text = JSON.stringify(value.toExtendedJSON({ relaxed: false }))
  return bson.EJSON.parse(`{"value":${text}}`, { relaxed: false }).value
}

/**
 * @param {Place} place
 * @param {string} problem
 */
function refusal({ path }, problem) {
  return new SessionStoreError('ERR_SESSION_VALUE', `${formatPath(path)} ${problem}`)
}

/** @param {(string | number)[]} path */
function formatPath(path) {
  const steps = path.map((key) => {
    if (typeof key === 'number') {
      return `[${key}]`
    }
    return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
      ? `.${key}`
      : `[${JSON.stringify(key)}]`
  })
  return `data${steps.join('')}`
}

module.exports = { toBson, fromBson }
