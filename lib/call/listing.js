'use strict'

/**
 * How sessions are read, page by page: under the number of the reader, from behind an id on.
 * @template Item
 * @typedef {object} Pages
 * @property {(listing: number, after: string | undefined) => Promise<import('./wide').Page<Item>>} next
 * @property {(listing: number) => Promise<unknown>} leave
 */

let listings = 0

/**
 * What is found of the sessions, page by page, as it is asked for: memory does not grow with the
 * collection, and whoever leaves the loop leaves nothing open. Each loop begins anew.
 * @template Item
 */
class Listing {
  #pages

  /** @param {Pages<Item>} pages */
  constructor(pages) {
    this.#pages = pages
  }

  async *[Symbol.asyncIterator]() {
    const listing = listings++
    /** @type {string | undefined} */
    let after
    let isLast = false
    try {
      while (!isLast) {
        const page = await this.#pages.next(listing, after)
        after = page.last ?? after
        isLast = page.isLast
        yield* page.items
      }
    } finally {
      if (!isLast) {
        await this.#pages.leave(listing).catch(() => {}) // gone with whatever failed
      }
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
