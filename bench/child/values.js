// What a session costs the event loop to encode and to decode, beside the official `bson` package
// and JSON, each as it crosses between JavaScript and Rust.

const assert = require('node:assert/strict')
const { createRequire } = require('node:module')
const path = require('node:path')
const { answer } = require('./answer')

// The copy that the store has: the peers in bench/ bring another one.
const bson = createRequire(path.join(__dirname, '..', '..', 'package.json'))('bson')

// The store reads by this, so that what a session crosses as can be seen.
const values = require('../../lib/values/values')
const { decoder, encode } = values
const decode = decoder(() => undefined)
let content
values.decoder = () => (crossed) => {
  content = crossed
  return decode(crossed)
}
const SessionStore = require('../..')

const CALLS = 300

/** A session of about a hundred plain values, and the same with some more. */
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

const many = (count, make) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`value${n}`, make(n)]))

const SESSIONS = {
  '100 plain values': session(),
  'and one Date': session({ at: new Date() }),
  'and one ObjectId': session({ id: new bson.ObjectId() }),
  'and one Buffer': session({ token: Buffer.alloc(32, 1) }),
  'and ten Dates': session(many(10, (n) => new Date(n))),
  '30 Dates alone': many(30, (n) => new Date(n)),
  '10 KB of text': session({ text: 'x'.repeat(10_000) }),
}

answer({
  /** @returns {Promise<object[]>} for each session, the microseconds of each round */
  async measure({ place, rounds }) {
    const { uri, ...rest } = place
    const store = new SessionStore({ connection: uri, ...rest })
    const rows = []
    for (const [name, data] of Object.entries(SESSIONS)) {
      await store.set(name, data)
      assert.deepStrictEqual(await store.get(name), data)
      rows.push({ name, ...measureSession(data, content, rounds) })
    }
    await store.close()
    return rows
  },
})

function measureSession(data, crossed, rounds) {
  const bytes = bson.serialize(data)
  const text = JSON.stringify(data)
  const cases = {
    encode: () => encode(data),
    decode: () => decode(crossed),
    serialize: () => bson.serialize(data),
    deserialize: () => bson.deserialize(bytes),
    stringify: () => JSON.stringify(data),
    parse: () => JSON.parse(text),
  }
  const times = Object.fromEntries(Object.keys(cases).map((name) => [name, []]))
  // The first ones warm up.
  for (let round = -5; round < rounds; round++) {
    for (const [name, work] of Object.entries(cases)) {
      const start = performance.now()
      for (let call = 0; call < CALLS; call++) work()
      if (round >= 0) times[name].push(((performance.now() - start) / CALLS) * 1000)
    }
  }
  return { bytes: bytes.length, asText: typeof crossed === 'string', times }
}
