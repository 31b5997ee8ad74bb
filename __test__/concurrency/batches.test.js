'use strict'

// MongoDB refuses one statement of a batch, or a whole command because of one: only the guilty
// operation fails. All others succeed, and have done what they were called for.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { BSONRegExp } = require('bson')
const { Batch } = require('../support/batch')
const { useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

const BAD_VALUE = 2
const DUPLICATE_KEY = 11000
const WRITE_CONCERN_FAILED = 64
const DOCUMENT_VALIDATION_FAILURE = 121

/** Two of them exceed MongoDB's limit of 16 MiB. */
const LARGE = 'x'.repeat(9 * 1024 * 1024)

/** What was expected of each operation, with something else at the place of the guilty one. */
const but = (batch, expected, guilty) => expected.toSpliced(batch.guilty, 1, guilty)

/** The guilty operation has failed so; all others gave what was expected. */
function assertOneFailed(batch, outcomes, error, expected) {
  const reason = outcomes[batch.guilty]?.reason
  assert.equal(reason?.name, 'SessionStoreError')
  for (const [key, value] of Object.entries(error)) assert.equal(reason[key], value)
  const given = outcomes.map(({ value, reason }) => reason ?? value)
  assert.deepEqual(given, but(batch, expected, reason))
}

/** The guilty set has failed so, and `left` is stored in its place; all others are stored. */
async function assertOneNotSet(batch, outcomes, error, left) {
  const changed = batch.each((index) => batch.changed(index))
  assertOneFailed(batch, outcomes, error, changed)
  assert.deepEqual(await batch.stored(), but(batch, changed, left))
}

describe('only the guilty operation of a batch fails', { timeout: 120_000 }, () => {
  const network = useNetwork({ needs: 'transactionNumbers' })

  for (const [what, guilty, isNew] of [
    ['a whole session', 2, false],
    ['a change of a session', 3, false],
    ['a new session', 4, true],
  ]) {
    describe(`where ${what} is refused`, () => {
      const left = (batch) => (isNew ? undefined : batch.start(guilty))

      /** All sessions change; that of the guilty one also takes this seat. */
      async function take(batch, seat) {
        if (isNew) await batch.collection.deleteOne({ _id: batch.ids[guilty] })
        return batch.send('update', (index) => {
          const changed = batch.changed(index)
          return batch.set(index, index === guilty ? { ...changed, seat } : changed)
        })
      }

      test('by a unique index of the application', async () => {
        const batch = await Batch.gather(network, `unique ${guilty}`, guilty)
        await batch.collection.createIndex({ 'data.seat': 1 }, { unique: true, sparse: true })
        await batch.collection.insertOne({ _id: 'other', data: { seat: 'taken' } })
        const error = { code: 'ERR_SERVER', mongoCode: DUPLICATE_KEY }
        await assertOneNotSet(batch, await take(batch, 'taken'), error, left(batch))
      })

      test('by a validator of the collection', async () => {
        const batch = await Batch.gather(network, `validated ${guilty}`, guilty)
        const validator = { 'data.seat': { $ne: 'forbidden' } }
        await network.db.command({ collMod: batch.collection.collectionName, validator })
        const error = { code: 'ERR_SERVER', mongoCode: DOCUMENT_VALIDATION_FAILURE }
        await assertOneNotSet(batch, await take(batch, 'forbidden'), error, left(batch))
      })
    })
  }

  describe('where a session is too large', () => {
    // Nothing more goes into a batch that has one so large.
    const last = 6
    const error = { code: 'ERR_SESSION_TOO_LARGE' }

    const send = (batch, large, options) =>
      batch.send(
        'update',
        (index) => (index === last ? batch.setInRequest(last, large) : batch.set(index)),
        options,
      )

    test('to be sent', async () => {
      const batch = await Batch.gather(network, 'too large', last)
      const outcomes = await send(batch, { one: LARGE, other: LARGE }, { sent: last })
      await assertOneNotSet(batch, outcomes, error, batch.start(last))
    })

    test('to be stored, with what another request added to it', async () => {
      const batch = await Batch.gather(network, 'grown', last)
      const grown = { ...batch.start(last), other: LARGE }
      await batch.spoil({ data: grown })
      const outcomes = await send(batch, { ...batch.start(last), one: LARGE })
      await assertOneNotSet(batch, outcomes, error, grown)
    })
  })

  describe('where a whole command is refused', () => {
    const error = { code: 'ERR_SERVER', mongoCode: BAD_VALUE }

    /** And once more one of the operations, when they come alone: whichever is the first there. */
    async function refused(name, command, operation) {
      const batch = await Batch.gather(network, name)
      const fault = faults.failFirst(2, { errorCode: BAD_VALUE })
      const outcomes = await batch.send(command, (index) => operation(batch, index), { fault })
      batch.guilty = outcomes.findIndex(({ status }) => status === 'rejected')
      return { batch, outcomes }
    }

    test('of sets', async () => {
      const set = (batch, index) => batch.set(index)
      const { batch, outcomes } = await refused('sets', 'update', set)
      await assertOneNotSet(batch, outcomes, error, batch.start(batch.guilty))
    })

    test('of gets', async () => {
      const get = (batch, index) => batch.get(index)
      const { batch, outcomes } = await refused('gets', 'find', get)
      const started = batch.each((index) => batch.start(index))
      assertOneFailed(batch, outcomes, error, started)
    })

    test('of destroys', async () => {
      const destroy = (batch, index) => batch.destroy(index)
      const { batch, outcomes } = await refused('destroys', 'delete', destroy)
      const gone = batch.each(() => undefined)
      assertOneFailed(batch, outcomes, error, gone)
      assert.deepEqual(await batch.stored(), but(batch, gone, batch.start(batch.guilty)))
    })
  })

  for (const [call, command, expected] of [
    ['set', 'update', (batch, index) => batch.changed(index)],
    ['get', 'find', (batch, index) => batch.start(index)],
    ['destroy', 'delete', () => undefined],
  ]) {
    test(`no ${call} fails where a whole command is refused, but none of them alone`, async () => {
      const batch = await Batch.gather(network, `innocent ${call}`, 0)
      const fault = faults.failFirst(1, { errorCode: BAD_VALUE })
      const outcomes = await batch.send(command, (index) => batch[call](index), { fault })
      const all = batch.each((index) => expected(batch, index))
      assert.deepEqual(
        outcomes.map(({ value, reason }) => reason ?? value),
        all,
      )
      assert.deepEqual(await batch.stored(), all)
    })
  }

  describe('where MongoDB executes a command, but cannot confirm it', () => {
    const INTERRUPTED = 11601
    const failed = (outcomes) => outcomes.map(({ reason }) => [reason?.code, reason?.mongoCode])

    for (const code of [INTERRUPTED, WRITE_CONCERN_FAILED]) {
      test(`with code ${code}: it is not executed again`, async () => {
        const batch = await Batch.gather(network, `unconfirmed ${code}`, 0)
        const fault = faults.failFirst(1, { writeConcernError: { code, errmsg: 'x' } })
        const outcomes = await batch.send('update', (index) => batch.set(index), { fault })
        const expected = ['ERR_SERVER', code]
        assert.deepEqual(
          failed(outcomes),
          batch.each(() => expected),
        )
        assert.deepEqual(batch.sizes, [batch.ids.length])
        assert.deepEqual(
          await batch.stored(),
          batch.each((index) => batch.changed(index)),
        )
      })
    }

    test('the one that it did not execute fails with its own code', async () => {
      const batch = await Batch.gather(network, 'unconfirmed and refused', 2)
      await batch.collection.createIndex({ 'data.seat': 1 }, { unique: true, sparse: true })
      await batch.collection.insertOne({ _id: 'other', data: { seat: 'taken' } })
      const writeConcernError = { code: WRITE_CONCERN_FAILED, errmsg: 'x' }
      const fault = faults.failFirst(1, { writeConcernError })
      const set = (index) =>
        batch.set(index, { ...batch.changed(index), ...(index === 2 && { seat: 'taken' }) })
      const outcomes = await batch.send('update', set, { fault })
      const others = ['ERR_SERVER', WRITE_CONCERN_FAILED]
      const expected = but(
        batch,
        batch.each(() => others),
        ['ERR_SERVER', DUPLICATE_KEY],
      )
      assert.deepEqual(failed(outcomes), expected)
    })
  })

  describe('where a stored document is malformed', () => {
    const get = async (batch, fault) => {
      const outcomes = await batch.send('find', (index) => batch.get(index), { fault })
      const started = batch.each((index) => batch.start(index))
      assertOneFailed(batch, outcomes, { code: 'ERR_SESSION_VALUE' }, started)
    }

    /** Replies come with other bytes than the server sent. */
    const changeReplies = (from, to) => async (exchange) => {
      await exchange.send()
      const reply = await exchange.reply()
      const at = reply.indexOf(from, 0, 'latin1')
      if (at >= 0) reply.write(to, at, 'latin1')
      await exchange.answer(reply)
    }

    test('to JavaScript', async () => {
      const batch = await Batch.gather(network, 'no expression', 3)
      await batch.spoil({ data: { expression: new BSONRegExp('(?#', 'x') } })
      await get(batch, changeReplies('(?#\0x', '(?#\0?'))
    })

    test('within its session', async () => {
      const batch = await Batch.gather(network, 'no text', 3)
      await batch.spoil({ data: { text: 'is not UTF-8' } })
      await get(batch, changeReplies('is not UTF-8', 'is \xff\xff\xff UTF-8'))
    })

    test('as a whole', async () => {
      const batch = await Batch.gather(network, 'no end', 3)
      await batch.spoil({ last: 'without an end' })
      await get(batch, changeReplies('without an end\0\0', 'without an end\0\x01'))
    })
  })
})
