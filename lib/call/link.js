'use strict'

const { loadBinary } = require('../binary')
const { SessionStoreError } = require('../errors')
const { Close, Destroy, Read, Write, toError } = require('./operation')
const { Operations } = require('./operations')
const { Reads } = require('./reads')
const { decoder, encode } = require('../values/values')

const { Sessions } = loadBinary()

/** @typedef {import('./operation').Operation} Operation */
/** @typedef {import('../options/options').Options} Options */
/** @typedef {import('../options/options').Address} Address */

/** As `src/binding.rs` says that an outcome is that of the operation before: a session found by many. */
const SAME = 7

/** @typedef {(event: string) => void} Announce is told what a write did to the session */

/**
 * The way to Rust and back. Holds back the operations that were called before the address is
 * known: before `mongoose.connect()`.
 */
class Link {
  /** @type {Options} */
  #options
  /** @type {(failure: SessionStoreError) => void} */
  #warn
  #reads = new Reads()
  #decode
  #operations = new Operations()
  /** @type {InstanceType<typeof Sessions> | undefined} */
  #sessions
  /** In the order of their calls, each with what ends its waiting. @type {Map<Operation, NodeJS.Timeout>} */
  #waiting = new Map()
  /** Why there will never be an address. @type {SessionStoreError | undefined} */
  #problem
  #closed = false

  /**
   * @param {Options} options
   * @param {(warning: SessionStoreError) => void} warn
   */
  constructor(options, warn) {
    this.#options = options
    this.#warn = warn
    this.#decode = decoder(options.bson)
    const address = options.source.address()
    if (address) {
      this.#open(address)
    } else {
      options.source.whenKnown((error, late) => this.#addressKnown(error, late))
    }
  }

  /**
   * @param {string} id
   * @param {object | undefined} ctx of the request
   */
  get(id, ctx) {
    return this.#send(new Read(id, this.#reads.of(ctx, id), this.#decode))
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
    return this.#send(new Write(id, this.#reads.of(ctx, id), session, announce))
  }

  /**
   * @param {string} id
   * @param {object | undefined} ctx of the request
   * @param {Announce} announce
   */
  destroy(id, ctx, announce) {
    return this.#send(new Destroy(id, this.#reads.of(ctx, id), announce))
  }

  /** Resolves when all that was accepted has ended and the connections are closed. */
  async close() {
    this.#closed = true
    await Promise.allSettled(Array.from(this.#waiting.keys(), ({ promise }) => promise))
    if (this.#sessions) {
      await this.#send(new Close())
    }
    this.#operations.close()
  }

  /**
   * @param {Operation} operation
   * @returns {Promise<any>}
   */
  #send(operation) {
    if (this.#sessions) {
      operation.send(this.#sessions, this.#operations.add(operation, this))
    } else if (this.#problem) {
      operation.fail(this.#problem)
    } else {
      this.#hold(operation)
    }
    return operation.promise
  }

  /** @param {Address} address */
  #open({ uri, db, serverApi }) {
    const { collection, timeoutMS: timeoutMs, touchAfter } = this.#options
    const touchAfterMs = touchAfter * 1000
    const settle = settler(this.#operations, this.#warn)
    try {
      const options = { uri, db, collection, timeoutMs, touchAfterMs, serverApi }
      this.#sessions = new Sessions(options, settle)
    } catch (error) {
      throw connectionError(error)
    }
  }

  /**
   * @param {unknown} error
   * @param {Address} [address]
   */
  #addressKnown(error, address) {
    if (this.#closed && this.#waiting.size === 0) {
      return
    }
    try {
      if (address) {
        this.#open(address)
      }
      this.#problem = /** @type {SessionStoreError | undefined} */ (error)
    } catch (late) {
      this.#problem = /** @type {SessionStoreError} */ (late)
    }
    const waiting = Array.from(this.#waiting)
    this.#waiting.clear()
    for (const [operation, timer] of waiting) {
      clearTimeout(timer)
      this.#send(operation)
    }
    if (this.#problem && waiting.length === 0) {
      this.#warn(this.#problem)
    }
  }

  /** @param {Operation} operation */
  #hold(operation) {
    const expire = () => {
      if (this.#waiting.delete(operation)) {
        const message =
          'the connection was not told where MongoDB is: mongoose.connect() is missing'
        operation.fail({ code: 'ERR_UNAVAILABLE', message })
      }
    }
    this.#waiting.set(operation, setTimeout(expire, this.#options.serverSelectionTimeoutMS))
  }
}

/**
 * Only what Rust wrote itself may be shown: other errors of the binding repeat its arguments, and
 * so the password.
 * @param {{ code: string, message: string }} error
 */
function connectionError({ code, message }) {
  const written = code === 'GenericFailure'
  return new SessionStoreError('ERR_OPTIONS', written ? message : 'the options cannot be used')
}

/**
 * What Rust calls. It holds no store, so that a store nobody uses any more can be collected.
 * @param {Operations} operations
 * @param {(warning: SessionStoreError) => void} warn
 */
function settler(operations, warn) {
  /**
   * @param {number[]} tokens
   * @param {import('./operation').Outcome[]} outcomes
   * @param {number} firstReadNumber
   * @param {number[]} expiry
   */
  return (tokens, outcomes, firstReadNumber, expiry) => {
    let outcome = outcomes[0]
    for (let index = 0; index < tokens.length; index++) {
      if (outcomes[index] !== SAME) {
        outcome = outcomes[index]
      }
      if (tokens[index] === 0) {
        warn(toError(/** @type {import('./operation').Failure} */ (outcome)))
      } else {
        operations.settle(tokens[index], outcome, firstReadNumber + index, expiry[index])
      }
    }
  }
}

exports.Link = Link
