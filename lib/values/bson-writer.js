'use strict'

const { types } = require('node:util')
const { BsonBytes, TYPE } = require('./bson-bytes')
const { documentOfDBRef, elementOf } = require('./bson-values')
const { SessionStoreError } = require('../errors')
const { formless, hasOwnForm, isBsonValue, isBytes, isDate, isMap } = require('./forms')
const { formatPath, nameOfClass, withArticle } = require('./wording')

/** How deep objects and arrays may nest inside a session; `MAX_DEPTH` in Rust is the same limit. */
const MAX_DEPTH = 100

const hasOwn = Object.prototype.hasOwnProperty

/**
 * What is written, and whether it has to be written in full: then a value that BSON leaves out is
 * refused, for this reason.
 * @typedef {{ root: string, mustKeep?: string }} Written
 */

/** @type {Written} */
const SESSION = { root: 'data' }

/**
 * Writes a session byte for byte as the `bson` package does, in one walk that also refuses, with
 * its path, what cannot be stored. Only values of BSON's own classes are left to the package.
 */
class BsonWriter {
  #out = new BsonBytes()
  /** The containers that are being written, the session first. @type {object[]} */
  #parents = []
  /** The key of each of them, and of the value in the last one. @type {(string | number)[]} */
  #path = []
  #depth = 0
  #written = SESSION

  /** How many bytes it holds on to. */
  get capacity() {
    return this.#out.capacity
  }

  /**
   * @param {unknown} session
   * @param {Written} [written]
   * @returns {Buffer}
   * @throws {SessionStoreError}
   */
  write(session, written = SESSION) {
    this.#written = written
    this.#out.clear()
    this.#path[0] = ''
    this.#depth = 0
    try {
      this.#element('', session)
    } catch (error) {
      this.#parents.length = 0
      // A Proxy may throw at whoever asks what it is.
      if (types.isNativeError(error) && error instanceof SessionStoreError) {
        throw error
      }
      // Its text is the application's, and may show content.
      throw this.#refusal(`cannot be read: it threw ${withArticle(nameOfClass(error))}`)
    }
    const bytes = this.#out.document()
    if (!bytes) {
      throw new SessionStoreError('ERR_SESSION_VALUE', 'a session has to be an object')
    }
    return bytes
  }

