'use strict'

// Generators of sessions that know where encodings go wrong, and what the official `bson` package
// makes of them.

const bson = require('bson')
const fc = require('fast-check')

const EDGES = [
  0,
  -0,
  1,
  -1,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31),
  -(2 ** 31) - 1,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53),
  2 ** 63,
  2 ** 64,
  1e21,
  1e-7,
  5e-324,
  2.2250738585072014e-308,
  Number.MAX_VALUE,
]
const WITHOUT_JSON = [Number.NaN, Infinity, -Infinity]

const TEXTS = [
  '',
  '\0',
  'a\0b',
  '\\u0000',
  '\u2028\u2029',
  '\ufeff',
  '😀',
  '\ud800',
  'x\udfff',
  '\udc00\ud800',
  '\u{10ffff}',
  '"\\/\b\f\n\r\t\x7f',
  '\\ud800',
  'x'.repeat(24),
  'x'.repeat(25),
  'é'.repeat(24),
  `${'x'.repeat(23)}é`,
  'y'.repeat(20_000),
  '€'.repeat(20_000),
]

const KEYS = [
  '',
  '0',
  '1',
  '10',
  '01',
  '-1',
  '4294967294',
  '4294967295',
  '4294967296',
  '__proto__',
  'constructor',
  'prototype',
  'hasOwnProperty',
  'toString',
  'toJSON',
  'toBSON',
  'length',
  'a.b',
  '$where',
  '$set',
  '$id',
  '$db',
  '_id',
  '_expire',
  '_maxAge',
  'ключ',
  '😀',
  '\u2028',
  'k'.repeat(24),
  'k'.repeat(300),
]

const text = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'binary' }),
)
const key = fc.oneof(
  { weight: 3, arbitrary: fc.string({ minLength: 1, maxLength: 8 }) },
  { weight: 2, arbitrary: fc.constantFrom(...KEYS) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
)
const cleanKey = key.filter((name) => !name.includes('\0') && name !== '_bsontype')
/** With `$ref`, an object may be read as a reference; a session never is. */
const nestedKey = fc.oneof(
  { weight: 20, arbitrary: cleanKey },
  { weight: 1, arbitrary: fc.constant('$ref') },
)

const number = fc.oneof(
  fc.constantFrom(...EDGES),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
)

const plainLeaf = fc.oneof(text, number, fc.boolean(), fc.constant(null), fc.constant(undefined))

const bytes = fc.uint8Array({ maxLength: 40 })
const buffer = bytes.map((array) => Buffer.from(array))
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const date = fc.oneof(
  fc.date(),
  fc.constantFrom(8.64e15, -8.64e15, 0, -1, 2 ** 32, -(2 ** 32)).map((time) => new Date(time)),
)
const objectId = fc
  .uint8Array({ minLength: 12, maxLength: 12 })
  .map((array) => new bson.ObjectId(array))
const decimal = fc.oneof(
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((array) => new bson.Decimal128(array)),
  fc
    .constantFrom(
      '0',
      '-0',
      '1.50',
      'NaN',
      '-Infinity',
      '9.999999999999999999999999999999999E+6144',
    )
    .map((digits) => bson.Decimal128.fromString(digits)),
)
const binary = fc.oneof(
  fc
    .tuple(buffer, fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, 128, 255))
    .map(([content, subtype]) => new bson.Binary(content, subtype)),
  fc.uuid().map((id) => new bson.UUID(id)),
  fc
    .array(fc.integer({ min: -128, max: 127 }))
    .map((items) => bson.Binary.fromInt8Array(Int8Array.from(items))),
)
const regExp = fc.constantFrom(/a/, /^a.*\/"$/gi, /[é😀]/mu, /(?:)/, /(?<y>x)/, /[z--a]/v)

/** A value whose class knows its own form. */
class Money {
  constructor(amount) {
    this.amount = amount
  }

  toBSON() {
    return { amount: this.amount, at: new Date(5) }
  }
}

class Point {
  constructor(x, y) {
    this.x = x
    this.y = y
  }

  get sum() {
    return this.x + this.y
  }
}

/** Converters that give as much as the object has without them. */
const selfConverted = [
  (x) => ({
    x,
    toJSON() {
      return { ...this }
    },
  }),
  (x) => ({ x, toBSON: () => ({ x, toBSON: () => ({ x }) }) }),
]

const code = fc
  .tuple(fc.constantFrom('f()', ''), fc.option(fc.tuple(buffer, binary)))
  .map(([text, items]) => new bson.Code(text, items && { at: new Date(1), items, '': [{ items }] }))
const reference = fc
  .tuple(fc.oneof(objectId, buffer, fc.nat()), binary, fc.constantFrom('db', undefined))
  .map(([id, more, db]) => new bson.DBRef('users', id, db, { more: [more] }))

const otherLeaf = fc.oneof(
  fc.constantFrom(...WITHOUT_JSON),
  date,
  buffer,
  bytes,
  regExp,
  objectId,
  decimal,
  binary,
  int64,
  int64.map((value) => bson.Long.fromBigInt(value)),
  fc.integer().map((value) => new bson.Int32(value)),
  number.map((value) => new bson.Double(value)),
  fc.tuple(fc.nat(), fc.nat()).map(([t, i]) => new bson.Timestamp({ t, i })),
  fc.constantFrom(new bson.MinKey(), new bson.MaxKey()),
  fc.string().map((value) => new bson.BSONSymbol(value)),
  code,
  fc
    .tuple(fc.constantFrom('a.b', '(?i)abc'), fc.constantFrom('', 'i', 'imsx'))
    .map(([pattern, options]) => new bson.BSONRegExp(pattern, options)),
  reference,
  number.map((amount) => new Money(amount)),
  number.map((x) => new Point(x, -x)),
  fc.tuple(fc.constantFrom(...selfConverted), number).map(([make, x]) => make(x)),
)

/** @param {fc.Arbitrary<any>} leaf @param {fc.Arbitrary<any>} [map] */
function session(leaf, map) {
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6, depthSize: 'small', withCrossShrink: true },
      { weight: 6, arbitrary: leaf },
      { weight: 2, arbitrary: tie('array') },
      { weight: 2, arbitrary: tie('object') },
      ...(map ? [{ weight: 1, arbitrary: tie('map') }] : []),
    ),
    array: fc.array(tie('tree'), { maxLength: 12 }),
    entries: fc.uniqueArray(fc.tuple(nestedKey, tie('tree')), {
      maxLength: 8,
      // Of keys that differ in lone surrogates only, one would be left.
      selector: ([name]) => name.toWellFormed?.() ?? Buffer.from(name).toString(),
    }),
    object: tie('entries').map((entries) => Object.fromEntries(/** @type {any} */ (entries))),
    map: tie('entries').map((entries) => new Map(/** @type {any} */ (entries))),
  }))
  return fc
    .uniqueArray(fc.tuple(cleanKey, tree), {
      maxLength: 12,
      selector: ([name]) => Buffer.from(name).toString(),
    })
    .map(Object.fromEntries)
}

