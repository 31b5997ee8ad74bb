'use strict'

/** @typedef {import('../values/values').Content} Content */

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
  writing = /** @type {{ call: number, content: Uint8Array }[]} */ ([])
  #calls = 0
  #learned = 0

  /**
   * @param {Reads} reads of the store that holds the session
   * @param {string} id
   * @param {Knowledge | undefined} next of the same request, about another session
   */
  constructor(reads, id, next) {
    this.reads = reads
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
   * @param {Uint8Array} content
   */
  writes(call, content) {
    const last = this.writing.at(-1)
    if (last && Buffer.compare(last.content, content) === 0) {
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

/** What is made of it is the object itself that it was given. */
class Given {
  /** @param {object} object */
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: so a class that extends it adds its fields.
    return object
  }
}

/**
 * A field of a request's `ctx` that nobody else sees: what it knows of its last session, and by that
 * of the others. With a WeakMap every fresh `ctx` costs the collection of garbage, 0.4 µs in all.
 */
class Request extends Given {
  /** @type {Knowledge | undefined} */
  #last

  /** @param {object} ctx */
  static last(ctx) {
    return #last in ctx ? ctx.#last : undefined
  }

  /** @param {object} ctx @param {Knowledge} knowledge */
  static remember(ctx, knowledge) {
    const request = #last in ctx ? ctx : new Request(ctx)
    request.#last = knowledge
  }
}

/** What the requests know of one store's sessions. */
class Reads {
  /**
   * @param {unknown} ctx
   * @param {string} id
   */
  of(ctx, id) {
    if (typeof ctx !== 'object' || ctx === null) {
      return new Knowledge(this, id, undefined)
    }
    // Nearly every request has one session, so a list is all it takes.
    const last = Request.last(ctx)
    let knowledge = last
    while (knowledge && (knowledge.id !== id || knowledge.reads !== this)) {
      knowledge = knowledge.next
    }
    if (!knowledge) {
      knowledge = new Knowledge(this, id, last)
      Request.remember(ctx, knowledge)
    }
    return knowledge
  }
}

exports.Knowledge = Knowledge
exports.Reads = Reads
