'use strict'

/**
 * Gives the page behind an id.
 * @template Item
 * @typedef {(after: string | undefined) => Promise<import('./wide').Page<Item>>} Pages
 */

/**
 * What is found of the sessions, page by page, as it is asked for: memory does not grow with the
 * collection, and whoever leaves the loop leaves nothing open. Each loop begins anew.
 * @template Item
 */
class Listing {
  #page

  /** @param {Pages<Item>} page */
  constructor(page) {
    this.#page = page
  }

  async *[Symbol.asyncIterator]() {
    /** @type {string | undefined} */
    let after
    while (true) {
      const { items, last, isLast } = await this.#page(after)
      yield* items
      if (isLast || last === undefined) {
        return
      }
      after = last
    }
  }

  async toArray() {
    const items = []
    for await (const item of this) {
      items.push(item)
    }
    return items
  }
}

exports.Listing = Listing
