'use strict'

// A reader of encrypted sessions, of lookups and of hashed ids, written after docs/encryption.md with
// Node's own crypto: nothing here is the store's.

const { createDecipheriv, createHmac, hkdfSync } = require('node:crypto')
const { BSON, Binary } = require('mongodb')

const BINARY = 5
const SUBTYPE = 0xe5
const PLAIN = ['_expire', '_maxAge', '_session']

/**
 * @param {string | Uint8Array} secret as it is given to the store
 * @param {'values' | 'lookups' | 'fingerprint' | 'ids'} purpose
 */
function derive(secret, purpose, size = 32) {
  const bytes = Buffer.from(secret)
  return Buffer.from(hkdfSync('sha256', bytes, 'koa-session-mongo-native', purpose, size))
}

const fingerprint = (secret) => derive(secret, 'fingerprint', 4)

const hmac = (key, message) => createHmac('sha256', key).update(message).digest()

/** Bytes after their length. */
function text(bytes) {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** What the values under a key of `data` are bound to. */
function associatedData(id, key) {
  return Buffer.concat([Buffer.from([1]), text(Buffer.from(id)), text(Buffer.from(key))])
}

const sessionKey = (secret, id) => hmac(derive(secret, 'values'), Buffer.from(id))

const isSealed = (value) => value?._bsontype === 'Binary' && value.sub_type === SUBTYPE

/** The BSON document that has the value under an empty key. */
function openValue(bytes, secrets, id, key) {
  if (bytes[0] !== 1) throw new Error('another version')
  const secret = secrets.find((one) => fingerprint(one).equals(bytes.subarray(1, 5)))
  if (secret === undefined) throw new Error('no such key')
  const decipher = createDecipheriv('aes-256-gcm', sessionKey(secret, id), bytes.subarray(5, 17))
  decipher.setAAD(associatedData(id, key))
  decipher.setAuthTag(bytes.subarray(-16))
  return Buffer.concat([decipher.update(bytes.subarray(17, -16)), decipher.final()])
}

/** The bytes of a stored session as they would be without `encryption`. */
function openSession(bytes, secrets, id) {
  const elements = BSON.onDemand.parseToElements(bytes).map((element) => {
    const [type, nameAt, nameLength, valueAt, length] = element
    const name = bytes.subarray(nameAt, nameAt + nameLength)
    const value = bytes.subarray(valueAt, valueAt + length)
    if (type !== BINARY || value[4] !== SUBTYPE) {
      return Buffer.concat([Buffer.from([type]), name, Buffer.from([0]), value])
    }
    const opened = openValue(value.subarray(5), secrets, id, name.toString())
    return Buffer.concat([opened.subarray(4, 5), name, opened.subarray(5, -1)])
  })
  const size = Buffer.alloc(4)
  const content = Buffer.concat([...elements, Buffer.from([0])])
  size.writeInt32LE(4 + content.length)
  return Buffer.concat([size, content])
}

/**
 * A stored document as it would be without `encryption`.
 * @param {object | null} document as the official driver reads it
 * @param {(string | Uint8Array)[]} secrets
 * @param {object} [options] of the reading
 */
function openDocument(document, secrets, options) {
  if (!document?.data) return document
  const { lookup, ...rest } = document
  const entries = Object.entries(document.data).map(([key, value]) => {
    const bytes = isSealed(value) && openValue(value.buffer, secrets, document._id, key)
    return [key, bytes ? BSON.deserialize(bytes, options)[''] : value]
  })
  const data = Object.fromEntries(entries) // a key `__proto__` is just a key there
  return { ...rest, data }
}

/** The form of a value that is the same for all that MongoDB takes for equal. */
function canon(value) {
  if (typeof value === 'string') return Buffer.concat([Buffer.from('s'), text(Buffer.from(value))])
  if (typeof value === 'number') return canonNumber(value)
  if (typeof value === 'bigint') return canonWhole(value)
  if (Array.isArray(value)) {
    const items = value.flatMap((item) => [Buffer.from([1]), canon(item)])
    return Buffer.concat([Buffer.from('a'), ...items, Buffer.from([0])])
  }
  if (value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    const elements = Object.entries(value).flatMap(([key, inner]) => [
      Buffer.from([1]),
      text(Buffer.from(key)),
      canon(inner),
    ])
    return Buffer.concat([Buffer.from('o'), ...elements, Buffer.from([0])])
  }
  const bson = Buffer.from(BSON.serialize({ '': value }))
  const type = bson[4]
  return Buffer.concat([Buffer.from('x'), Buffer.from([type]), text(bson.subarray(6, -1))])
}

function canonNumber(value) {
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 63) return canonWhole(BigInt(value))
  const bytes = Buffer.alloc(9, 'd')
  bytes.writeDoubleLE(value, 1)
  return bytes
}

function canonWhole(value) {
  const bytes = Buffer.alloc(9, 'i')
  bytes.writeBigInt64LE(value, 1)
  return bytes
}

/** What is kept beside a session for a value at a path. */
function lookup(secret, path, value) {
  return hmac(derive(secret, 'lookups'), Buffer.concat([text(Buffer.from(path)), canon(value)]))
}

/** What is stored as `_id` with `hashIds`. */
const storedId = (secret, id) =>
  `h1.${hmac(derive(secret, 'ids'), Buffer.from(id)).toString('base64url')}`

module.exports = {
  Binary,
  PLAIN,
  SUBTYPE,
  associatedData,
  fingerprint,
  isSealed,
  lookup,
  openDocument,
  openSession,
  openValue,
  sessionKey,
  storedId,
}
