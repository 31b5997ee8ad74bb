'use strict'

/**
 * How sessions are read, page by page: under the number of the reader, from behind an id on.
 * @template Item
 * @typedef {object} Pages
 * @property {(listing: number, after: string | undefined) => Promise<import('./wide').Page<Item>>} next
 * @property {(listing: number) => Promise<unknown>} leave
 */

/** Whether more of it is held ready than was read. @typedef {{ listing: number, isOpen: boolean }} Reading */

let listings = 0

/** Leaves what somebody began to iterate and dropped. */
const abandoned = new FinalizationRegistry((/** @type {() => void} */ left) => left())

/**
 * Nobody waits for it, nor for what may be wrong with it.
 * @param {Pages<any>} pages
 * @param {Reading} reading
 */
function leave(pages, reading) {
  if (reading.isOpen) {
    reading.isOpen = false
    pages.leave(reading.listing).catch(() => {})
  }
}

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

  [Symbol.asyncIterator]() {
    const reading = { listing: listings++, isOpen: false }
    const sessions = this.#read(reading)
    const pages = this.#pages
    abandoned.register(sessions, () => leave(pages, reading))
    return sessions
  }

  /** @param {Reading} reading */
  async *#read(reading) {
    /** @type {string | undefined} */
    let after
    let isLast = false
    try {
      while (!isLast) {
        const page = await this.#pages.next(reading.listing, after)
        after = page.last ?? after
        isLast = page.isLast
        reading.isOpen = !isLast
        yield* page.items
      }
    } finally {
      leave(this.#pages, reading)
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
