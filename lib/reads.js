'use strict'

/** @typedef {import('./values').Content} Content */
/**
 * What a request knows of a session: the content it read, or wrote last, and when that ends, in
 * milliseconds since 1970 (0: not known).
 * @typedef {{ content: Content, expiresAt: number }} Read
 * @typedef {{ id: string, read: Read | undefined, next: Entry | undefined }} Entry
 */

/** What each request knows of its sessions, by its `ctx`. */
class Reads {
  // Nearly every request has one session, so a list is all it takes.
  /** @type {WeakMap<object, Entry>} */
  #byCtx = new WeakMap()

  /**
   * @param {unknown} ctx
   * @param {string} id
   * @returns {Read | undefined}
   */
  find(ctx, id) {
    return isObject(ctx) ? this.#entry(ctx, id)?.read : undefined
  }

  /**
   * @param {unknown} ctx
   * @param {string} id
   * @param {Read} read
   */
  remember(ctx, id, read) {
    if (!isObject(ctx)) {
      return
    }
    const known = this.#entry(ctx, id)
    if (known) {
      known.read = read
    } else {
      this.#byCtx.set(ctx, { id, read, next: this.#byCtx.get(ctx) })
    }
  }

  /**
   * @param {unknown} ctx
   * @param {string} id
   */
  forget(ctx, id) {
    const known = isObject(ctx) ? this.#entry(ctx, id) : undefined
    if (known) {
      known.read = undefined
    }
  }

  /**
   * @param {object} ctx
   * @param {string} id
   */
  #entry(ctx, id) {
    let entry = this.#byCtx.get(ctx)
    while (entry && entry.id !== id) {
      entry = entry.next
    }
    return entry
  }
}

/** @param {unknown} ctx @returns {ctx is object} */
function isObject(ctx) {
  return typeof ctx === 'object' && ctx !== null
}

exports.Reads = Reads
