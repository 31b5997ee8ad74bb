'use strict'

// Node's own, and captured here: a test suite may have a browser's in their place (jsdom), or fake them
// later, which would end the process early.
const { setInterval, clearInterval } = require('node:timers')

/** @typedef {import('./operation').Operation} Operation */

const LONGEST_INTERVAL = 2 ** 31 - 1

/**
 * The operations under way, each under a token that crosses to Rust and back. While there are any,
 * the process stays alive, and so does what they were sent by: nobody else may hold it any more.
 */
class UnderWay {
  /** @type {(Operation | undefined)[]} */
  #byToken = [undefined] // token 0 belongs to warnings
  /** @type {number[]} */
  #free = []
  #count = 0
  /** Gives the store, unless that was collected. @type {() => object | undefined} */
  #store
  /** Never read: held, so that it is not collected, nor what listens to it. @type {object | undefined} */
  sender
  /** Those on single sessions that are at a former address. @type {Set<Operation>} */
  #former = new Set()
  /** How many of these are on an id. @type {Map<string | undefined, number>} */
  #formerOn = new Map()
  /** Held only while there are any: it holds the sender. @type {(() => void) | undefined} */
  #whenEnded
  #alive = setInterval(() => {}, LONGEST_INTERVAL).unref()

  /** @param {() => object | undefined} store */
  constructor(store) {
    this.#store = store
  }

  /**
   * @param {Operation} operation
   * @param {object} sender
   */
  add(operation, sender) {
    if (this.#count++ === 0) {
      this.#alive.ref()
      this.sender = this.#store() ?? sender
    }
    const token = this.#free.pop() ?? this.#byToken.length
    this.#byToken[token] = operation
    return token
  }

  /**
   * @param {number} token
   * @param {import('./operation').Outcome} outcome
   * @param {number} readNumber
   * @param {number} [expiresAt]
   * @param {boolean} [isOutdated]
   * @param {number} [together]
   */
  settle(token, outcome, readNumber, expiresAt, isOutdated, together) {
    const operation = this.#byToken[token]
    this.#byToken[token] = undefined
    this.#free.push(token)
    if (--this.#count === 0) {
      this.#alive.unref()
      this.sender = undefined
    }
    operation?.settle(outcome, readNumber, expiresAt, isOutdated, together)
    if (this.#former.size > 0 && operation && this.#former.delete(operation)) {
      this.#endFormer(operation)
    }
  }

  /**
   * All that are under way are at a former address from now on.
   * @param {() => void} whenEnded is called each time that all on an id have ended
   */
  leave(whenEnded) {
    for (const operation of this.#byToken) {
      if (operation?.id !== undefined && !this.#former.has(operation)) {
        this.#former.add(operation)
        this.#formerOn.set(operation.id, (this.#formerOn.get(operation.id) ?? 0) + 1)
        this.#whenEnded = whenEnded
      }
    }
  }

  /**
   * Whether an operation on the same session is under way at a former address; for one that concerns
   * many, on any.
   * @param {Operation} operation
   */
  isBehind({ id }) {
    return this.#former.size > 0 && (id === undefined || this.#formerOn.has(id))
  }

  /** @param {Operation} operation */
  #endFormer({ id }) {
    const whenEnded = this.#whenEnded
    if (this.#former.size === 0) {
      this.#whenEnded = undefined
    }
    const left = (this.#formerOn.get(id) ?? 0) - 1
    if (left > 0) {
      this.#formerOn.set(id, left)
    } else {
      this.#formerOn.delete(id)
      whenEnded?.()
    }
  }

  close() {
    clearInterval(this.#alive)
  }
}

exports.UnderWay = UnderWay
