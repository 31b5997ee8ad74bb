'use strict'

// The format is what docs/encryption.md says: a reader that knows nothing else, with Node's own crypto,
// agrees with the vectors there and with what the store writes. (That the store agrees with the vectors
// is tried by `cargo test`: src/seal/vectors.rs.)

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { BSON, EJSON } = require('bson')
const vectors = require('../../docs/encryption-vectors.json')
const { useDatabase } = require('../support/database')
const format = require('../support/sealed-format')

const SECRET = Buffer.from(
  '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
  'hex',
)

const database = useDatabase()
const bytes = (hex) => Buffer.from(hex, 'hex')

describe('a reader of the format', { timeout: 60_000 }, () => {
  it('agrees with each vector', () => {
    for (const { secret, fingerprint } of vectors.fingerprints) {
      assert.equal(format.fingerprint(bytes(secret)).toString('hex'), fingerprint)
    }
    for (const { secret, id, key, bson, sealed } of vectors.values) {
      assert.deepEqual(format.openValue(bytes(sealed), [bytes(secret)], id, key), bytes(bson))
    }
    for (const { secret, path, bson, hash } of vectors.lookups) {
      const value = BSON.deserialize(bytes(bson))['']
      // This reader knows no decimals.
      if (value?._bsontype === 'Decimal128') continue
      assert.equal(format.lookup(bytes(secret), path, value).toString('hex'), hash)
    }
    for (const { secret, id, stored } of vectors.ids) {
      assert.equal(format.storedId(bytes(secret), id), stored)
    }
  })

  it('reads what the store writes', async () => {
    const store = database.store({
      encryption: { keys: [SECRET] },
      hashIds: { key: SECRET },
      indexes: ['user.id'],
    })
    const session = {
      user: { id: 42, name: 'grüß' },
      'a.b': [null, true, 1.5],
      '': new Date(5),
      _expire: 5,
    }
    await store.set('an id', session, 60_000)
    const document = await database.collection().findOne({ _id: format.storedId(SECRET, 'an id') })
    assert.deepEqual(format.openDocument(document, [SECRET]).data, session)
    const hash = Buffer.from(document.lookup['user%2Eid'].buffer)
    assert.deepEqual(hash, format.lookup(SECRET, 'user.id', 42))
    assert.equal(EJSON.stringify(document).includes('grüß'), false)
  })
})
