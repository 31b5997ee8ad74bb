'use strict'

const { SessionStoreError } = require('../errors')

/** @typedef {import('../values/values').Content} Content */
/** @typedef {import('./sessions').Sessions} Sessions */

/**
 * What Rust reports of an operation: the place of its meaning in MEANINGS, a session as JSON text or
 * BSON bytes, what concerns many sessions, or a failure.
 * @typedef {number | string | Buffer | import('../../native').FoundObject | Failure} Outcome
 * @typedef {{ code: string, message: string, mongoCode?: number, cause?: unknown }} Failure
 *   `cause` is text where it comes from Rust
 */

/**
 * How long a session lives from a touch on, in milliseconds: as the store's `expires` says, as the
 * caller says, and where neither does, nor the session itself.
 * @typedef {{ lifetime?: number, maxAge?: number, otherwise: number }} Lives
 */

/** As `src/binding.rs` numbers them: no session, what a write did, and that changes are followed. */
const MEANINGS = [
  'missing',
  'create',
  'update',
  'touch',
  'unchanged',
  'dropped',
  'destroy',
  '',
  'watching',
]

/**
 * One call under way: how it crosses to Rust, and what its outcome means to the caller.
 * @abstract
 */
class Operation {
  /** Of the session. @type {string | undefined} */
  id
  /** Is told the outcome where somebody traces. @type {((outcome: Outcome, together: number) => void) | undefined} */
  traced = undefined

  /** @param {string} name of the call */
  constructor(name) {
    this.name = name
    /** @type {Promise<any>} */
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  /**
   * @param {any} _sessions
   * @param {number} _token
   */
  send(_sessions, _token) {}

  /**
   * @param {Outcome} outcome
   * @param {number} readNumber under which Rust keeps a session that was found
   * @param {number} [expiresAt] of such a session, where it is known
   * @param {boolean} [isOutdated] of such a session: its next write writes it anew as a whole
   * @param {number} [together] with how many it travelled, where somebody traces
   */
  settle(outcome, readNumber, expiresAt = 0, isOutdated = false, together = 0) {
    if (isFailure(outcome)) {
      this.fail(outcome)
    } else {
      this.succeed(outcome, readNumber, expiresAt, isOutdated)
    }
    this.traced?.(outcome, together)
  }

  /**
   * @param {any} _outcome
   * @param {number} _readNumber
   * @param {number} _expiresAt
   * @param {boolean} _isOutdated
   */
  succeed(_outcome, _readNumber, _expiresAt, _isOutdated) {
    this.resolve(undefined)
  }

  /** @param {Failure} failure */
  fail(failure) {
    this.resolve(rejection(failure))
  }
}

class GetOperation extends Operation {
  /**
   * @param {string} id
   * @param {import('./knowledge').Knowledge} knowledge
   * @param {(content: Content) => object} decode
   */
  constructor(id, knowledge, decode) {
    super('get')
    this.id = id
    this.knowledge = knowledge
    this.decode = decode
    this.call = knowledge.call()
  }

  /** @param {Sessions} sessions @param {number} token */
  send(sessions, token) {
    this.sessions = sessions
    sessions.get(token, this.id)
  }

  /**
   * @param {Content | number} content
   * @param {number} readNumber
   * @param {number} expiresAt
   * @param {boolean} isOutdated
   */
  succeed(content, readNumber, expiresAt, isOutdated) {
    if (typeof content === 'number') {
      this.resolve(undefined)
      return
    }
    try {
      const data = this.decode(content)
      const { sessions } = this
      const read = { content, readNumber, expiresAt, isOutdated, sessions }
      this.knowledge.learn(this.call, read)
      this.resolve(data)
    } catch (error) {
      this.reject(error)
    }
  }
}

/** @type {Uint8Array[]} */
const NOTHING = []

/** What failed so is not stored, nor will be. Of all other failures MongoDB may have received the write. */
const NEVER_WRITTEN = new Set(['ERR_SESSION_TOO_LARGE', 'ERR_SESSION_VALUE', 'ERR_DECRYPT'])

class SetOperation extends Operation {
  /**
   * @param {string} id
   * @param {import('./knowledge').Knowledge} knowledge
   * @param {object} session
   * @param {unknown} session.data
   * @param {Buffer} session.content `data`, encoded
   * @param {number} session.lifetime in milliseconds
   * @param {import('./link').Announce} announce
   */
  constructor(id, knowledge, { data, content, lifetime }, announce) {
    super('set')
    this.id = id
    this.knowledge = knowledge
    this.call = knowledge.call()
    this.data = data
    this.content = content
    this.lifetime = lifetime
    this.announce = announce
    this.read = knowledge.read
    this.before = knowledge.writing.length > 0 ? knowledge.contents() : NOTHING
    knowledge.writes(this.call, content)
  }

  /** @param {Sessions} sessions @param {number} token */
  send(sessions, token) {
    const { id, content, lifetime, read } = this
    if (read === undefined) {
      sessions.set(token, id, content, lifetime)
      return
    }
    // A number means nothing at another address.
    const readNumber = read.sessions === sessions ? read.readNumber : undefined
    const sent = readNumber !== undefined && this.#change(sessions, token, read, readNumber)
    if (!sent) {
      this.#change(sessions, token, read, read.content)
    }
  }

