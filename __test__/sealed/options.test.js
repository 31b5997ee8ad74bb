'use strict'

// The options `encryption` and `hashIds`: what they take, and that no key shows anywhere.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { inspect } = require('node:util')
const { SessionStore, SessionStoreError } = require('../..')
const { useDatabase } = require('../support/database')

const SECRET = 'a secret that nobody is to see, of 40 bytes'

const connection = 'mongodb://127.0.0.1:1'

const database = useDatabase()

function refusal(options) {
  try {
    new SessionStore({ connection, ...options })
  } catch (error) {
    assert.ok(error instanceof SessionStoreError)
    assert.equal(error.code, 'ERR_OPTIONS')
    return error.message
  }
  throw new Error('it was taken')
}

const WRONG = [
  [{ encryption: true }, "option 'encryption' must be { keys: [key, …] }; given was a boolean"],
  [{ encryption: SECRET }, "option 'encryption' must be { keys: [key, …] }; given was a string"],
  [{ encryption: [SECRET] }, "option 'encryption' must be { keys: [key, …] }; given was an array"],
  [
    { encryption: Buffer.alloc(32) },
    "option 'encryption' must be { keys: [key, …] }; given was bytes",
  ],
  [{ encryption: {} }, "encryption: option 'keys' must be a list of keys; given was undefined"],
  [
    { encryption: { keys: [] } },
    "encryption: option 'keys' must be a list of keys; given was an empty list",
  ],
  [
    { encryption: { keys: SECRET } },
    "encryption: option 'keys' must be a list of keys; given was a string",
  ],
  [
    { encryption: { key: SECRET } },
    "option 'encryption' has no field 'key', only 'keys': { keys: [key, …] }",
  ],
  [
    { encryption: { keys: [SECRET, 5] } },
    'encryption: keys[1] must be a string of well-formed Unicode or a Buffer; given was a number',
  ],
  [
    { encryption: { keys: ['\ud800'.repeat(40)] } },
    'encryption: keys[0] must be a string of well-formed Unicode or a Buffer; given was a string',
  ],
  [
    { encryption: { keys: [SECRET, SECRET.slice(0, 31)] } },
    'encryption: keys[1] must have at least 32 bytes; given were 31: make one with: openssl rand -base64 32',
  ],
  [
    { hashIds: { key: Buffer.alloc(31) } },
    'hashIds: key must have at least 32 bytes; given were 31: make one with: openssl rand -base64 32',
  ],
  [{ hashIds: true }, "option 'hashIds' must be { key }; given was a boolean"],
  [{ hashIds: { keys: [SECRET] } }, "option 'hashIds' has no field 'keys', only 'key': { key }"],
  [
    { hashIds: {} },
    'hashIds: key must be a string of well-formed Unicode or a Buffer; given was undefined',
  ],
  [{ crypto: { secret: SECRET } }, "unknown option 'crypto'; did you mean 'encryption'?"],
]

describe('encryption and hashIds', { timeout: 60_000 }, () => {
  for (const [options, message] of WRONG) {
    it(`are refused as ${message}`, () => {
      assert.equal(refusal(options), message)
    })
  }

  it('take strings, Buffers and other bytes of at least 32 bytes', async () => {
    const keys = ['é'.repeat(16), Buffer.alloc(32), new Uint8Array(64)]
    const store = database.store({ encryption: { keys }, hashIds: { key: keys[1] } })
    await store.set('taken', { a: 1 }, 60_000)
    assert.deepEqual(await store.get('taken'), { a: 1 })
  })

  it('a string is the key that its UTF-8 is', async () => {
    const text = database.store({ encryption: { keys: [SECRET] }, hashIds: { key: SECRET } })
    const key = Buffer.from(SECRET)
    const bytes = database.store({ encryption: { keys: [key] }, hashIds: { key } })
    key.fill(0) // the store has a copy
    await text.set('text', { a: 1 }, 60_000)
    assert.deepEqual(await bytes.get('text'), { a: 1 })
    assert.equal(bytes.storedId('text'), text.storedId('text'))
  })

  it('no key shows in a store that is printed, nor in an error', async () => {
    const options = { encryption: { keys: [SECRET] }, hashIds: { key: SECRET } }
    const store = database.store(options)
    const shown = inspect(store, { showHidden: true, depth: Infinity, getters: true })
    assert.ok(!shown.includes(SECRET) && !JSON.stringify(store).includes(SECRET))
    const away = new SessionStore({ connection, serverSelectionTimeoutMS: 50, ...options })
    const error = await away.get('x').catch((error) => error)
    assert.ok(!inspect(error, { showHidden: true, depth: Infinity }).includes(SECRET))
    await away.close()
  })
})
