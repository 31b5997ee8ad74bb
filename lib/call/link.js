'use strict'

const {
  CloseOperation,
  DestroyOperation,
  GetOperation,
  SetOperation,
  TouchOperation,
} = require('./operation')
const { Requests } = require('./knowledge')
const { Many } = require('./many')
const { openSessions } = require('./sessions')
const { Stats } = require('./stats')
const { Tracing } = require('./tracing')
const { UnderWay } = require('./under-way')
const { decoder, encode } = require('../values/values')

/** @typedef {import('./operation').Operation} Operation */
/** @typedef {import('./sessions').Sessions} Sessions */
/** @typedef {import('../errors').SessionStoreError} SessionStoreError */
/** @typedef {import('../options/options').Options} Options */
/** @typedef {import('../options/options').Address} Address */

/** @typedef {(event: string, id: string) => void} Announce is told what a write did to the session */

/** Ends the watch of a link that was collected, and so its store. */
const collected = new FinalizationRegistry((/** @type {() => void} */ stop) => stop())

/**
 * The way to Rust and back. Holds back the operations that are called while the address is not
 * known: before `mongoose.connect()`, and while Mongoose is being connected elsewhere.
 *
 * When the address changes, what was accepted ends where it was sent, and what is called later goes
 * to the new one; but not before an operation on the same session has ended at the former: both may
 * be ways to the same collection.
 */
class Link {
  /** @type {Options} */
  #options
  /** @type {import('./sessions').Background} */
  #background
  #requests = new Requests()
  #decode
  /** @type {UnderWay} */
  #underWay
  #stats = new Stats()
  /** @type {Tracing} */
  #tracing
  /** Where operations go; undefined while they are held back. @type {Sessions | undefined} */
  #sessions
  /** The last address that was known. @type {{ address: Address, sessions: Sessions } | undefined} */
  #opened
  /** What closes. @type {Set<Promise<any>>} */
  #closing = new Set()
  /**
   * In the order of their calls, each with what ends its waiting, and the store, so that it is not collected.
   * @type {Map<Operation, { timer: NodeJS.Timeout, store: object | undefined }>}
   */
  #waiting = new Map()
  /** Why the address that Mongoose has now cannot be used. @type {SessionStoreError | undefined} */
  #problem
  #closed = false
  /** @type {() => void} */
  #stopWatching

  /**
   * @param {Options} options
   * @param {import('./sessions').Background} background
   */
  constructor(options, background) {
    this.#options = options
    this.#background = background
    this.#underWay = new UnderWay(background.store)
    this.#decode = decoder(options.bson)
    this.#tracing = new Tracing(options.collection, this.#stats)
    this.many = new Many(options, this.#decode, this.#ways())
    const { source } = options
    const address = source.address()
    if (typeof address === 'object') {
      this.#goTo(address)
    }
    const link = new WeakRef(this)
    this.#stopWatching = source.watch(() => {
      const found = link.deref()
      if (found) {
        found.#look()
      }
    })
    collected.register(this, this.#stopWatching, this)
  }

