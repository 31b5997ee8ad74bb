'use strict'

// Documents that no driver writes: they become so on their way from the server.

const net = require('node:net')
const bson = require('bson')
const { SessionStoreError } = require('../..')

/** The bytes of text and of numbers, in a row. */
const bytes = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part, 'latin1')))
const int64 = (value) => Buffer.from(BigInt64Array.of(value).buffer)
/** Beside which a few dates cross in capsules. */
const padding = 'x'.repeat(300)

/** A string of as many bytes as a pointer has, and that pointer. */
const pointing = 'app.users#0123456789a'
const pointer = new bson.DBRef('app.users', new bson.ObjectId(Buffer.from('0123456789a\0')))

/**
 * What no driver writes: the bytes of a document that are others when it is read, and what `get`
 * gives of it.
 */
const MALFORMED = {
  'a string that is not UTF-8': {
    document: { data: { a: 'not text 1' } },
    bytes: ['not text 1', 'not \xff\xfe\x801'],
    gives: SessionStoreError,
  },
  'a string that is not UTF-8, after a date': {
    document: { data: { at: new Date(1), a: 'not text 2' } },
    bytes: ['not text 2', 'not \xff\xfe\x802'],
    gives: SessionStoreError,
  },
  'a string that is not UTF-8, beside its data': {
    document: { more: 'not text 3', data: { a: 1 } },
    bytes: ['not text 3', 'not \xff\xfe\x803'],
    gives: { a: 1 },
  },
  'a key that is not UTF-8': {
    document: { data: { 'no key': 1 } },
    bytes: ['no key', '\xffo key'],
    gives: SessionStoreError,
  },
  'a key twice': {
    document: { data: { 'twice a': 1, b: 2, 'twice b': 3 } },
    bytes: ['twice b', 'twice a'],
    gives: { 'twice a': 3, b: 2 },
  },
  'a key twice, after a date': {
    document: { data: { at: new Date(1), 'again a': 1, b: 2, 'again b': 3 } },
    bytes: ['again b', 'again a'],
    gives: { at: new Date(1), 'again a': 3, b: 2 },
  },
  'a date twice': {
    document: { data: { 'date a': new Date(1), b: 2, 'date b': new Date(2), padding } },
    bytes: ['date b', 'date a'],
    gives: { 'date a': new Date(2), b: 2, padding },
  },
  'a date, then its key with a number': {
    document: { data: { 'first a': new Date(1), b: 2, 'first b': 3, padding } },
    bytes: ['first b', 'first a'],
    gives: { 'first a': 3, b: 2, padding },
  },
  'an object of dates twice': {
    document: {
      data: { 'all a': { at: new Date(1), list: [[new Date(2)]] }, 'all b': { at: 1 }, padding },
    },
    bytes: ['all b', 'all a'],
    gives: { 'all a': { at: 1 }, padding },
  },
  'data twice': {
    document: { data: { a: 1 }, datb: { a: 2 } },
    bytes: ['\x03datb', '\x03data'],
    gives: { a: 1 },
  },
  'a nested key twice': {
    document: { data: { inner: { 'inner a': 1, b: 2, 'inner b': 3 }, n: 1 } },
    bytes: ['inner b', 'inner a'],
    gives: { inner: { 'inner a': 3, b: 2 }, n: 1 },
  },
  undefined: {
    document: { data: { 'no value': null, inner: { 'no value': null, a: 1 }, n: 1 } },
    bytes: ['\x0ano value', '\x06no value'],
    gives: { 'no value': undefined, inner: { 'no value': undefined, a: 1 }, n: 1 },
  },
  'undefined among items': {
    document: { data: { list: ['before it', null, 'x'], n: 1, padding } },
    bytes: ['before it\0\x0a1', 'before it\0\x061'],
    gives: { list: ['before it', undefined, 'x'], n: 1, padding },
  },
  'a pointer': {
    document: { data: { pointer: pointing } },
    bytes: ['\x02pointer\0\x16\0\0\0app.users#', '\x0cpointer\0\x0a\0\0\0app.users\0'],
    gives: { pointer },
  },
  'a pointer among items': {
    document: { data: { pointers: [pointing], padding } },
    bytes: ['\x020\0\x16\0\0\0app.users#', '\x0c0\0\x0a\0\0\0app.users\0'],
    gives: { pointers: [pointer], padding },
  },
  'an array with other keys': {
    document: { data: { list: ['array', 'of two'] } },
    bytes: ['1\0\x07\0\0\0of two', '7\0\x07\0\0\0of two'],
    gives: { list: ['array', 'of two'] },
  },
  'a boolean that is neither': {
    document: { data: { 'not true': true } },
    bytes: ['not true\0\x01', 'not true\0\x07'],
    gives: SessionStoreError,
  },
  'a type that BSON has not': {
    document: { data: { untyped: true } },
    bytes: ['\x08untyped', '\x42untyped'],
    gives: SessionStoreError,
  },
  'a string with a negative length': {
    document: { data: { negative: 'a' } },
    bytes: ['negative\0\x02\0\0\0', 'negative\0\xff\xff\xff\xff'],
    gives: SessionStoreError,
  },
  'an object longer than the document': {
    document: { data: { longer: {} } },
    bytes: ['longer\0\x05\0\0\0', 'longer\0\xff\xff\xff\x7f'],
    gives: SessionStoreError,
  },
  'an object longer than the document, after a date': {
    document: { data: { at: new Date(1), longest: {} } },
    bytes: ['longest\0\x05\0\0\0', 'longest\0\xff\xff\xff\x7f'],
    gives: SessionStoreError,
  },
  'a date that JavaScript has not': {
    document: { data: { 'far away': new Date(1) } },
    bytes: [bytes('far away\0', int64(1n)), bytes('far away\0', int64(2n ** 62n))],
    gives: { 'far away': 'Invalid Date' },
  },
  'an end that JavaScript has not': {
    document: { data: { a: 1 }, expiresAt: new Date(12_345) },
    bytes: [bytes('expiresAt\0', int64(12_345n)), bytes('expiresAt\0', int64(2n ** 63n - 1n))],
    gives: { a: 1 },
  },
  'an id that is not UTF-8': {
    document: { data: { a: 1 } },
    bytes: ['an id that is not UTF-8', 'an id that is not \xff\xff\xff\xff\xff'],
    gives: undefined,
  },
}

/** Between a store and the server at this address: changes the bytes of replies as MALFORMED says. */
function startMangler({ host, port }) {
  const changes = Object.values(MALFORMED).map((entry) =>
    entry.bytes.map((part) => Buffer.from(part, 'latin1')),
  )
  const mangler = net.createServer((socket) => {
    const server = net.connect({ host, port })
    let pending = Buffer.alloc(0)
    server.on('data', (part) => {
      pending = Buffer.concat([pending, part])
      while (pending.length >= 4 && pending.length >= pending.readInt32LE(0)) {
        const message = pending.subarray(0, pending.readInt32LE(0))
        pending = pending.subarray(message.length)
        for (const [from, to] of changes) {
          for (let at = message.indexOf(from); at >= 0; at = message.indexOf(from, at + 1)) {
            to.copy(message, at)
          }
        }
        socket.write(message)
      }
    })
    socket.pipe(server)
    for (const [one, other] of [
      [socket, server],
      [server, socket],
    ]) {
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
  })
  return new Promise((resolve) => mangler.listen(0, '127.0.0.1', () => resolve(mangler)))
}

module.exports = { MALFORMED, startMangler }
