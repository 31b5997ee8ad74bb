'use strict'

const { types } = require('node:util')
const { BsonBytes, TYPE } = require('./bson-bytes')
const { documentOfDBRef, elementOf, hasBsonClass } = require('./bson-values')
const { SessionStoreError } = require('./errors')

/** How deep objects and arrays may nest inside a session; `src/codec/mod.rs` has the same limit. */
const MAX_DEPTH = 100

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

  /** How many bytes it holds on to. */
  get capacity() {
    return this.#out.capacity
  }

  /**
   * @param {object} session
   * @returns {Uint8Array}
   * @throws {SessionStoreError}
   */
  write(session) {
    this.#out.clear()
    this.#path[0] = ''
    this.#depth = 0
    try {
      this.#element('', session)
    } catch (error) {
      throw error instanceof SessionStoreError ? error : this.#refusal('cannot be read', error)
    } finally {
      this.#parents.length = 0
      this.#path.length = 0
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
    switch (typeof value) {
      case 'string':
        this.#start(TYPE.STRING, key)
        this.#out.string(value)
        break
      case 'number':
        this.#number(key, value)
        break
      case 'boolean':
        this.#start(TYPE.BOOLEAN, key)
        this.#out.boolean(value)
        break
      case 'object':
        this.#object(key, value)
        break
      case 'bigint':
        this.#bigint(key, value)
        break
      default:
        // As in JSON: left out, but in an array, where the others have to keep their place.
        if (typeof key === 'number') {
          this.#start(TYPE.NULL, key)
        }
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
    } else if (typeof value.toJSON === 'function' && !hasBsonForm(value)) {
      this.#converted(key, value, value.toJSON(String(key)))
    } else {
      this.#asItIs(key, value)
    }
  }

  /**
   * @param {string | number} key
   * @param {object} value
   * @param {any} converted what its `toBSON` or `toJSON` gave
   */
  #converted(key, value, converted) {
    if (converted === value) {
      this.#asItIs(key, value)
      return
    }
    this.#enter(value)
    this.#element(key, converted)
    this.#parents.pop()
  }

  /**
   * @param {string | number} key
   * @param {any} value
   */
  #asItIs(key, value) {
    if (Array.isArray(value)) {
      this.#array(key, value)
    } else if (isPlainObject(value)) {
      this.#document(key, value)
    } else if (types.isDate(value)) {
      this.#start(TYPE.DATE, key)
      this.#out.date(value.getTime())
    } else if (types.isUint8Array(value)) {
      this.#start(TYPE.BINARY, key)
      this.#out.binary(value)
    } else if (types.isAnyArrayBuffer(value)) {
      this.#start(TYPE.BINARY, key)
      this.#out.binary(new Uint8Array(value))
    } else if (types.isBoxedPrimitive(value)) {
      this.#element(key, value.valueOf())
    } else if (types.isRegExp(value) || hasBsonClass(value)) {
      this.#bsonValue(key, value)
    } else if (hasNoForm(value)) {
      throw this.#refusal(`is a ${value.constructor?.name ?? 'value'}, which BSON has no form for`)
    } else {
      this.#document(key, value)
    }
  }

  /**
   * @param {string | number} key
   * @param {any} value
   */
  #document(key, value) {
    const start = this.#open(TYPE.DOCUMENT, key, value)
    if (types.isMap(value)) {
      for (const [name, item] of value) {
        this.#path[this.#depth] = String(name)
        if (typeof name !== 'string' && typeof name !== 'number') {
          throw this.#refusal('has a key that is not a string')
        }
        this.#element(String(name), item)
      }
    } else {
      for (const name of Object.keys(value)) {
        this.#path[this.#depth] = name
        this.#element(name, value[name])
      }
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
    if (this.#parents.includes(value)) {
      throw this.#refusal('refers back to an object that contains it')
    }
    if (this.#parents.length > MAX_DEPTH) {
      throw this.#refusal(`nests deeper than ${MAX_DEPTH}`)
    }
    this.#parents.push(value)
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
    const document = documentOfDBRef(value)
    if (document) {
      this.#document(key, document)
      return
    }
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
    if (!this.#out.start(type, String(key))) {
      throw this.#refusal('has a NUL character in its key')
    }
  }

  /**
   * @param {string} problem
   * @param {unknown} [cause]
   */
  #refusal(problem, cause) {
    const path = formatPath(this.#path.slice(1, this.#depth + 1))
    return new SessionStoreError('ERR_SESSION_VALUE', `${path} ${problem}`, { cause })
  }
}

/** @param {object} value */
function isPlainObject(value) {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/**
 * What has a `toJSON`, but also a form of its own in BSON.
 * @param {object} value
 */
function hasBsonForm(value) {
  return types.isDate(value) || types.isUint8Array(value) || hasBsonClass(value)
}

/** @param {object} value */
function hasNoForm(value) {
  return (
    types.isSet(value) ||
    types.isWeakMap(value) ||
    types.isWeakSet(value) ||
    types.isPromise(value) ||
    types.isGeneratorObject(value) ||
    value instanceof WeakRef ||
    ArrayBuffer.isView(value)
  )
}

/** @param {(string | number)[]} path */
function formatPath(path) {
  const steps = path.map((key) => {
    if (typeof key === 'number') {
      return `[${key}]`
    }
    return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
      ? `.${key}`
      : `[${JSON.stringify(key)}]`
  })
  return `data${steps.join('')}`
}

exports.BsonWriter = BsonWriter
