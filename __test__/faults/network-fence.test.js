'use strict'

// A write that ran out of time may still arrive, so the store shuts it out by a command of its own,
// and its session waits for that. What if MongoDB refuses that command?

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { Gate } = require('../support/gate')
const { GONE, SOON, useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

const BAD_VALUE = 2
const UNAUTHORIZED = 13
/** A code of a server that will soon do what it does not do now. */
const TIME_LIMIT = 262

/** More than any test waits for. */
const ALWAYS = 1_000_000

/** So often the store takes an answer that is final, and then gives up. */
const MOST_REFUSALS = 20

describe('what shuts out a write that ran out of time', { timeout: 120_000 }, () => {
  const network = useNetwork({ needs: 'transactionNumbers' })

  /** Resolves when this write of the session has run out of time; it never arrives. */
  async function lose(store, id, data) {
    network.proxy.inject(faults.late(new Gate()), { commands: ['update'] })
    await assert.rejects(store.set(id, data), ({ code }) => GONE.includes(code))
  }

  /**
   * The answers to all updates from now on, by whether they were accepted: the first so many are
   * refused with this code. `accepted` resolves with the first that is not.
   */
  function refuse(errorCode, refusals) {
    const answers = []
    const watched = {}
    const accepted = new Promise((resolve) => {
      const look = async (exchange) => {
        const isRefused = answers.length < refusals
        answers.push(!isRefused)
        if (!isRefused) resolve()
        await (isRefused ? faults.fail({ errorCode }) : faults.none)(exchange)
      }
      const { end } = network.proxy.inject(look, { commands: ['update'], times: Infinity })
      watched.relent = end
    })
    return Object.assign(watched, { answers, accepted })
  }

  /** Until the session is free, whatever is called for it waits, and runs out of time, too. */
  async function read(store, id) {
    for (;;) {
      try {
        return await store.get(id)
      } catch (error) {
        if (!GONE.includes(error.code)) throw error
      }
    }
  }

  test('is tried again if MongoDB refuses it, before anything else of the session', async () => {
    const store = network.store(SOON)
    await store.set('again', { before: true })
    const lost = lose(store, 'again', { late: true })
    const { answers } = refuse(BAD_VALUE, 3)
    await lost
    await store.set('again', { later: true })
    // Three are refused, the fourth is not; the last is the set.
    assert.deepEqual(answers, [false, false, false, true, true])
    assert.deepEqual((await network.stored(['again'])).get('again'), { later: true })
  })

  test('is tried for as long as MongoDB only says: not now', async () => {
    const store = network.store(SOON)
    await store.set('not now', { before: true })
    const lost = lose(store, 'not now', { late: true })
    const { answers, accepted } = refuse(TIME_LIMIT, MOST_REFUSALS + 5)
    await lost
    await accepted
    assert.deepEqual(answers, [...Array(MOST_REFUSALS + 5).fill(false), true])
    await store.set('not now', { later: true })
    assert.deepEqual((await network.stored(['not now'])).get('not now'), { later: true })
  })

  for (const [what, code] of [
    ['refuses it every time', BAD_VALUE],
    ['does not let it write', UNAUTHORIZED],
  ]) {
    test(`holds the session no longer if MongoDB ${what}`, async () => {
      const store = network.store(SOON)
      const id = what
      await store.set(id, { before: true })
      const lost = lose(store, id, { late: true })
      const { answers, relent } = refuse(code, ALWAYS)
      await lost
      // MongoDB refuses every update still: only who gave up lets this through.
      assert.deepEqual(await read(store, id), { before: true })
      assert.ok(answers.length > 0)
      assert.ok(answers.every((accepted) => !accepted))
      relent()
      await store.set(id, { later: true })
      assert.deepEqual(await store.get(id), { later: true })
      await store.destroy(id)
      assert.equal(await store.get(id), undefined)
    })
  }

  test('holds up no other session', async () => {
    const store = network.store(SOON)
    await store.set('held', { before: true })
    const gate = new Gate()
    const lost = lose(store, 'held', { late: true })
    network.proxy.inject(faults.holdCommand(gate), { commands: ['update'] })
    await lost
    await gate.reached
    await store.set('free', { a: 1 })
    assert.deepEqual(await store.get('free'), { a: 1 })
    await store.destroy('free')
    assert.equal(await store.get('free'), undefined)
    gate.open()
  })
})
