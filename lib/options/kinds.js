'use strict'

const { types } = require('node:util')
const { isBson } = require('../values/bson-classes')
const { nameOfClass, withArticle } = require('../values/wording')

/**
 * What a value may be.
 * @typedef {object} Kind
 * @property {string} expected in words, for the message of an error
 * @property {(value: unknown) => any} read
 *   the value in the one form that the store uses; undefined where it is not acceptable
 * @property {(text: string) => any} parse the same for what a connection string says
 */

/**
 * @param {string} expected
 * @param {(value: any) => any} read
 * @param {(text: string) => any} [parse]
 * @returns {Kind}
 */
function kind(expected, read, parse = read) {
  return { expected, read, parse }
}

/**
 * What a value is, for the message of an error: never the value itself, which may be a secret.
 * @param {unknown} value
 */
function describe(value) {
  if (value === null || value === undefined) {
    return String(value)
  }
  if (value === '') {
    return 'an empty string'
  }
  if (typeof value === 'number') {
    return describeNumber(value)
  }
  if (typeof value !== 'object') {
    return `a ${typeof value}`
  }
  if (Array.isArray(value)) {
    return 'an array'
  }
  return isPlain(value) ? 'an object' : withArticle(nameOfClass(value, 'object'))
}

/** @param {number} value */
function describeNumber(value) {
  if (value === 0 || !Number.isFinite(value)) {
    return String(value)
  }
  const kindOf = Number.isInteger(value) ? 'number' : 'fraction'
  return value < 0 ? `a negative ${kindOf}` : `a ${kindOf}`
}

// A lone surrogate cannot be sent to MongoDB, a NUL cannot be in a name.
const UNSENDABLE = /\p{Surrogate}|\0/u

/** @param {unknown} value @returns {value is string} */
function isText(value) {
  return typeof value === 'string' && value !== '' && !UNSENDABLE.test(value)
}

/**
 * An object that says something by its properties: a promise that was not awaited would say nothing.
 * @param {unknown} value
 * @returns {value is Record<string, any>}
 */
function isRecord(value) {
  const isOther = Array.isArray(value) || types.isPromise(value) || types.isMap(value)
  return typeof value === 'object' && value !== null && !isOther
}

