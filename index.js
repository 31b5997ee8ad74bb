'use strict'

// The life of one call, as `get` shows it:
//
//   SessionStore.get      checks the id                                 index.js
//   Link.get              makes an operation, gives it a token          lib/call/link.js
//   GetOperation.send     crosses to Rust                               lib/call/operation.js
//   …                     queue, batch, command, reply                  src/lib.rs
//   UnderWay.settle       finds the operation again by its token        lib/call/under-way.js
//   GetOperation.succeed  parses the session, resolves the promise      lib/call/operation.js

const { EventEmitter } = require('node:events')
const { adopt } = require('./lib/call/adopt')
const { checkString, ctxOf } = require('./lib/call/arguments')
const { Listing } = require('./lib/call/listing')
const { SessionStoreError } = require('./lib/errors')
// Not with the first store: a test suite may have faked the timers by then.
require('./lib/call/under-way')

/** Where nothing else decides, a session lives for a day: milliseconds. */
const DEFAULT_LIFETIME = 86_400_000

const MAX_ID_BYTES = 1024

// What each member promises stands in index.d.ts.
class SessionStore extends EventEmitter {
  #expires
  #storedId
  #link
  /** @type {Promise<void> | undefined} */
  #closed
  /** Held by what is under way, which so holds the store. @type {import('./lib/call/link').Announce} */
  #announce = (event, id) => announce(this, event, id)

  /** @param {any} options */
  constructor(options) {
    super()
    // Not at the top: what only a store needs is nearly all that the package takes to load.
    const { readOptions } = require('./lib/options/options')
    const { Link } = require('./lib/call/link')
    const { storedIdOf } = require('./lib/options/stored-id')
    const checked = readOptions(options)
    this.#expires = checked.expires
    this.#storedId = storedIdOf(checked.hashIds)
    const store = new WeakRef(this)
    this.#link = new Link(checked, {
      store: () => store.deref(),
      warn: (warning) => warn(store.deref(), warning),
      destroyed: (ids) => {
        for (const id of ids) {
          announce(store.deref(), 'destroy', id)
        }
      },
    })
    if (checked.source.model !== undefined) {
      this.session = checked.source.model
    }
  }

  /** @param {any} options */
  static create(options) {
    return new SessionStore(options)
  }

  /**
   * @param {string} id
   * @param {number | 'session'} [_maxAge]
   * @param {{ ctx?: object }} [request]
   */
  get(id, _maxAge, request) {
    return SessionStore.#call(this, () => {
      return this.#check(id) ? this.#link.get(id, ctxOf(request)) : undefined
    })
  }

  /**
   * @param {string} id
   * @param {any} data
   * @param {number | 'session' | null} [maxAge]
   * @param {{ ctx?: object }} [request]
   */
  set(id, data, maxAge, request) {
    return SessionStore.#call(this, () => {
      if (!this.#check(id)) {
        const message = `a session id has to be 1 to ${MAX_ID_BYTES} bytes of well-formed Unicode`
        throw new SessionStoreError('ERR_SESSION_ID', message)
      }
      return this.#link.set(id, data, this.#lifetime(maxAge), ctxOf(request), this.#announce)
    })
  }

  /**
   * @param {string} id
   * @param {{ ctx?: object }} [request]
   */
  destroy(id, request) {
    return SessionStore.#call(this, () => {
      return this.#check(id) ? this.#link.destroy(id, ctxOf(request), this.#announce) : undefined
    })
  }

  /** @param {string} id */
  storedId(id) {
    checkString(id)
    return this.#storedId(id)
  }

  /**
   * @param {string} id
   * @param {number | 'session' | null} [maxAge]
   */
  touch(id, maxAge) {
    return SessionStore.#call(this, () => {
      if (!this.#check(id)) {
        return false
      }
      const own = maxAge === undefined || maxAge === null
      const lives = {
        otherwise: DEFAULT_LIFETIME,
        lifetime: own && this.#expires === undefined ? undefined : this.#lifetime(maxAge),
        maxAge: typeof maxAge === 'number' ? maxAge : undefined,
      }
      return this.#link.touch(id, lives, this.#announce)
    })
  }

  /**
   * @param {object} [filter]
   * @param {{ operators?: boolean }} [options]
   */
  all(filter, options) {
    return SessionStore.#list(this, () => this.#link.many.all(filter, options))
  }

  /**
   * @param {object} [filter]
   * @param {{ operators?: boolean }} [options]
   */
  ids(filter, options) {
    return SessionStore.#list(this, () => this.#link.many.ids(filter, options))
  }

  /**
   * @param {object} [filter]
   * @param {{ operators?: boolean }} [options]
   */
  length(filter, options) {
    return SessionStore.#call(this, () => this.#link.many.length(filter, options))
  }

  /**
   * @param {object} filter
   * @param {{ except?: string | string[], operators?: boolean }} [options]
   */
  destroyMany(filter, options) {
    return SessionStore.#call(this, () =>
      this.#link.many.destroyMany(filter, options, this.#isHeard('destroy')),
    )
  }

  /**
   * @param {object} [filter]
   * @param {{ operators?: boolean }} [options]
   */
  watch(filter, options) {
    try {
      SessionStore.#checkOpen(this)
      return this.#link.many.watch(filter, options)
    } catch (error) {
      return notWatching(error)
    }
  }

  clear() {
    return SessionStore.#call(this, () => this.#link.many.clear(this.#isHeard('destroy')))
  }

  stats() {
    return this.#link.stats()
  }

  adopt() {
    const send = (/** @type {any} */ step) =>
      SessionStore.#call(this, () => this.#link.many.adopt(step))
    return SessionStore.#call(this, () => adopt(send, this.#lifetime()))
  }

  close() {
    try {
      SessionStore.#checkStore(this)
      this.#closed ??= this.#link.close()
      return this.#closed
    } catch (error) {
      return Promise.reject(error)
    }
  }

  // Node 20 gives `Symbol` this one in its own realm only, not in that of a test runner.
  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.close()
  }

  /** @param {unknown} value what a call was made on */
  static #checkStore(value) {
    if (typeof value !== 'object' || value === null || !(#link in value)) {
      const message =
        'this call was not made on a SessionStore: write store.get(id), or bind what you take from ' +
        'the store; a Proxy, or an object that inherits from the store, is none'
      throw new SessionStoreError('ERR_OPTIONS', message)
    }
  }

  /** @param {SessionStore} store */
  static #checkOpen(store) {
    SessionStore.#checkStore(store)
    if (store.#closed) {
      throw new SessionStoreError('ERR_CLOSED', 'the session store is closed')
    }
  }

  /**
   * No call throws: what is wrong with it rejects. Adds no promise to that of the call, nor a turn.
   * @template Result
   * @param {SessionStore} store
   * @param {() => Result | Promise<Result>} call
   * @returns {Promise<Result>}
   */
  static #call(store, call) {
    try {
      SessionStore.#checkOpen(store)
      return Promise.resolve(call())
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * What is wrong with the arguments is told by the first page.
   * @template Item
   * @param {SessionStore} store
   * @param {() => import('./lib/call/listing').Pages<Item>} open
   */
  static #list(store, open) {
    try {
      SessionStore.#checkOpen(store)
      const pages = open()
      return new Listing({
        next: (listing, after) => SessionStore.#call(store, () => pages.next(listing, after)),
        leave: (listing) => SessionStore.#call(store, () => pages.leave(listing)),
      })
    } catch (error) {
      const fail = () => Promise.reject(error)
      return new Listing({ next: fail, leave: fail })
    }
  }

  /**
   * Whether a session can have this id. In a cookie that is not signed anybody can send another.
   * @param {unknown} id
   */
  #check(id) {
    checkString(id)
    // A character takes at most three bytes for each of its UTF-16 units.
    const fits = id.length * 3 <= MAX_ID_BYTES || Buffer.byteLength(id) <= MAX_ID_BYTES
    // As UTF-8 all lone surrogates are one and the same, and so would be the sessions.
    return id !== '' && fits && id.isWellFormed()
  }

  /**
   * How long a session written now lives, in milliseconds.
   * @param {number | 'session' | null} [maxAge]
   */
  #lifetime(maxAge) {
    const isUnsaid = maxAge === undefined || maxAge === null || maxAge === 'session'
    if (!isUnsaid && (typeof maxAge !== 'number' || Number.isNaN(maxAge))) {
      const message = "maxAge has to be a number of milliseconds, or 'session'"
      throw new SessionStoreError('ERR_SESSION_VALUE', message)
    }
    if (this.#expires !== undefined) {
      return this.#expires * 1000
    }
    return isUnsaid ? DEFAULT_LIFETIME : maxAge
  }

  /** @param {string} event */
  #isHeard(event) {
    return this.listenerCount(event) > 0
  }
}

