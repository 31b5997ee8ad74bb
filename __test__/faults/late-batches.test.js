'use strict'

// A batch whose first attempt a network holds back, while MongoDB answers the second: what leaves the
// batch on the strength of that answer could be undone when the first arrives.
//
// MongoDB keeps a record of each statement that it executed under a command's number. A statement
// that it refused has none: it is executed when the same command comes again.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { hasServer } = require('../../scripts/servers/mongodb')
const { Batch } = require('../support/batch')
const { Gate } = require('../support/gate')
const { Late } = require('../support/late')
const { useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

const needs = 'transactionNumbers'
const skip = hasServer(needs) ? false : 'no MongoDB at hand refuses old transaction numbers'

const WRITE_CONFLICT = 112
const DOCUMENT_VALIDATION_FAILURE = 121
const BAD_VALUE = 2

/** The guilty session is the last of the batch, so that the places of the others stay as they are. */
const LAST = 6

/** So long a network that is slow keeps what it is to keep, at most: milliseconds. */
const SLOW = 400

describe('a batch that MongoDB gets twice, late the first time', { timeout: 120_000, skip }, () => {
  const network = useNetwork({ needs })

  /** MongoDB executes a command but for its last statement, and keeps no record of that one. */
  const refuseLast = (code) => async (exchange) => {
    await exchange.send({ change: (body) => void body.updates.pop() })
    const change = (reply) => {
      reply.writeErrors = [{ index: LAST, code, errmsg: 'refused' }]
    }
    await exchange.answer(await exchange.reply(), { change })
  }

  /** MongoDB executes nothing of a command. */
  const refuseAll = (code) => (exchange) => exchange.pretend({ ok: 0, code, errmsg: 'refused' })

  /**
   * Sends the sets of a batch, whose first attempt is held back, whose second is answered as `answer`
   * does, and whose last session is destroyed as soon as its set has ended. Then the first attempt
   * arrives. The network is slow with what is to shut that out, and with reads.
   */
  async function send(batch, answer) {
    const late = new Late(async (exchange) => exchange.resetClient())
    const arrived = new Gate()
    const slow = async (exchange) => {
      await Promise.race([arrived.pass(), sleep(SLOW)])
      await faults.none(exchange)
    }
    let answered = false
    const fault = (exchange) => {
      const [first] = late.exchanges
      if (!first) return late.hold(exchange)
      if (exchange.lsid !== first.lsid) return faults.none(exchange)
      if (exchange.number > first.number) return slow(exchange)
      if (answered) return faults.none(exchange)
      answered = true
      network.proxy.inject(slow, { commands: ['find'] })
      return answer(exchange)
    }
    const sets = await batch.send(
      'update',
      async (index) => {
        const set = batch.set(index)
        if (index !== LAST) return set
        const [outcome] = await Promise.allSettled([set])
        await batch.destroy(index)
        await late.arrive()
        arrived.open()
        if (outcome.status === 'rejected') throw outcome.reason
      },
      { fault },
    )
    assert.ok(answered)
    return sets
  }

  for (const [what, answer, code] of [
    ['goes alone, as it may succeed', refuseLast(WRITE_CONFLICT)],
    ['goes alone, as the batch was refused', refuseAll(BAD_VALUE)],
    [
      'is refused while others are looked for',
      refuseLast(DOCUMENT_VALIDATION_FAILURE),
      'ERR_SERVER',
    ],
  ]) {
    test(`does not bring back a session that ${what}, and is destroyed`, async () => {
      const batch = await Batch.gather(network, what, LAST)
      const gone = code ? [1, 3] : []
      for (const index of gone) await batch.collection.deleteOne({ _id: batch.ids[index] })
      const sets = await send(batch, answer)
      assert.deepEqual(
        sets.map(({ reason }) => reason && String(reason.code ?? reason)),
        batch.each((index) => (index === LAST ? code : undefined)),
      )
      const expected = batch.each((index) =>
        index === LAST || gone.includes(index) ? undefined : batch.changed(index),
      )
      assert.deepEqual(await batch.stored(), expected)
    })
  }
})