  /**
   * Not made in the constructor: what is made there has one scope, and what watches the source must not
   * hold the link.
   * @returns {import('./many').Ways}
   */
  #ways() {
    return {
      send: (operation) => this.#send(operation),
      sendUntraced: (operation) => this.#dispatch(operation),
      sendBack: (operation) => this.#cross(operation, undefined),
      recall: (operation) => this.#recall(operation),
      isOpen: () => !this.#closed,
    }
  }

  /**
   * @param {string} id
   * @param {object | undefined} ctx of the request
   */
  get(id, ctx) {
    return this.#send(new GetOperation(id, this.#requests.knowledgeOf(ctx, id), this.#decode))
  }

  /**
   * @param {string} id
   * @param {unknown} data
   * @param {number} lifetime in milliseconds
   * @param {object | undefined} ctx of the request
   * @param {Announce} announce
   * @throws {SessionStoreError} naming the path of what cannot be stored
   */
  set(id, data, lifetime, ctx, announce) {
    const session = { data, content: encode(data), lifetime }
    return this.#send(new SetOperation(id, this.#requests.knowledgeOf(ctx, id), session, announce))
  }

  /**
   * @param {string} id
   * @param {object | undefined} ctx of the request
   * @param {Announce} announce
   */
  destroy(id, ctx, announce) {
    return this.#send(new DestroyOperation(id, this.#requests.knowledgeOf(ctx, id), announce))
  }

  /**
   * @param {string} id
   * @param {import('./operation').Lives} lives
   * @param {Announce} announce
   */
  touch(id, lives, announce) {
    return this.#send(new TouchOperation(id, lives, announce))
  }

  /** Resolves when all that was accepted has ended and the connections are closed. */
  async close() {
    this.#closed = true
    if (this.#waiting.size > 0) {
      await Promise.allSettled(Array.from(this.#waiting.keys(), ({ promise }) => promise))
    }
    this.#stopWatching()
    collected.unregister(this)
    if (this.#opened) {
      this.#shut(this.#opened.sessions)
    }
    await Promise.all(this.#closing)
    this.#underWay.close()
  }

  /** What was done since the store was made. */
  stats() {
    return this.#stats.read(this.#waiting.size)
  }

  /**
   * @param {Operation} operation
   * @returns {Promise<any>}
   */
  #send(operation) {
    if (this.#tracing.isHeard(operation)) {
      this.#tracing.trace(operation, () => this.#dispatch(operation))
    } else {
      this.#dispatch(operation)
    }
    return operation.promise
  }

  /** @param {Operation} operation */
  #dispatch(operation) {
    if (this.#problem) {
      this.#fail(operation, this.#problem, 0)
    } else if (!this.#sessions) {
      const { serverSelectionTimeoutMS } = this.#options
      this.#hold(operation, serverSelectionTimeoutMS, NOWHERE)
    } else if (this.#underWay.isBehind(operation)) {
      this.#hold(operation, this.#options.timeoutMS, BEHIND)
    } else {
      this.#cross(operation, this.#sessions)
    }
  }

  /**
   * @param {Operation} operation
   * @param {Sessions | undefined} sessions
   */
  #cross(operation, sessions) {
    const token = this.#underWay.add(operation, this)
    try {
      operation.send(sessions, token)
    } catch {
      // Nobody else would answer. What the binding says repeats its arguments.
      this.#underWay.settle(token, INTERNAL, 0)
    }
  }

  /**
   * @param {Operation} operation
   * @param {import('./operation').Failure} failure
   * @param {number} time that it was held back, in milliseconds
   */
  #fail(operation, failure, time) {
    this.#stats.fail(operation.name, failure.code, time)
    operation.settle(failure, 0)
  }

  /**
   * @param {Operation} operation
   * @param {number} time in milliseconds
   * @param {import('./operation').Failure} failure
   */
  #hold(operation, time, failure) {
    const expire = () => {
      if (this.#waiting.delete(operation)) {
        this.#fail(operation, failure, time)
      }
    }
    const store = this.#background.store()
    this.#waiting.set(operation, { timer: setTimeout(expire, time), store })
  }

  /** @param {Operation} operation that nobody waits for any more, if it is held back */
  #recall(operation) {
    const waiting = this.#waiting.get(operation)
    if (waiting) {
      this.#waiting.delete(operation)
      clearTimeout(waiting.timer)
      operation.settle(NOTHING, 0)
    }
  }

  /** What was held back goes on, as far as it may. */
  #release() {
    for (const [operation, { timer }] of this.#waiting) {
      if (!this.#underWay.isBehind(operation)) {
        this.#waiting.delete(operation)
        clearTimeout(timer)
        this.#dispatch(operation)
      }
    }
  }

  /** Where Mongoose is now. */
  #look() {
    if (this.#closed && this.#waiting.size === 0) {
      return
    }
    const before = this.#problem
    try {
      const address = this.#options.source.address()
      if (address === undefined) {
        return // Closed: its store goes on, until it is opened elsewhere.
      }
      this.#sessions = undefined
      this.#problem = undefined
      if (address === 'opening') {
        return
      }
      this.#goTo(address)
    } catch (error) {
      this.#problem = error
      // Nobody else is told of it, until the next call; nor twice.
      if (this.#waiting.size === 0 && error.message !== before?.message) {
        this.#background.warn(error)
      }
    }
    this.#release()
  }

  /** @param {Address} address */
  #goTo(address) {
    const former = this.#opened
    if (former === undefined || !isSame(address, former.address)) {
      const sessions = openSessions(
        address,
        this.#options,
        this.#underWay,
        this.#stats,
        this.#background,
      )
      this.#opened = { address, sessions }
      if (former) {
        this.#underWay.leave(() => this.#release())
        this.#shut(former.sessions)
      }
    }
    this.#sessions = this.#opened?.sessions
  }

  /** @param {Sessions} sessions */
  #shut(sessions) {
    const close = new CloseOperation()
    close.send(sessions, this.#underWay.add(close, this))
    const closed = () => this.#closing.delete(closing)
    const closing = close.promise.then(closed, closed)
    this.#closing.add(closing)
  }
}

/** The first of the meanings of an outcome. */
const NOTHING = 0

const INTERNAL = { code: 'ERR_SERVER', message: 'the store failed internally' }

const NOWHERE = {
  code: 'ERR_UNAVAILABLE',
  message:
    'the connection was not told where MongoDB is: mongoose.connect() is missing, or has not succeeded',
}

const BEHIND = {
  code: 'ERR_TIMEOUT',
  message:
    'MongoDB did not answer an earlier operation on the session at the address that Mongoose had before',
}

/**
 * @param {Address} one
 * @param {Address} other
 */
function isSame(one, other) {
  const { version, strict, deprecationErrors } = one.serverApi ?? {}
  const api = other.serverApi
  return (
    one.uri === other.uri &&
    one.db === other.db &&
    version === api?.version &&
    strict === api?.strict &&
    deprecationErrors === api?.deprecationErrors
  )
}

exports.Link = Link
