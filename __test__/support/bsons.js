'use strict'

// Every Mongoose and every driver that `connection` takes, each with a copy of `bson` of its own.

const MONGOOSES = ['mongoose-6', 'mongoose-7', 'mongoose-8', 'mongoose']
const DRIVERS = ['mongodb-4', 'mongodb-5', 'mongodb-6', 'mongodb']
const BSONS = ['bson-4', 'bson-5', 'bson-6', 'bson']

/** The classes of a copy: what its driver does not export itself, `BSON` has. */
function classesOf(exported) {
  return { ...exported.BSON, ...exported }
}

/** A value of each class that a session keeps, as this copy makes it. */
function valuesOf(exported) {
  const {
    Binary,
    BSONRegExp,
    Code,
    DBRef,
    Decimal128,
    Long,
    MaxKey,
    MinKey,
    ObjectId,
    Timestamp,
    UUID,
  } = classesOf(exported)
  const id = () => new ObjectId('0123456789abcdef01234567')
  return {
    ObjectId: id(),
    Decimal128: Decimal128.fromString('1.50'),
    Long: Long.fromString('9007199254740993'),
    UUID: new UUID('00112233-4455-4677-8899-aabbccddeeff'),
    Binary: new Binary(Buffer.from('abc'), 128),
    Timestamp: new Timestamp({ t: 4294967295, i: 1 }),
    MinKey: new MinKey(),
    MaxKey: new MaxKey(),
    BSONRegExp: new BSONRegExp('(?i)a', 'x'),
    Code: new Code('f()', { id: id() }),
    DBRef: new DBRef('users', id(), 'other', { more: [id()] }),
  }
}

module.exports = { BSONS, DRIVERS, MONGOOSES, classesOf, valuesOf }
