'use strict'

const { optionsError } = require('../errors')
const { describe, isRecord } = require('./kinds')
const { isBytes } = require('../values/forms')

const LEAST_BYTES = 32

const HOW_TO_MAKE = 'make one with: openssl rand -base64 32'

/**
 * Gives keys to whoever asks: in a field they would show when the options are printed.
 * @typedef {() => Buffer[]} Keys
 */

/** @type {import('./kinds').Kind} */
const encryption = {
  expected: '{ keys: [key, …] }, the first of which encrypts and each of which decrypts',
  read: (value) => {
    const { keys } = fieldsOf('encryption', value, 'keys')
    if (!Array.isArray(keys) || keys.length === 0) {
      const given = Array.isArray(keys) ? 'an empty list' : describe(keys)
      throw optionsError(`encryption: option 'keys' must be a list of keys; given was ${given}`)
    }
    return hidden(Array.from(keys, (key, place) => readKey(`encryption: keys[${place}]`, key)))
  },
  parse: () => undefined,
}

/** @type {import('./kinds').Kind} */
const hashIds = {
  expected: '{ key }',
  read: (value) => hidden([readKey('hashIds: key', fieldsOf('hashIds', value, 'key').key)]),
  parse: () => undefined,
}

/**
 * The fields of an option that has but one.
 * @param {string} option
 * @param {unknown} value
 * @param {string} name
 */
function fieldsOf(option, value, name) {
  const example = name === 'keys' ? '{ keys: [key, …] }' : '{ key }'
  if (!isRecord(value) || ArrayBuffer.isView(value)) {
    const given = ArrayBuffer.isView(value) ? 'bytes' : describe(value)
    throw optionsError(`option '${option}' must be ${example}; given was ${given}`)
  }
  const other = Object.keys(value).find((one) => one !== name)
  if (other !== undefined) {
    throw optionsError(`option '${option}' has no field '${other}', only '${name}': ${example}`)
  }
  return value
}

/**
 * A copy of its bytes: what the application does with its own afterwards does not matter.
 * @param {string} name
 * @param {any} value
 */
function readKey(name, value) {
  const isText = typeof value === 'string' && value.isWellFormed()
  if (!isText && !isBytes(value)) {
    throw optionsError(
      `${name} must be a string of well-formed Unicode or a Buffer; given was ${describe(value)}`,
    )
  }
  const key = isText ? Buffer.from(value, 'utf8') : Buffer.from(value)
  if (key.length < LEAST_BYTES) {
    throw optionsError(
      `${name} must have at least ${LEAST_BYTES} bytes; given were ${key.length}: ${HOW_TO_MAKE}`,
    )
  }
  return key
}

/**
 * @param {Buffer[]} keys
 * @returns {Keys}
 */
function hidden(keys) {
  return () => keys
}

module.exports = { encryption, hashIds }