/** Sessions of values that JSON has a form for, but for -0. */
const plainSession = session(plainLeaf)

/** Sessions of all that BSON has a form for. */
const mixedSession = session(fc.oneof(plainLeaf, otherLeaf), true)

/** Sessions of mostly what JSON has a form for: few enough of the rest to cross in capsules. */
const sparseSession = fc
  .tuple(
    session(
      fc.oneof({ weight: 5, arbitrary: plainLeaf }, { weight: 1, arbitrary: otherLeaf }),
      true,
    ),
    fc.nat(3000),
  )
  .map(([data, length]) => ({ ...data, padding: 'x'.repeat(length) }))

const AROUND = {
  object: (inner) => ({ a: inner }),
  array: (inner) => [1, inner],
  map: (inner) => new Map([['m', inner]]),
}

/** Sessions that nest almost as deep as they may: the innermost value may nest on. */
const deepSession = fc
  .tuple(fc.array(fc.constantFrom(...Object.values(AROUND)), { maxLength: 96 }), otherLeaf)
  .map(([around, innermost]) => ({ deep: around.reduce((inner, put) => put(inner), innermost) }))

/** The bytes that the official package writes for a session. */
function officialBytes(data) {
  return Buffer.from(bson.serialize(data, { ignoreUndefined: true }))
}

/**
 * What a session has to be read as: what the official package makes of its bytes, with
 * `promoteBuffers` for plain binary data, and regular expressions where JavaScript has them.
 */
function readAs(content) {
  const plain = bson.deserialize(content, { bsonRegExp: true })
  const promoted = bson.deserialize(content, { bsonRegExp: true, promoteBuffers: true })
  return chosen(plain, promoted)
}

function chosen(plain, promoted) {
  if (plain instanceof bson.Binary) return plain.sub_type === 0 ? promoted : plain
  if (plain instanceof bson.BSONRegExp) return readAlone(plain)
  if (typeof plain !== 'object' || plain === null || ArrayBuffer.isView(plain)) return promoted
  for (const name of Object.keys(plain)) {
    const value = chosen(plain[name], promoted[name])
    if (value !== promoted[name]) Object.defineProperty(promoted, name, { value })
  }
  return promoted
}

function readAlone(value) {
  try {
    return bson.deserialize(bson.serialize({ value })).value
  } catch {
    return value
  }
}

module.exports = {
  deepSession,
  mixedSession,
  officialBytes,
  plainSession,
  readAs,
  sparseSession,
}