  /**
   * @param {Sessions} sessions
   * @param {number} token
   * @param {import('./knowledge').Read} read
   * @param {Content | number} known what was read, or its number
   * @returns {boolean} false if nothing is kept under the number any more
   */
  #change(sessions, token, { expiresAt, isOutdated }, known) {
    const { id, content, lifetime, before } = this
    const writing = before.length > 0 ? before : undefined
    return sessions.change(token, id, content, lifetime, known, expiresAt, isOutdated, writing)
  }

  /** @param {number} meaning */
  succeed(meaning) {
    const event = MEANINGS[meaning]
    const { content, lifetime } = this
    if (event === 'dropped' || event === 'unchanged') {
      this.knowledge.learnNothing(this.call)
    } else {
      this.knowledge.learn(this.call, {
        content,
        readNumber: undefined,
        expiresAt: Date.now() + lifetime,
        isOutdated: false,
        sessions: undefined,
      })
    }
    this.announce(event, this.id)
    this.resolve(this.data)
  }

  /** @param {Failure} failure */
  fail(failure) {
    if (NEVER_WRITTEN.has(failure.code)) {
      this.knowledge.forget(this.call)
    }
    super.fail(failure)
  }
}

class TouchOperation extends Operation {
  /**
   * @param {string} id
   * @param {Lives} lives
   * @param {import('./link').Announce} announce
   */
  constructor(id, lives, announce) {
    super('touch')
    this.id = id
    this.lives = lives
    this.announce = announce
  }

  /** @param {Sessions} sessions @param {number} token */
  send(sessions, token) {
    const { otherwise, lifetime, maxAge } = this.lives
    sessions.touch(token, this.id, otherwise, lifetime, maxAge)
  }

  /** @param {number} meaning */
  succeed(meaning) {
    const event = MEANINGS[meaning]
    if (event === 'touch') {
      this.announce(event, this.id)
    }
    this.resolve(event !== 'missing')
  }
}

class DestroyOperation extends Operation {
  /**
   * @param {string} id
   * @param {import('./knowledge').Knowledge} knowledge
   * @param {import('./link').Announce} announce
   */
  constructor(id, knowledge, announce) {
    super('destroy')
    this.id = id
    this.knowledge = knowledge
    this.announce = announce
    this.call = knowledge.call()
    knowledge.ends(this.call)
  }

  /** @param {Sessions} sessions @param {number} token */
  send(sessions, token) {
    sessions.destroy(token, this.id)
  }

  /** @param {number} meaning */
  succeed(meaning) {
    this.knowledge.learn(this.call, undefined)
    this.announce(MEANINGS[meaning], this.id)
    this.resolve(undefined)
  }

  /** @param {Failure} failure */
  fail(failure) {
    this.knowledge.forget(this.call)
    super.fail(failure)
  }
}

class CloseOperation extends Operation {
  constructor() {
    super('close')
  }

  /** @param {Sessions} sessions @param {number} token */
  send(sessions, token) {
    // Held until it has ended: nobody else holds those of a former address, and to collect them is to
    // abandon what is under way there.
    this.sessions = sessions
    sessions.close(token)
  }
}

/**
 * What an outcome is called where calls are traced and counted; as in `src/stats.rs`.
 * @param {Outcome} outcome
 */
function outcomeOf(outcome) {
  if (typeof outcome === 'number') {
    return MEANINGS[outcome]
  }
  if (isFailure(outcome)) {
    return outcome.code
  }
  const isOfMany = typeof outcome === 'object' && !ArrayBuffer.isView(outcome)
  return isOfMany ? (outcome.count === undefined ? 'page' : 'count') : 'found'
}

/**
 * @param {Outcome} outcome
 * @returns {outcome is Failure}
 */
function isFailure(outcome) {
  return typeof outcome === 'object' && 'code' in outcome
}

/**
 * Rejects with an error whose stack is that of the caller, wherever that awaits the call: V8 follows
 * the promises from here. So a call that succeeds pays nothing for it.
 * @param {Failure} failure
 * @returns {Promise<never>}
 */
async function rejection(failure) {
  // What this promise settles is linked to it only in a later turn.
  await undefined
  await undefined
  const error = toError(failure)
  // Without the frame of this function.
  Error.captureStackTrace(error, rejection)
  throw error
}

/** @param {Failure} failure */
function toError({ code, message, mongoCode, cause }) {
  return new SessionStoreError(code, message, {
    mongoCode,
    cause: typeof cause === 'string' ? new Error(cause) : cause,
  })
}

exports.Operation = Operation
exports.GetOperation = GetOperation
exports.SetOperation = SetOperation
exports.TouchOperation = TouchOperation
exports.DestroyOperation = DestroyOperation
exports.CloseOperation = CloseOperation
exports.outcomeOf = outcomeOf
exports.toError = toError
