// node bench/values.js: what a session costs the event loop to encode and to decode, beside the
// official `bson` package and JSON. The least of many rounds, in microseconds.

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
  '10 KB of text': session({ text: 'x'.repeat(10_000) }),
}

/** What `get` receives: text where every value has a JSON form, else the bytes. */
function stored(name, data) {
  return /one/.test(name) ? encode(data) : JSON.stringify(data)
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
  const content = stored(name, data)
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
