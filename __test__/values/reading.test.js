'use strict'

// Bytes are read as the official `bson` package reads them, whatever they are. (Section 7 of the
// contract.)

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { inspect } = require('node:util')
const bson = require('bson')
const fc = require('fast-check')
const { decoder, encode } = require('../../lib/values/values')
const { BSONS } = require('../support/bsons')
const { deepSession, mixedSession, officialBytes, readAs } = require('../support/values')

const decode = decoder(() => bson)

/** What was read, in words, which tell classes, invalid dates and the order of keys, too. */
function inWords(value) {
  return inspect(value, { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity })
}

/** What reading these bytes ends in. */
function outcomeOf(read, bytes) {
  try {
    return inWords(read(bytes))
  } catch (error) {
    return error
  }
}

/** Other bytes at some places: mostly such as have a meaning. */
const damage = fc.array(
  fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 2, 3, 4, 5, 7, 127, 128, 255), fc.nat(255))),
  { minLength: 1, maxLength: 3 },
)

function damaged(bytes, changes) {
  const copy = Buffer.from(bytes)
  for (const [place, byte] of changes) copy[place % copy.length] = byte
  return copy
}

function assertRefused(error) {
  assert.ok(error instanceof Error)
  assert.equal(error.code, 'ERR_SESSION_VALUE')
  assert.equal(error.message, 'the stored session is malformed')
}

/** Reads as the package does, or refuses what it refuses. */
function assertAlike(bytes) {
  const expected = outcomeOf(readAs, bytes)
  const found = outcomeOf(decode, bytes)
  // JavaScript has no such option, and leaves it out, as the package does where it is not asked for
  // its own class.
  if (expected?.message?.startsWith('The regular expression option')) return
  if (typeof expected === 'string') assert.equal(found, expected)
  else assertRefused(found)
}

describe('bytes', { timeout: 120_000 }, () => {
  for (const [kind, session] of Object.entries({ mixed: mixedSession, deep: deepSession })) {
    it(`are read as the official package reads them: ${kind} sessions`, () => {
      const property = fc.property(session, (data) => assertAlike(officialBytes(data)))
      fc.assert(property, { numRuns: 1000 })
    })

    it(`are read as it reads them, or refused, if they are damaged: ${kind} sessions`, () => {
      const property = fc.property(session, damage, (data, changes) =>
        assertAlike(damaged(officialBytes(data), changes)),
      )
      fc.assert(property, { numRuns: 2000 })
    })
  }

  it('are refused if they end too early or too late', () => {
    const [data] = fc.sample(mixedSession, { numRuns: 1, seed: 1 })
    const bytes = officialBytes({ ...data, last: 'text' })
    for (let length = 0; length < bytes.length; length++) {
      assertRefused(outcomeOf(decode, bytes.subarray(0, length)))
    }
    assertRefused(outcomeOf(decode, Buffer.concat([bytes, Buffer.from([0])])))
  })

  it('are refused if they nest without an end', () => {
    const levels = 200_000
    const bytes = Buffer.alloc(levels * 8)
    for (let level = 0; level < levels; level++) {
      bytes.writeInt32LE((levels - level) * 8, level * 7)
      bytes.set([3, 0x61], level * 7 + 4)
    }
    assertRefused(outcomeOf(decode, bytes))
  })
})

describe('with each version of bson', () => {
  for (const name of BSONS) {
    it(`any session is read as with this package's: ${name}`, () => {
      const theirs = decoder(() => require(name))
      const property = fc.property(mixedSession, (data) => {
        const bytes = officialBytes(data)
        // Bytes tell more than an inspection does, and each version inspects otherwise.
        assert.ok(encode(theirs(bytes)).equals(encode(decode(bytes))))
      })
      fc.assert(property, { numRuns: 1000 })
    })
  }
})
