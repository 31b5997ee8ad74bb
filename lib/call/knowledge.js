'use strict'

const { isDeepStrictEqual } = require('node:util')
const { decoder, encode } = require('../values/values')

/** @typedef {import('../values/values').Content} Content */

/**
 * A session as a request read it, or wrote it last, and when that ends: milliseconds since 1970,
 * 0 where it is not known. What was read Rust keeps for a while (`src/recent.rs`), under a number,
 * where it was read.
 * @typedef {object} Read
 * @property {Content} content
 * @property {number} [readNumber]
 * @property {object} [sessions] where it was read
 * @property {number} expiresAt
 * @property {boolean} isOutdated whether its next write writes it anew as a whole, such as encrypted
 */

/**
 * A write under way, or failed, or several of them in one.
 * @typedef {{ call: number, content: Buffer, isSeveral?: boolean }} Writing `call` is that of the last
 */

/** So many writes under way, or failed, a request remembers one by one. */
const MOST_WRITING = 16

/** No session has this value. */
const UNLIKE_ANY = Buffer.from(`${Math.random()}${Math.random()}`)

const decode = decoder(() => undefined)

/**
 * What one request knows of one session. Its calls are numbered, since it need not wait for them,
 * and what it learns from an earlier one is no news after a later one.
 */
class Knowledge {
  /** @type {Read | undefined} */
  #read
  /** What it writes or failed to write: the session may look like this, too. @type {Writing[]} */
  writing = []
  /** Its calls that end the session, under way. @type {number[]} */
  #ending = []
  /** What the same request knows of all its sessions, once there are several. @type {KnownSessions | undefined} */
  sessions
  #calls = 0
  #learned = 0

  /**
   * @param {Requests} requests of the store that holds the session
   * @param {string} id
   */
  constructor(requests, id) {
    this.requests = requests
    this.id = id
  }

  call() {
    this.#calls++
    return this.#calls
  }

  /**
   * What it last learned, unless it is about to end that: what it writes then, without waiting for the end, is
   * a session of its own.
   */
  get read() {
    return this.#ending.length > 0 ? undefined : this.#read
  }

  /** What the session may look like beside what was read. */
  contents() {
    return this.writing.map(({ content }) => content)
  }

  /**
   * @param {number} call
   * @param {Buffer} content
   */
  writes(call, content) {
    const last = this.writing.at(-1)
    if (last && Buffer.compare(last.content, content) === 0) {
      last.call = call
    } else {
      if (last && this.writing.length === MOST_WRITING) {
        const content = allOf(this.contents())
        this.writing = [{ call: last.call, content, isSeveral: true }]
      }
      this.writing.push({ call, content })
    }
  }

  /** @param {number} call */
  ends(call) {
    this.#ending.push(call)
  }

  /**
   * @param {number} call
   * @param {Read | undefined} read
   */
  learn(call, read) {
    if (call > this.#learned) {
      this.#read = read
      this.#learned = call
    }
    while (this.writing.length > 0 && this.writing[0].call <= call) {
      this.writing.shift()
    }
    while (this.#ending.length > 0 && this.#ending[0] <= call) {
      this.#ending.shift()
    }
  }

  /**
   * This call has settled, and all is as it was known to be, as far as is known.
   * @param {number} call
   */
  learnNothing(call) {
    this.learn(call, this.#read)
  }

  /**
   * This call has failed, and wrote nothing. A session that it was to end may be gone all the same: then what
   * the request writes is dropped.
   * @param {number} call
   */
  forget(call) {
    this.writing = this.writing.filter((write) => write.call !== call || write.isSeveral)
    this.#ending = this.#ending.filter((end) => end !== call)
  }
}

/**
 * One session in place of several that may be stored. Where all have the same under a key, so has it;
 * where they differ, a write has to say what it wants there, whatever that is.
 * @param {Buffer[]} contents
 */
function allOf(contents) {
  const sessions = contents.map(decode)
  const [first] = sessions
  const keys = new Set(sessions.flatMap((session) => Object.keys(session)))
  const entries = Array.from(keys, (key) => {
    const same = sessions.every((session) => isDeepStrictEqual(session[key], first[key]))
    return [key, same ? first[key] : UNLIKE_ANY]
  })
  return encode(Object.fromEntries(entries))
}

/**
 * A request remembers so many sessions. Whoever uses one `ctx` for more, such as one object for all
 * requests, has it forget those that it has not used for longest: to write one of these is to write
 * a session that was not read.
 */
const MOST_SESSIONS = 1000

/** What one request knows of its sessions, the one used last at the end. */
class KnownSessions {
  /** @type {Map<string, Knowledge>} */
  #byKey = new Map()

