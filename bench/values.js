// node bench/values.js: what a session costs the event loop to encode and to decode, beside the
// official `bson` package and JSON. The least of many rounds, in microseconds.

const assert = require('node:assert/strict')
const bson = require('bson')
const { decode, encode } = require('../lib/values')

const ROUNDS = 60
const CALLS = 300

/** A session of about a hundred plain values, and the same with one value more. */
function session(more) {
  const cart = Array.from({ length: 18 }, (_, index) => ({
    sku: `sku-${index}`,
    quantity: index,
    price: index * 1.25,
    tags: ['a', 'b'],
  }))
  const user = { id: 'u1234567', name: 'Ann Smith', email: 'ann@example.org', roles: ['admin'] }
  return { _expire: 1_700_000_000_000, _maxAge: 86_400_000, user, cart, ...more }
}

const SESSIONS = {
  'plain values': session(),
  'one Date': session({ at: new Date() }),
  'one ObjectId': session({ id: new bson.ObjectId() }),
  'one Buffer': session({ token: Buffer.alloc(32, 1) }),
  'two values': { _expire: 1_700_000_000_000, user: 'u1234567' },
  'two values, one Date': { _expire: 1_700_000_000_000, at: new Date() },
  '30 Dates': Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`at${n}`, new Date(n)])),
  '10 KB of text': session({ text: 'x'.repeat(10_000) }),
}

/** What `get` receives: text with a few capsules, or the bytes if there is little else. */
function stored(data) {
  const keys = Object.keys(data).filter((key) => isWithoutJson(data[key]))
  if (keys.length === 0) return JSON.stringify(data)
  if (keys.length * 2 >= Object.keys(data).length) return encode(data)
  const capsules = Object.fromEntries(keys.map((key) => [key, capsule(data[key])]))
  return JSON.stringify([{ ...data, ...capsules }, ...keys.map((key) => [key])])
}

function isWithoutJson(value) {
  return value instanceof Date || value instanceof bson.ObjectId || Buffer.isBuffer(value)
}

/** As `src/codec/capsule.rs` writes it. */
function capsule(value) {
  const hex = () => Buffer.from(bson.serialize({ '': value })).toString('hex')
  return { '\0': value instanceof Date ? value.getTime() : hex() }
}

function measure(cases) {
  const least = {}
  for (let round = -5; round < ROUNDS; round++) {
    for (const [name, work] of Object.entries(cases)) {
      const start = process.hrtime.bigint()
      for (let call = 0; call < CALLS; call++) work()
      const time = Number(process.hrtime.bigint() - start) / CALLS / 1000
      if (round >= 0) least[name] = Math.min(least[name] ?? time, time)
    }
  }
  return least
}

const table = {}
for (const [name, data] of Object.entries(SESSIONS)) {
  const content = stored(data)
  assert.deepStrictEqual(decode(content), decode(encode(data)))
  const official = bson.serialize(data)
  const text = JSON.stringify(data)
  const times = measure({
    encode: () => encode(data),
    'bson.serialize': () => bson.serialize(data),
    'JSON.stringify': () => JSON.stringify(data),
    decode: () => decode(content),
    'bson.deserialize': () => bson.deserialize(official),
    'JSON.parse': () => JSON.parse(text),
  })
  const both = (one, other) => times[one] + times[other]
  table[name] = {
    bytes: official.length,
    ...times,
    'store, both': both('encode', 'decode'),
    'bson, both': both('bson.serialize', 'bson.deserialize'),
  }
}
for (const row of Object.values(table)) {
  for (const [name, value] of Object.entries(row)) row[name] = Number(value.toPrecision(3))
}
console.table(table)