/**
 * No call throws: whoever iterates is told.
 * @param {unknown} error
 */
function notWatching(error) {
  const { Changes } = require('./lib/call/watch')
  const fail = () => Promise.reject(error)
  return new Changes(undefined, { open: fail, next: fail, recall() {}, isOpen: () => false })
}

/**
 * A listener that throws must not disturb the operations that settle together with this one.
 * @param {SessionStore | undefined} store
 * @param {string} event
 * @param {string} id
 */
function announce(store, event, id) {
  if (store && event !== 'unchanged' && store.listenerCount(event) > 0) {
    process.nextTick(() => store.emit(event, id))
  }
}

/**
 * Tells of a problem in the background, which no operation can report. A listener that throws must
 * not disturb the operations that settle meanwhile.
 * @param {SessionStore | undefined} store
 * @param {SessionStoreError} warning
 */
function warn(store, warning) {
  if (store && store.listenerCount('warning') > 0) {
    process.nextTick(() => store.emit('warning', warning))
  } else if (warning.code === 'INFO_AVAILABLE') {
    // Told beside the warning that it ends, but not as an error.
    process.emitWarning(warning.message, { type: 'SessionStore', code: warning.code })
  } else {
    const detail = /** @type {Error | undefined} */ (warning.cause)?.message
    process.emitWarning(detail === undefined ? warning : Object.assign(warning, { detail }))
  }
}

/** JavaScript's own words for a call without `new` have no code. */
const Public = new Proxy(SessionStore, {
  apply() {
    throw new SessionStoreError(
      'ERR_OPTIONS',
      'SessionStore is a class: new SessionStore(options), or SessionStore.create(options)',
    )
  },
})
Object.defineProperty(SessionStore.prototype, 'constructor', { value: Public })

module.exports = Object.assign(Public, { SessionStore: Public, SessionStoreError })