  /** @param {Knowledge} knowledge */
  add(knowledge) {
    const key = knowledge.requests.key(knowledge.id)
    this.#byKey.set(key, knowledge)
    knowledge.sessions = this
    if (this.#byKey.size > MOST_SESSIONS) {
      const [oldest] = this.#byKey.keys()
      this.#byKey.delete(oldest)
    }
  }

  /**
   * Takes out what it knows of a session.
   * @param {Requests} requests
   * @param {string} id
   */
  take(requests, id) {
    const key = requests.key(id)
    const knowledge = this.#byKey.get(key)
    this.#byKey.delete(key)
    return knowledge
  }
}

/** A class that extends this adds its fields to the object that it is given. */
class Given {
  /** @param {object} object */
  constructor(object) {
    // biome-ignore lint/correctness/noConstructorReturn: this is the point of it.
    return object
  }
}

/**
 * What a request knows belongs to its `ctx`, and goes with it. So it is in a private field of the
 * `ctx`: a class can add one to an object that it did not make, if the constructor that it extends
 * returns this object. Nobody else sees the field, and no trap of a Proxy is called for it.
 *
 * A WeakMap would do the same, but each fresh `ctx` is an entry that every collection of garbage has
 * to look at: 0.4 µs more for each request. So one is only for what takes no field: an object that
 * cannot be extended, where the engine applies that to private fields.
 */
class Request extends Given {
  /** Of the session that it used last. */
  #last

  /**
   * @param {object} ctx
   * @param {Knowledge} last
   * @throws {TypeError} if it takes no field
   */
  constructor(ctx, last) {
    super(ctx)
    this.#last = last
  }

  /**
   * @param {object} ctx
   * @returns {Knowledge | undefined}
   */
  static last(ctx) {
    return #last in ctx ? ctx.#last : withoutField?.get(ctx)
  }

  /**
   * @param {object} ctx
   * @param {Knowledge} last
   */
  static remember(ctx, last) {
    if (#last in ctx) {
      ctx.#last = last
      return
    }
    try {
      new Request(ctx, last)
    } catch {
      withoutField ??= new WeakMap()
      withoutField.set(ctx, last)
    }
  }
}

/** Made with the first such object. @type {WeakMap<object, Knowledge> | undefined} */
let withoutField

let stores = 0

/** What the requests know of one store's sessions. */
class Requests {
  #store = stores++

  /**
   * @param {unknown} ctx
   * @param {string} id
   */
  knowledgeOf(ctx, id) {
    if (!isObject(ctx)) {
      return new Knowledge(this, id)
    }
    const last = Request.last(ctx)
    // Nearly every request has one session.
    if (last && last.id === id && last.requests === this) {
      return last
    }
    const knowledge = last ? this.#another(id, last) : new Knowledge(this, id)
    Request.remember(ctx, knowledge)
    return knowledge
  }

  /**
   * @param {string} id
   * @param {Knowledge} last of another session of the same request
   */
  #another(id, last) {
    if (!last.sessions) {
      new KnownSessions().add(last)
    }
    const sessions = /** @type {KnownSessions} */ (last.sessions)
    const knowledge = sessions.take(this, id) ?? new Knowledge(this, id)
    sessions.add(knowledge)
    return knowledge
  }

  /**
   * What tells a session from those of other stores.
   * @param {string} id
   */
  key(id) {
    return `${this.#store} ${id}`
  }
}

/** @param {unknown} value @returns {value is object} */
function isObject(value) {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

exports.Knowledge = Knowledge
exports.Requests = Requests
