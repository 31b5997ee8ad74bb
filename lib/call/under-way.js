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
  /** Never read: held, so that it is not collected. @type {object | undefined} */
  sender
  /** Who waits for the end of some of them. @type {{ left: Set<Operation>, ended: (operation: Operation) => void }[]} */
  #watchers = []
  #alive = setInterval(() => {}, LONGEST_INTERVAL).unref()

  /**
   * @param {Operation} operation
   * @param {object} sender
   */
  add(operation, sender) {
    if (this.#count++ === 0) {
      this.#alive.ref()
      this.sender = sender
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
    if (this.#watchers.length > 0 && operation) {
      this.#tell(operation)
    }
  }

  /** @returns {Operation[]} */
  get operations() {
    return this.#byToken.filter((operation) => operation !== undefined)
  }

  /**
   * @param {Operation[]} operations of those under way
   * @param {(operation: Operation) => void} ended is called with each of them
   */
  whenEnded(operations, ended) {
    this.#watchers.push({ left: new Set(operations), ended })
  }

  /** @param {Operation} operation */
  #tell(operation) {
    for (const { left, ended } of this.#watchers) {
      if (left.delete(operation)) {
        ended(operation)
      }
    }
    this.#watchers = this.#watchers.filter(({ left }) => left.size > 0)
  }

  close() {
    clearInterval(this.#alive)
  }
}

exports.UnderWay = UnderWay
