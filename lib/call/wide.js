'use strict'

const { Operation, toError } = require('./operation')

/** @typedef {import('./sessions').Sessions} Sessions */
/** @typedef {import('../../native').FoundObject} Found */
/** @typedef {import('./filter').Filter} Filter */

/** An operation that concerns many sessions: how it crosses to Rust, and what it found. */
class WideOperation extends Operation {
  /**
   * @param {string} name of the call
   * @param {(sessions: Sessions, token: number) => void} cross
   * @param {(found: Found) => any} resultOf
   */
  constructor(name, cross, resultOf) {
    super(name)
    this.cross = cross
    this.resultOf = resultOf
  }

  /** @param {Sessions} sessions @param {number} token */
  send(sessions, token) {
    this.cross(sessions, token)
  }

  /** @param {Found} found */
  succeed(found) {
    try {
      this.resolve(this.resultOf(found))
    } catch (error) {
      this.reject(error)
    }
  }
}

/** @param {Filter} filter */
function length({ paths, hasOperators }) {
  return new WideOperation(
    'length',
    (sessions, token) => sessions.length(token, paths, hasOperators),
    ({ count }) => count,
  )
}

/**
 * @param {Filter} filter
 * @param {string[]} except
 * @param {boolean} isTold whether Rust is to say which sessions it destroys
 * @param {'destroyMany' | 'clear'} [name] of the call
 */
function destroyMany({ paths, hasOperators }, except, isTold, name = 'destroyMany') {
  return new WideOperation(
    name,
    (sessions, token) => sessions.sweep(token, paths, hasOperators, except, isTold),
    ({ count }) => count,
  )
}

/**
 * A page of sessions.
 * @template Item
 * @typedef {{ items: Item[], last: string | undefined, isLast: boolean }} Page
 */

/**
 * @param {number} listing
 * @param {Filter} filter
 * @param {string | undefined} after where the page before ended
 */
function ids(listing, { paths, hasOperators }, after) {
  return new WideOperation(
    'ids',
    (sessions, token) => sessions.list(token, listing, paths, hasOperators, false, after),
    (found) => page(found, (id) => id),
  )
}

/**
 * @param {number} listing
 * @param {Filter} filter
 * @param {string | undefined} after
 * @param {(content: any) => object} decode
 */
function all(listing, { paths, hasOperators }, after, decode) {
  return new WideOperation(
    'all',
    (sessions, token) => sessions.list(token, listing, paths, hasOperators, true, after),
    (found) => {
      const { contents = [], updatedAt = [], expiresAt = [] } = found
      return page(found, (id, index) => ({
        id,
        ...session(contents[index], decode),
        updatedAt: date(updatedAt[index]),
        expiresAt: date(expiresAt[index]),
      }))
    },
  )
}

/**
 * Ends a listing before its last page.
 * @param {number} listing
 */
function leave(listing) {
  return new WideOperation(
    'leave',
    (sessions, token) => sessions.leave(token, listing),
    () => undefined,
  )
}

/**
 * @template Item
 * @param {Found} found
 * @param {(id: string, index: number) => Item} item
 * @returns {Page<Item>}
 */
function page({ ids: found = [], last, isLast = true }, item) {
  return { items: found.map(item), last, isLast }
}

/**
 * One that cannot be read does not hide the others.
 * @param {any} content
 * @param {(content: any) => object} decode
 */
function session(content, decode) {
  if (content?.code !== undefined) {
    return { data: undefined, error: toError(content) }
  }
  try {
    return { data: decode(content) }
  } catch (error) {
    return { data: undefined, error }
  }
}

/** @param {number} time in milliseconds since 1970; 0: not known */
function date(time) {
  return time === 0 ? undefined : new Date(time)
}

module.exports = { WideOperation, length, destroyMany, ids, all, leave }
