'use strict'

const { isBson } = require('../values/bson-classes')

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

// A lone surrogate cannot be sent to MongoDB, a NUL cannot be in a name.
const UNSENDABLE = /\p{Surrogate}|\0/u

/** @param {unknown} value */
function isText(value) {
  return typeof value === 'string' && value !== '' && !UNSENDABLE.test(value)
}

/** @param {unknown} value @returns {value is Record<string, any>} */
function isRecord(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const text = kind('a non-empty string', (value) => (isText(value) ? value : undefined))

const flag = kind(
  'true or false',
  (value) => (typeof value === 'boolean' ? value : undefined),
  (word) => (word === 'true' ? true : word === 'false' ? false : undefined),
)

/**
 * @param {number} least
 * @returns {Kind}
 */
function whole(least) {
  const most = 2 ** 31 - 1
  /** @param {unknown} value */
  const read = (value) =>
    Number.isInteger(value) && Number(value) >= least && Number(value) <= most ? value : undefined
  return kind(`a whole number of at least ${least}`, read, (digits) =>
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

const bson = kind('the `bson` module, of version 4 to 7', (value) =>
  isBson(value) ? value : undefined,
)

/**
 * @param {string[]} words
 * @returns {Kind}
 */
function oneOf(words) {
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
  'a database name (1 to 63 bytes, none of / \\ . " $ * < > : | ? and no space)',
  (value) =>
    isText(value) && Buffer.byteLength(value) < 64 && !/[/\\. "$*<>:|?]/.test(value)
      ? value
      : undefined,
)

const collectionName = kind(
  "a collection name (no '$', no empty part between dots, not starting with 'system.')",
  (value) => (isText(value) && !/[$]|^system\.|^\.|\.\.|\.$/.test(value) ? value : undefined),
)

const w = kind(
  "'majority', the name of a write concern, or a whole number of at least 1 (a session counts as " +
    'written when MongoDB has acknowledged it)',
  (value) => {
    const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
    return typeof number === 'number' ? whole(1).read(number) : text.read(value)
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
  isRecord,
  text,
  flag,
  whole,
  seconds,
  secondsOrNone,
  bson,
  oneOf,
  appName,
  databaseName,
  collectionName,
  w,
  properties,
  tagSets,
}
