'use strict'

/** @typedef {import('./values').Content} Content */
/** @typedef {{ id: string, content: Content | undefined, next: Read | undefined }} Read */

/**
 * What each request knows of its sessions, by its `ctx`: the content it read, or wrote last.
 */
class Reads {
  // Nearly every request has one session, so a list is all it takes.
  /** @type {WeakMap<object, Read>} */
  #byCtx = new WeakMap()

  /**
   * @param {unknown} ctx
   * @param {string} id
   * @returns {Content | undefined}
   */
  find(ctx, id) {
    return isObject(ctx) ? this.#read(ctx, id)?.content : undefined
  }

  /**
   * @param {unknown} ctx
   * @param {string} id
   * @param {Content} content
   */
  remember(ctx, id, content) {
    if (!isObject(ctx)) {
      return
    }
    const known = this.#read(ctx, id)
    if (known) {
      known.content = content
    } else {
      this.#byCtx.set(ctx, { id, content, next: this.#byCtx.get(ctx) })
    }
  }

  /**
   * @param {unknown} ctx
   * @param {string} id
   */
  forget(ctx, id) {
    const known = isObject(ctx) ? this.#read(ctx, id) : undefined
    if (known) {
      known.content = undefined
    }
  }

  /**
   * @param {object} ctx
   * @param {string} id
   */
  #read(ctx, id) {
    let read = this.#byCtx.get(ctx)
    while (read && read.id !== id) {
      read = read.next
    }
    return read
  }
}

/** @param {unknown} ctx @returns {ctx is object} */
function isObject(ctx) {
  return typeof ctx === 'object' && ctx !== null
}

exports.Reads = Reads
