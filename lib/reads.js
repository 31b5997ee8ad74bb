'use strict'

/** @typedef {import('./values').Content} Content */

/**
 * A session as a request read it, or wrote it last, and when that ends: milliseconds since 1970,
 * 0 where it is not known. What was read Rust keeps for a while (`src/recent.rs`), under a number.
 * @typedef {{ content: Content, readNumber?: number, expiresAt: number }} Read
 */

/**
 * What one request knows of one session. Its calls are numbered, since it need not wait for them,
 * and what it learns from an earlier one is no news after a later one.
 */
class Knowledge {
  /** @type {Read | undefined} */
  read
  /** What it writes or failed to write: the session may look like this, too. */
  writing = /** @type {{ call: number, content: Content }[]} */ ([])
  #calls = 0
  #learned = 0

  /**
   * @param {string} id
   * @param {Knowledge | undefined} next of the same request, about another session
   */
  constructor(id, next) {
    this.id = id
    this.next = next
  }

  call() {
    this.#calls++
    return this.#calls
  }

  /** What the session may look like beside what was read. */
  contents() {
    return this.writing.map(({ content }) => content)
  }

  /**
   * @param {number} call
   * @param {Content} content
   */
  writes(call, content) {
    const last = this.writing.at(-1)
    if (last && isSame(last.content, content)) {
      last.call = call
    } else {
      this.writing.push({ call, content })
    }
  }

  /**
   * @param {number} call
   * @param {Read | undefined} read
   */
  learn(call, read) {
    if (call > this.#learned) {
      this.read = read
      this.#learned = call
    }
    while (this.writing.length > 0 && this.writing[0].call <= call) {
      this.writing.shift()
    }
  }

  /**
   * What it learned from this call did not come true.
   * @param {number} call
   * @param {Read | undefined} read what it knew before
   */
  unlearn(call, read) {
    if (this.#learned === call) {
      this.read = read
    }
  }
}

/** @param {Content} one @param {Content} other */
function isSame(one, other) {
  return one instanceof Uint8Array && other instanceof Uint8Array
    ? Buffer.compare(one, other) === 0
    : one === other
}

/** What each request knows, by its `ctx`. */
class Reads {
  // Nearly every request has one session, so a list is all it takes.
  /** @type {WeakMap<object, Knowledge>} */
  #byCtx = new WeakMap()

  /**
   * @param {unknown} ctx
   * @param {string} id
   */
  of(ctx, id) {
    if (typeof ctx !== 'object' || ctx === null) {
      return new Knowledge(id, undefined)
    }
    const first = this.#byCtx.get(ctx)
    let knowledge = first
    while (knowledge && knowledge.id !== id) {
      knowledge = knowledge.next
    }
    if (!knowledge) {
      knowledge = new Knowledge(id, first)
      this.#byCtx.set(ctx, knowledge)
    }
    return knowledge
  }
}

exports.Knowledge = Knowledge
exports.Reads = Reads
