'use strict'

const { SessionStoreError, optionsError } = require('../errors')
const { looking } = require('../options/given')
const { describe, isPlain, isRecord } = require('../options/kinds')
const { decoder, encode } = require('../values/values')

/**
 * What sessions have to be like: paths in `data`, with the values there, as BSON.
 * @typedef {{ paths: Buffer, hasOperators: boolean }} Filter
 */

/** The operators that join several filters. */
const JOINING = ['$and', '$or', '$nor']

const ADVICE = "say { operators: true } where MongoDB's operators are meant"

const GIVEN = 'the filter or its options'

/** @type {import('../values/bson-writer').Written} */
const FILTER = { root: 'filter', mustKeep: 'no session can be found by that' }

const decode = decoder(() => undefined)

/**
 * @param {unknown} filter
 * @param {unknown} [options]
 * @param {string[]} [indexed] with `encryption`, the paths that sessions are found by; else by any
 * @returns {Filter}
 */
function readFilter(filter, options, indexed) {
  return looking(GIVEN, () => withOperators(filter, readOptions(options, ['operators']), indexed))
}

/**
 * What `destroyMany` is given: a filter that does not find all sessions, and the ids of those that stay.
 * @param {unknown} filter
 * @param {unknown} [options]
 * @param {string[]} [indexed]
 * @returns {{ filter: Filter, except: string[] }}
 */
function readSweep(filter, options, indexed) {
  return looking(GIVEN, () => {
    const given = readOptions(options, ['operators', 'except'])
    const except = 'except' in given ? readExcept(given.except) : []
    return { filter: readNarrow(filter, given, indexed), except }
  })
}

/**
 * @param {unknown} filter
 * @param {Record<string, unknown>} options
 * @param {string[]} [indexed]
 * @returns {Filter}
 */
function withOperators(filter, options, indexed) {
  const operators = readOperators(options)
  const entries = entriesOf(filter)
  for (const [path] of entries) {
    checkPath(path, operators)
  }
  if (indexed) {
    checkEncrypted(
      entries.map(([path]) => path),
      operators,
      indexed,
    )
  }
  const paths = encodeFilter(Object.fromEntries(entries))
  // What is sent counts, not what was given: a value may say one thing now and another later.
  check(decode(paths), operators)
  return { paths, hasOperators: operators }
}

/**
 * A value that is left out, such as `undefined`, would have the filter find more sessions than meant.
 * @param {object} filter
 */
function encodeFilter(filter) {
  try {
    return encode(filter, FILTER)
  } catch (error) {
    const { code, message } = /** @type {SessionStoreError} */ (error)
    throw optionsError(code === 'ERR_SESSION_TOO_LARGE' ? 'the filter exceeds 16 MiB' : message)
  }
}

/**
 * @param {unknown} filter
 * @param {Record<string, unknown>} options
 * @param {string[]} [indexed]
 */
function readNarrow(filter, options, indexed) {
  const checked = withOperators(filter, options, indexed)
  if (Object.keys(decode(checked.paths)).length === 0) {
    throw optionsError(
      "destroyMany takes a filter that is not empty, such as { 'userInfo.id': 42 }: clear() ends " +
        'all sessions',
    )
  }
  return checked
}

/**
 * What an encrypted session says can only be compared, and only where a hash of it is kept.
 * @param {string[]} paths
 * @param {boolean} operators
 * @param {string[]} indexed
 */
function checkEncrypted(paths, operators, indexed) {
  if (operators) {
    throw optionsError(
      'with the option `encryption` a filter compares for equality only: no { operators: true }',
    )
  }
  const other = paths.find((path) => !indexed.includes(path))
  if (other !== undefined) {
    const those = indexed.length > 0 ? `: ${indexed.join(', ')}` : ', and it names none'
    throw optionsError(
      'with the option `encryption` sessions are found by the paths of the option `indexes` only' +
        `${those}; the filter's '${other}' is not among them`,
    )
  }
}