/** @param {object} value */
function isPlain(value) {
  const prototype = Object.getPrototypeOf(value)
  // That of another realm, too.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/**
 * @param {any} value
 * @param {...string} methods
 */
function has(value, ...methods) {
  const candidate = typeof value === 'object' || typeof value === 'function' ? value : undefined
  return methods.every((method) => typeof candidate?.[method] === 'function')
}

const text = kind('a non-empty string', (value) => (isText(value) ? value : undefined))

const flag = kind(
  'true or false',
  (value) => (typeof value === 'boolean' ? value : undefined),
  (word) => (word === 'true' ? true : word === 'false' ? false : undefined),
)

const MOST = 2 ** 31 - 1

/**
 * @param {number} least
 * @param {number} [most]
 * @param {string} [why] why not less
 * @returns {Kind}
 */
function whole(least, most = MOST, why = '') {
  const range = most === MOST ? `of at least ${least}` : `from ${least} to ${most}`
  /** @param {unknown} value */
  const read = (value) =>
    Number.isInteger(value) && Number(value) >= least && Number(value) <= most ? value : undefined
  return kind(`a whole number ${range}${why}`, read, (digits) =>
    /^-?\d+$/.test(digits) ? read(Number(digits)) : undefined,
  )
}

// One beyond all dates is the longest: see `expiry` in src/record.rs.
const seconds = kind('a positive number of seconds', (value) =>
  typeof value === 'number' && value > 0 ? value : undefined,
)

const secondsOrNone = kind('a number of seconds, or 0', (value) =>
  value === 0 ? 0 : Number.isFinite(value) ? seconds.read(value) : undefined,
)

const minutes = kind('a number of minutes, at least 1/60', (value) =>
  Number.isFinite(value) && Number(value) >= 1 / 60 ? value : undefined,
)

/** MongoDB has 64 indexes for a collection at the most, and others want some, too. */
const MOST_PATHS = 32

/** A path in a session, as MongoDB takes it: `userInfo.id`. */
const paths = kind(
  `a list of at most ${MOST_PATHS} paths in the session, such as ['userInfo.id'], no part of them ` +
    "empty or starting with '$'",
  (value) => {
    const fits = Array.isArray(value) && value.length <= MOST_PATHS && value.every(isPath)
    return fits ? [...new Set(value)] : undefined
  },
)

/** @param {unknown} value */
function isPath(value) {
  return isText(value) && value.split('.').every((part) => part !== '' && !part.startsWith('$'))
}

const bson = kind('the `bson` module, of version 4 to 7', (value) =>
  isBson(value) ? value : undefined,
)

/**
 * @param {string[]} words
 * @returns {Kind}
 */
function oneOf(words) {
  return kind(`one of ${words.join(', ')}`, (value) => (words.includes(value) ? value : undefined))
}

/**
 * Whatever their case, as the Node driver takes them.
 * @param {string[]} words
 * @returns {Kind}
 */
function mechanism(words) {
  return kind(`one of ${words.join(', ')}`, (value) =>
    typeof value === 'string'
      ? words.find((word) => word.toLowerCase() === value.toLowerCase())
      : undefined,
  )
}

const appName = kind('a string of 1 to 128 bytes', (value) =>
  isText(value) && Buffer.byteLength(value) <= 128 ? value : undefined,
)

const databaseName = kind(
  'a database name (1 to 63 bytes, none of / \\ . " $ and no space)',
  (value) =>
    isText(value) && Buffer.byteLength(value) < 64 && !/[/\\. "$]/.test(value) ? value : undefined,
)

const collectionName = kind(
  "a collection name (no '$', no empty part between dots, not starting with 'system.')",
  (value) => (isText(value) && !/[$]|^system\.|^\.|\.\.|\.$/.test(value) ? value : undefined),
)

const w = kind(
  "'majority', the name of a write concern, or a whole number of at least 1 (a session counts as " +
    'written when MongoDB has acknowledged it)',
  (value) => {
    // As the Node driver reads it: what can be taken for a number is one.
    const isNumber = typeof value === 'number' || (isText(value) && !Number.isNaN(Number(value)))
    return isNumber ? whole(1).read(Number(value)) : text.read(value)
  },
)

const hostnamesChecked = kind(
  'false: the store checks the host name of each certificate that it checks ' +
    '(tlsAllowInvalidCertificates checks neither)',
  (value) => (value === false ? false : undefined),
  (word) => (word === 'false' ? false : undefined),
)

const COMPRESSORS = ['none', 'snappy', 'zlib', 'zstd']

/** A list, or its words with commas between them; kept as the latter. */
const compressors = kind(`a list of ${COMPRESSORS.join(', ')}`, (value) => {
  const words = typeof value === 'string' ? value.split(',') : value
  const fits = Array.isArray(words) && words.every((word) => COMPRESSORS.includes(word))
  return fits ? words.join(',') : undefined
})

/** `'1'` or `{ version: '1' }`; kept as the latter. */
const serverApi = kind(
  "'1', or { version: '1' } with the flags strict and deprecationErrors",
  (value) => {
    const given = isRecord(value) ? value : { version: value }
    const { version, strict, deprecationErrors, ...more } = given
    const flags = [strict, deprecationErrors].every((one) => typeof (one ?? false) === 'boolean')
    const known = version === '1' && Object.keys(more).length === 0
    return known && flags ? { version, strict, deprecationErrors } : undefined
  },
)

/** `{ ENVIRONMENT: 'k8s' }` or `'ENVIRONMENT:k8s'`; kept as the latter. */
const properties = kind("properties such as { ENVIRONMENT: 'k8s' }", (value) => {
  if (isText(value)) {
    return value.split(',').every((/** @type {string} */ pair) => /^[^:]+:./.test(pair))
      ? value
      : undefined
  }
  return isRecord(value) ? pairs(value, /,/) : undefined
})

/** A list of tag sets, each `{ dc: 'east' }` or `'dc:east'`; kept as the latter. */
const tagSets = kind("a list of tag sets such as [{ dc: 'east' }]", (value) => {
  const sets = (Array.isArray(value) ? value : [value]).map(tagSet)
  return sets.includes(undefined) ? undefined : sets
})

/** @param {unknown} value */
function tagSet(value) {
  if (typeof value === 'string') {
    // More than one colon is refused: the driver would cut the tag there without a word.
    return value === '' || /^[^:,]+:[^:,]+(,[^:,]+:[^:,]+)*$/.test(value) ? value : undefined
  }
  return isRecord(value) ? pairs(value, /[:,]/) : undefined
}

/**
 * @param {Record<string, unknown>} record
 * @param {RegExp} forbidden what a value cannot contain, since it would end there
 */
function pairs(record, forbidden) {
  const entries = Object.entries(record)
  const fits = entries.every(
    ([key, value]) =>
      isText(key) && !/[:,]/.test(key) && isText(value) && !forbidden.test(String(value)),
  )
  return fits ? entries.map(([key, value]) => `${key}:${value}`).join(',') : undefined
}

module.exports = {
  kind,
  describe,
  has,
  isPlain,
  isRecord,
  text,
  flag,
  whole,
  seconds,
  secondsOrNone,
  minutes,
  paths,
  bson,
  oneOf,
  mechanism,
  appName,
  databaseName,
  collectionName,
  w,
  hostnamesChecked,
  compressors,
  serverApi,
  properties,
  tagSets,
}