  /**
   * @param {string | number} key
   * @param {any} value
   */
  #element(key, value) {
    // One by one: in a switch V8 makes the name of each type.
    if (typeof value === 'string') {
      this.#start(TYPE.STRING, key)
      this.#out.string(value)
    } else if (typeof value === 'number') {
      this.#number(key, value)
    } else if (typeof value === 'boolean') {
      this.#start(TYPE.BOOLEAN, key)
      this.#out.boolean(value)
    } else if (typeof value === 'object') {
      this.#object(key, value)
    } else if (typeof value === 'bigint') {
      this.#bigint(key, value)
    } else if (this.#written.mustKeep !== undefined) {
      const kind = value === undefined ? 'undefined' : withArticle(typeof value)
      throw this.#refusal(`is ${kind}, and ${this.#written.mustKeep}`)
    } else if (typeof key === 'number') {
      // As in JSON: left out, but in an array, where the others have to keep their place.
      this.#start(TYPE.NULL, key)
    }
  }

  /**
   * @param {string | number} key
   * @param {any} value
   */
  #object(key, value) {
    if (value === null) {
      this.#start(TYPE.NULL, key)
    } else if (typeof value.toBSON === 'function') {
      this.#converted(key, value, value.toBSON())
    } else if (typeof value.toJSON === 'function' && !hasOwnForm(value)) {
      this.#converted(key, value, value.toJSON(String(key)))
    } else {
      this.#asItIs(key, value)
    }
  }

  /**
   * Calls no converter without end: as in JSON, `toJSON` once for a value; as in the `bson` package,
   * `toBSON` once more of what it gave.
   * @param {string | number} key
   * @param {object} value
   * @param {any} converted what its `toBSON` or `toJSON` gave
   */
  #converted(key, value, converted) {
    const again = typeof converted?.toBSON === 'function' && !hasOwnForm(converted)
    const result = again ? converted.toBSON() : converted
    if (result === value) {
      this.#asItIs(key, value)
      return
    }
    this.#enter(value)
    if (typeof result === 'object' && result !== null) {
      this.#asItIs(key, result)
    } else {
      this.#element(key, result)
    }
    this.#parents.pop()
  }

  /**
   * @param {string | number} key
   * @param {any} value
   */
  #asItIs(key, value) {
    if (Array.isArray(value)) {
      this.#array(key, value)
    } else if (Object.getPrototypeOf(value) === Object.prototype) {
      this.#document(key, value)
    } else if (isDate(value)) {
      this.#start(TYPE.DATE, key)
      this.#out.date(value.getTime())
    } else if (isBytes(value)) {
      this.#start(TYPE.BINARY, key)
      this.#out.binary(value)
    } else if (types.isAnyArrayBuffer(value)) {
      this.#start(TYPE.BINARY, key)
      this.#out.binary(new Uint8Array(value))
    } else if (types.isBoxedPrimitive(value)) {
      this.#element(key, value.valueOf())
    } else if (isBsonValue(value)) {
      this.#bsonValue(key, value)
    } else if (isMap(value)) {
      this.#map(key, value)
    } else {
      const kind = formless(value)
      if (kind !== undefined) {
        throw this.#refusal(`is ${withArticle(kind)}, which BSON has no form for`)
      }
      this.#document(key, value)
    }
  }

  /**
   * @param {string | number} key
   * @param {any} value
   */
  #document(key, value) {
    const start = this.#open(TYPE.DOCUMENT, key, value)
    // In this form V8 knows where each value is.
    for (const name in value) {
      if (hasOwn.call(value, name)) {
        this.#path[this.#depth] = name
        this.#element(name, value[name])
      }
    }
    this.#close(start)
  }

  /**
   * @param {string | number} key
   * @param {Map<any, any>} map
   */
  #map(key, map) {
    const start = this.#open(TYPE.DOCUMENT, key, map)
    for (const [name, item] of map) {
      this.#path[this.#depth] = String(name)
      if (typeof name !== 'string' && typeof name !== 'number') {
        throw this.#refusal('has a key that is not a string')
      }
      this.#element(String(name), item)
    }
    this.#close(start)
  }

  /**
   * @param {string | number} key
   * @param {any[]} items
   */
  #array(key, items) {
    const start = this.#open(TYPE.ARRAY, key, items)
    for (let index = 0; index < items.length; index++) {
      this.#path[this.#depth] = index
      this.#element(index, items[index])
    }
    this.#close(start)
  }

  /**
   * @param {number} type
   * @param {string | number} key
   * @param {object} value
   * @returns {number} where its length belongs
   */
  #open(type, key, value) {
    this.#enter(value)
    if (this.#depth > MAX_DEPTH) {
      throw this.#refusal(`nests deeper than ${MAX_DEPTH}`)
    }
    this.#start(type, key)
    this.#depth++
    return this.#out.open()
  }

  /** @param {number} start */
  #close(start) {
    this.#out.close(start)
    this.#depth--
    this.#parents.pop()
  }

  /** @param {object} value */
  #enter(value) {
    const parents = this.#parents
    for (let index = parents.length - 1; index >= 0; index--) {
      if (parents[index] === value) {
        throw this.#refusal('refers back to an object that contains it')
      }
    }
    parents.push(value)
  }

  /**
   * @param {string | number} key
   * @param {number} value
   */
  #number(key, value) {
    if ((value | 0) === value && !Object.is(value, -0)) {
      this.#start(TYPE.INT32, key)
      this.#out.int32(value)
    } else {
      this.#start(TYPE.DOUBLE, key)
      this.#out.double(value)
    }
  }

  /**
   * @param {string | number} key
   * @param {bigint} value
   */
  #bigint(key, value) {
    if (BigInt.asIntN(64, value) !== value) {
      throw this.#refusal('is a bigint of more than 64 bits')
    }
    this.#start(TYPE.INT64, key)
    this.#out.int64(value)
  }

  /**
   * @param {string | number} key
   * @param {any} value
   */
  #bsonValue(key, value) {
    this.#enter(value)
    if (value._bsontype === 'DBRef') {
      this.#document(key, documentOfDBRef(value))
    } else if (value._bsontype === 'Code') {
      this.#code(key, value)
    } else {
      this.#elementOf(key, value)
    }
    this.#parents.pop()
  }

  /**
   * @param {string | number} key
   * @param {{ code: unknown, scope: unknown }} value
   */
  #code(key, { code, scope }) {
    // bson 4 keeps a function as it is.
    const text = String(code)
    if (typeof scope !== 'object' || scope === null) {
      this.#start(TYPE.CODE, key)
      this.#out.string(text)
      return
    }
    this.#start(TYPE.CODE_WITH_SCOPE, key)
    const start = this.#out.open()
    this.#out.string(text)
    const scopeStart = this.#out.length
    this.#path[++this.#depth] = 'scope'
    this.#element('', scope)
    if (!this.#out.unwrap(scopeStart)) {
      throw this.#refusal('has to be an object')
    }
    this.#depth--
    this.#out.measure(start)
  }

  /**
   * @param {string | number} key
   * @param {any} value
   */
  #elementOf(key, value) {
    const element = elementOf(value)
    if (!element) {
      throw this.#refusal('cannot be stored as BSON')
    }
    // A document of one element: its length, the type, an empty key, the bytes, a NUL.
    this.#start(element[4], key)
    this.#out.raw(element.subarray(6, -1))
  }

  /**
   * @param {number} type
   * @param {string | number} key
   */
  #start(type, key) {
    if (!this.#out.start(type, typeof key === 'number' ? String(key) : key)) {
      throw this.#refusal('has a NUL character in its key')
    }
  }

  /** @param {string} problem */
  #refusal(problem) {
    const path = formatPath(this.#path.slice(1, this.#depth + 1), this.#written.root)
    return new SessionStoreError('ERR_SESSION_VALUE', `${path} ${problem}`)
  }
}

exports.BsonWriter = BsonWriter
