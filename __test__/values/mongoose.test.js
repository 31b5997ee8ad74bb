'use strict'

// Whatever a session could hold in the store on Mongoose, it holds here, and is stored alike:
// values of every class of BSON, from every version of the `bson` package, and Mongoose documents.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const bson = require('bson')
const mongoose = require('mongoose')
const { encode } = require('../../lib/values/values')
const { useDatabase } = require('../support/database')
const { officialBytes, readAs } = require('../support/values')

let store
let Session
let User
const database = useDatabase({
  setUp: async () => {
    store = database.store()
    const connection = await mongoose.createConnection(database.uri, { dbName: database.name })
    const stored = { _id: String, data: Object, updatedAt: Date }
    Session = connection.model('Session', new mongoose.Schema(stored), 'sessions')
    User = connection.model('User', userSchema())
  },
  tearDown: () => Session.db.close(),
})

function userSchema() {
  const item = new mongoose.Schema({ sku: String, price: mongoose.Schema.Types.Decimal128 })
  return new mongoose.Schema({
    name: { type: String, get: (name) => `Mr ${name}` },
    born: Date,
    items: [item],
    best: item,
    labels: { type: Map, of: String },
    picture: Buffer,
    tags: [String],
    friend: mongoose.Schema.Types.ObjectId,
    anything: mongoose.Schema.Types.Mixed,
  })
}

function user() {
  return new User({
    name: 'Ann',
    born: new Date(0),
    items: [{ sku: 'a', price: '1.50' }, { sku: 'b' }],
    best: { sku: 'c' },
    labels: { 'a b': 'c' },
    picture: Buffer.from('picture'),
    tags: ['x', 'y'],
    friend: new mongoose.Types.ObjectId(),
    anything: { deep: [{ at: new Date(1) }] },
  })
}

/** One value of each class, as this version of the package makes them. */
function values(version) {
  const { Binary, Code, DBRef, Decimal128, Double, Int32, Long, ObjectId } = version
  const id = () => new ObjectId('0123456789abcdef01234567')
  const subtypes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 128]
  return {
    objectId: id(),
    decimals: ['1.50', '-0', 'NaN', '1E+6000'].map((digits) => Decimal128.fromString(digits)),
    longs: ['0', '-1', '9007199254740993', '-9223372036854775808'].map((n) => Long.fromString(n)),
    int32: new Int32(-5),
    doubles: [5, -0, 1.5, NaN, Infinity].map((number) => new Double(number)),
    uuid: new version.UUID('00112233-4455-4677-8899-aabbccddeeff'),
    binaries: subtypes.map((subtype) => new Binary(Buffer.from('0123456789abcdef'), subtype)),
    timestamp: new version.Timestamp({ t: 4294967295, i: 1 }),
    minKey: new version.MinKey(),
    maxKey: new version.MaxKey(),
    symbol: new version.BSONSymbol('symbol'),
    regExp: new version.BSONRegExp('a.b', 'imx'),
    code: [new Code('f()'), new Code('f()', { a: [id(), { b: Long.fromString('5') }] })],
    reference: new DBRef('users', id(), 'other', { more: [id()] }),
    nested: { list: [{ id: id() }, new Map([['id', id()]])] },
  }
}

async function storedData(id, collection) {
  const record = await database.collection(collection).findOne({ _id: id }, { raw: true })
  return bson.deserialize(record, { raw: true }).data
}

/** As the official driver stores it: a server may refuse a value, or store it as another. */
async function assertStoredAs(t, id, data, expected) {
  assert.ok(officialBytes(expected).equals(encode(data)))
  const official = database.collection('official')
  try {
    await official.insertOne({ _id: id, data: expected }, { ignoreUndefined: true })
  } catch {
    t.diagnostic('this server does not store it')
    return
  }
  const stored = await storedData(id, 'official')
  await store.set(id, data)
  assert.deepEqual(await storedData(id), stored)
  assert.deepStrictEqual(await store.get(id), readAs(stored))
}

