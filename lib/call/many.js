'use strict'

const { readFilter, readSweep } = require('./filter')
const { Changes } = require('./watch')
const wide = require('./wide')

/** @typedef {import('./operation').Operation} Operation */
/** @typedef {import('./wide').WideOperation} WideOperation */

/**
 * How operations go to Rust: those that were called, those that nobody called, and those that go where
 * they belong, wherever the store is now.
 * @typedef {object} Ways
 * @property {(operation: Operation) => Promise<any>} send
 * @property {(operation: Operation) => void} sendUntraced
 * @property {(operation: Operation) => void} sendBack
 * @property {(operation: Operation) => void} recall ends one that is held back: nobody waits for it any more
 * @property {() => boolean} isOpen whether the store is not closed
 */

/** The calls that concern many sessions. Each throws a SessionStoreError where it cannot use its arguments. */
class Many {
  #decode
  /** With `encryption`, the paths that sessions are found by. @type {string[] | undefined} */
  #indexed
  #ways

  /**
   * @param {import('../options/options').Options} options
   * @param {(content: any) => object} decode
   * @param {Ways} ways
   */
  constructor({ encryption, indexes }, decode, ways) {
    this.#decode = decode
    this.#indexed = encryption && indexes
    this.#ways = ways
  }

  /**
   * @param {unknown} filter
   * @param {object} [options]
   * @returns {Promise<number>}
   */
  length(filter, options) {
    return this.#ways.send(wide.length(readFilter(filter, options, this.#indexed)))
  }

  /**
   * @param {unknown} filter
   * @param {object} [options]
   * @returns {import('./listing').Pages<string>}
   */
  ids(filter, options) {
    const checked = readFilter(filter, options, this.#indexed)
    return this.#pages((listing, after) => wide.ids(listing, checked, after))
  }

  /**
   * @param {unknown} filter
   * @param {object} [options]
   * @returns {import('./listing').Pages<object>}
   */
  all(filter, options) {
    const checked = readFilter(filter, options, this.#indexed)
    return this.#pages((listing, after) => wide.all(listing, checked, after, this.#decode))
  }

  /**
   * @param {(listing: number, after: string | undefined) => WideOperation} page
   * @returns {import('./listing').Pages<any>}
   */
  #pages(page) {
    return {
      next: (listing, after) => this.#ways.send(page(listing, after)),
      leave: (listing) => {
        const leave = wide.leave(listing)
        this.#ways.sendUntraced(leave)
        return leave.promise
      },
    }
  }

  /**
   * @param {unknown} filter
   * @param {object | undefined} options
   * @param {boolean} isTold whether Rust is to say which sessions it destroys
   * @returns {Promise<number>}
   */
  destroyMany(filter, options, isTold) {
    const { filter: checked, except } = readSweep(filter, options, this.#indexed)
    return this.#ways.send(wide.destroyMany(checked, except, isTold))
  }

  /** @param {boolean} isTold */
  async clear(isTold) {
    await this.#ways.send(wide.destroyMany(readFilter({}), [], isTold, 'clear'))
  }

  /**
   * @param {unknown} filter
   * @param {object} [options]
   */
  watch(filter, options) {
    return new Changes(readFilter(filter, options, this.#indexed), {
      open: (follow) => this.#ways.send(follow),
      next: (next) => {
        this.#ways.sendBack(next)
        return next.promise
      },
      recall: this.#ways.recall,
      isOpen: this.#ways.isOpen,
    })
  }

  /** @param {WideOperation} step of adopt() */
  adopt(step) {
    return this.#ways.send(step)
  }
}

exports.Many = Many
