'use strict'

const { Operation } = require('./operation')

/** @typedef {import('./sessions').Sessions} Sessions */
/** @typedef {import('./filter').Filter} Filter */
/** @typedef {{ type: string, id?: string }} Change */

/** As `src/binding.rs` numbers them. */
const TYPES = ['create', 'update', 'destroy', 'expire', 'gap']

const GAP = 4

let watches = 0

/** Ends what somebody began to watch and dropped. */
const abandoned = new FinalizationRegistry((/** @type {() => void} */ end) => end())

/** Settles when the changes are followed. */
class Follow extends Operation {
  /** Under which Rust knows it. */
  number = watches++
  /** Where it is followed. @type {Sessions | undefined} */
  sessions

  /** @param {Filter} filter */
  constructor(filter) {
    super('watch')
    this.filter = filter
  }

  /** @param {Sessions} sessions @param {number} token */
  send(sessions, token) {
    this.sessions = sessions
    sessions.watch(token, this.number, this.filter.paths, this.filter.hasOperators)
  }

  end() {
    this.sessions?.unwatch(this.number)
  }
}

/** Settles with what happens next: `undefined` if nothing will. */
class Next extends Operation {
  /** @param {Follow} follow */
  constructor(follow) {
    super('next')
    this.follow = follow
  }

  /** @param {Sessions | undefined} _sessions not where the store is now @param {number} token */
  send(_sessions, token) {
    this.follow.sessions?.next(token, this.follow.number)
  }

  /** @param {any} found */
  succeed(found) {
    if (typeof found === 'number') {
      this.resolve(undefined)
      return
    }
    const change = (/** @type {number} */ kind, /** @type {number} */ index) =>
      kind === GAP ? { type: TYPES[kind] } : { type: TYPES[kind], id: found.ids[index] }
    this.resolve(found.kinds.map(change))
  }
}

/**
 * What happens to sessions, as `watch()` gives it: an async iterator, which its user ends by leaving the
 * loop. Where the store goes to another address, it follows, and says that it may have missed something.
 */
class Changes {
  #filter
  #link
  /** @type {Change[]} */
  #arrived = []
  /** The way by which changes come, also for who ends it when nobody holds this any more. */
  #way = { follow: /** @type {Follow | undefined} */ (undefined) }
  #ended = false
  /** One after the other, though they need not be awaited. @type {Promise<any>} */
  #last
  /** Resolves when nothing is missed any more. @type {Promise<void>} */
  opened

  /**
   * @param {Filter | undefined} filter undefined where nothing is opened
   * @param {object} link
   * @param {(follow: Follow) => Promise<any>} link.open
   * @param {(next: Next) => Promise<any>} link.next
   * @param {(follow: Follow) => void} link.recall ends one that is held back
   * @param {() => boolean} link.isOpen whether the store is not closed
   */
  constructor(filter, link) {
    this.#filter = filter
    this.#link = link
    this.opened = this.#open()
    this.#last = this.opened
    // Whoever iterates is told.
    this.opened.catch(() => {})
    const way = this.#way
    abandoned.register(this, () => way.follow?.end())
  }

  [Symbol.asyncIterator]() {
    return this
  }

  /** @returns {Promise<IteratorResult<Change, undefined>>} */
  next() {
    const next = this.#last.then(() => this.#next())
    // Whoever waits is told of a failure, and who asks again that there is no more.
    this.#last = next.catch(() => {})
    return next
  }

  /** @returns {Promise<IteratorResult<Change, undefined>>} */
  async return() {
    this.#end()
    return { value: undefined, done: true }
  }

  async [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    this.#end()
  }

  #end() {
    this.#ended = true
    const { follow } = this.#way
    if (follow) {
      this.#link.recall(follow)
      follow.end()
    }
  }

  async #open() {
    const follow = new Follow(/** @type {Filter} */ (this.#filter))
    this.#way.follow = follow
    try {
      await this.#link.open(follow)
    } catch (error) {
      // Who has left is told of no failure.
      if (!this.#ended) {
        this.#end()
        throw error
      }
    }
    if (this.#ended) {
      follow.end() // it was left while it was sent
    }
  }

  /** @returns {Promise<IteratorResult<Change, undefined>>} */
  async #next() {
    while (!this.#ended) {
      const change = this.#arrived.shift()
      if (change !== undefined) {
        return { value: change, done: false }
      }
      const arrived = await this.#more()
      if (arrived === undefined) {
        break
      }
      this.#arrived = arrived
    }
    return { value: undefined, done: true }
  }

  /** @returns {Promise<Change[] | undefined>} */
  async #more() {
    const follow = /** @type {Follow} */ (this.#way.follow)
    try {
      const arrived = await this.#link.next(new Next(follow))
      if (arrived !== undefined) {
        return arrived
      }
      follow.end()
      if (this.#ended || !this.#link.isOpen()) {
        this.#end()
        return undefined
      }
      await this.#open()
      return [{ type: TYPES[GAP] }]
    } catch (error) {
      this.#end()
      throw error
    }
  }
}

exports.Changes = Changes