describe('the classes of BSON', () => {
  for (const name of ['bson', 'bson-4', 'bson-5', 'bson-6']) {
    for (const [what, value] of Object.entries(values(require(name)))) {
      it(`are stored alike from ${name}: ${what}`, async (t) => {
        await assertStoredAs(t, `${name} ${what}`, { value }, { value: values(bson)[what] })
      })
    }
  }

  it('are read as instances of this package', async () => {
    await store.set('instances', values(require('bson-4')))
    const found = await store.get('instances')
    assert.ok(found.objectId instanceof bson.ObjectId)
    assert.ok(found.decimals[0] instanceof bson.Decimal128)
    assert.ok(found.longs[2] instanceof bson.Long)
    assert.ok(found.uuid instanceof bson.UUID)
    assert.ok(found.binaries[5] instanceof bson.Binary)
    assert.ok(Buffer.isBuffer(found.binaries[0]))
    assert.ok(found.reference.oid instanceof bson.ObjectId)
    assert.ok(found.nested.list[1].id instanceof bson.ObjectId)
  })
})

describe('the values of another version of bson', () => {
  for (const name of ['bson', 'bson-4', 'bson-5', 'bson-6']) {
    it(`keep every bit that ${name} itself writes`, () => {
      const { Binary, Code, Decimal128, Double, Long, serialize } = require(name)
      const spare = (subtype, length) => {
        const binary = new Binary(Buffer.alloc(64, 1), subtype)
        binary.position = length
        return binary
      }
      const values = [
        ...[0x00, 0x5a, 0xff].map((byte) => new Decimal128(Buffer.alloc(16, byte))),
        ...[0, 2, 4, 128].flatMap((subtype) => [spare(subtype, 3), spare(subtype, 16)]),
        new Binary(Buffer.from('abc'), 4),
        new Binary(),
        Long.MAX_UNSIGNED_VALUE,
        Long.fromString('9223372036854775808', true),
        ...[1e21, -1e300, 5e-324, -5e-324].map((number) => new Double(number)),
        new Code(function sum(a, b) {
          return a + b
        }),
      ]
      for (const value of values) {
        const expected = Buffer.from(serialize({ value }))
        assert.equal(encode({ value }).toString('hex'), expected.toString('hex'))
      }
    })
  }
})

describe('what Mongoose makes', () => {
  const parts = {
    'a document': (owner) => owner,
    'a subdocument': (owner) => owner.best,
    'an array of subdocuments': (owner) => owner.items,
    'a subdocument of an array': (owner) => owner.items[0],
    'a map': (owner) => owner.labels,
    'a buffer': (owner) => owner.picture,
    'an array of strings': (owner) => owner.tags,
    'an id': (owner) => owner._id,
    'a mixed value': (owner) => owner.anything,
    'a lean document': (owner) => owner.toObject(),
    'a buffer with a subtype': (owner) => {
      owner.picture.subtype(5)
      return owner.picture
    },
  }
  for (const [name, part] of Object.entries(parts)) {
    it(`is stored as the official package writes it: ${name}`, async (t) => {
      const data = { user: { value: part(user()) }, at: new Date(1) }
      await assertStoredAs(t, name, data, data)
    })
  }

  it('is stored as Mongoose itself stores it in a session', async () => {
    const owner = user()
    const data = {
      ...Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part(owner)])),
      plain: { n: 1, list: [null, 'a', 1.5, -0, NaN], at: new Date(1) },
      ...values(bson),
    }
    await Session.collection.insertOne({ _id: 'theirs', data })
    await store.set('ours', data)
    assert.deepEqual(await storedData('ours'), await storedData('theirs'))
    assert.deepStrictEqual(await store.get('ours'), await store.get('theirs'))
  })

  it('can be the session', async () => {
    const owner = user()
    await store.set('whole', owner)
    assert.deepEqual(await storedData('whole'), officialBytes(owner))
  })

  it('finds in a session of ours what it would in its own', async () => {
    await store.set('model', { user: { name: 'Ann', id: new bson.ObjectId() }, at: new Date(5) })
    const found = await Session.findOne({ 'data.user.name': 'Ann' })
    assert.deepEqual(found.data.at, new Date(5))
    assert.ok(found.data.user.id instanceof mongoose.Types.ObjectId)
  })
})

describe('the ids of an old Mongoose', () => {
  it('are ids', () => {
    // bson 1 keeps the name of the class in the instance, and knows no Extended JSON.
    class ObjectID {
      _bsontype = 'ObjectID'

      toHexString() {
        return '0123456789abcdef01234567'
      }

      toJSON() {
        return this.toHexString()
      }
    }
    const id = new bson.ObjectId('0123456789abcdef01234567')
    assert.deepEqual(encode({ id: new ObjectID() }), officialBytes({ id }))
  })
})