/**
 * @param {unknown} options
 * @param {string[]} known
 * @returns {Record<string, unknown>} those that are given
 */
function readOptions(options, known) {
  if (options === undefined || options === null) {
    return {}
  }
  if (!isRecord(options)) {
    throw optionsError(
      `the options beside the filter have to be an object; given was ${describe(options)}`,
    )
  }
  const unknown = Object.keys(options).find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw optionsError(`unknown option '${unknown}' beside the filter`)
  }
  // Each is looked at once, wherever it is inherited from.
  return Object.fromEntries(
    known.filter((name) => name in options).map((name) => [name, options[name]]),
  )
}

/** @param {Record<string, unknown>} options */
function readOperators({ operators = false }) {
  if (typeof operators !== 'boolean') {
    throw optionsError(`option 'operators' must be true or false; given was ${describe(operators)}`)
  }
  return operators
}

/**
 * @param {unknown} except
 * @returns {string[]} ids
 */
function readExcept(except) {
  if (except === undefined) {
    // Whoever has no id to give would end the session that was to stay.
    throw new SessionStoreError(
      'ERR_SESSION_ID',
      "'except' is undefined: pass a session id or a list of ids, or leave it out " +
        '(`ctx.session.externalKey` is there from koa-session 6.2 on, with a store)',
    )
  }
  const ids = Array.isArray(except) ? Array.from(except) : [except]
  if (!ids.every((id) => typeof id === 'string' && id !== '')) {
    throw new SessionStoreError(
      'ERR_SESSION_ID',
      "'except' has to be a session id, or a list of ids, and no id is empty",
    )
  }
  return ids
}

/**
 * @param {any} filter
 * @returns {[string, any][]}
 */
function entriesOf(filter) {
  if (filter === undefined) {
    return []
  }
  if (!isRecord(filter) || !isPlain(filter)) {
    throw optionsError(
      `a filter has to be an object such as { 'userInfo.id': 42 }; given was ${describe(filter)}`,
    )
  }
  return Object.entries(filter)
}

/**
 * @param {Record<string, any>} filter as it is sent
 * @param {boolean} operators
 */
function check(filter, operators) {
  for (const [path, value] of Object.entries(filter)) {
    checkPath(path, operators)
    if (!operators) {
      checkLiteral(path, value)
    } else if (JOINING.includes(path)) {
      checkJoined(path, value)
    }
  }
}

/**
 * @param {string} name
 * @param {any} filters
 */
function checkJoined(name, filters) {
  const isList = Array.isArray(filters) && filters.length > 0
  if (!isList || !filters.every((one) => isRecord(one) && Object.keys(one).length > 0)) {
    throw optionsError(`the filter's ${name} has to be a list of filters that are not empty`)
  }
  for (const filter of filters) {
    check(filter, true)
  }
}

/**
 * @param {string} path
 * @param {boolean} operators
 */
function checkPath(path, operators) {
  if (operators && JOINING.includes(path)) {
    return
  }
  const keys = path.split('.')
  if (path.includes('\0') || keys.some((key) => key === '' || key.startsWith('$'))) {
    const those = `the operators at the top of a filter are ${JOINING.join(', ')}`
    const advice = operators ? those : `${ADVICE}; ${those}`
    throw optionsError(
      `a filter names paths in the session, such as 'userInfo.id': '${path}' is none` +
        (path.startsWith('$') ? `; ${advice}` : ''),
    )
  }
}

/**
 * An operator in the place of a value that came with a request would find other sessions than meant.
 * @param {string} path
 * @param {any} value
 */
function checkLiteral(path, value) {
  if (typeof value !== 'object' || value === null) {
    return
  }
  const isObject = isPlain(value)
  for (const [key, inner] of Object.entries(Array.isArray(value) || isObject ? value : {})) {
    if (isObject && key.startsWith('$')) {
      throw optionsError(
        `the filter's '${path}' has a key that begins with $, and values are taken literally: ${ADVICE}`,
      )
    }
    checkLiteral(path, inner)
  }
}

module.exports = { readFilter, readSweep }
