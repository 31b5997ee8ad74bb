'use strict'

// Every command names its sessions in the order of their ids, whatever the order of the calls, also
// when it is sent again, and when it shuts out another. That is a need: where two clients write the
// same documents in opposite orders, a server that locks them one by one (DocumentDB on PostgreSQL)
// comes to a deadlock, and refuses one of the two after a while.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { hasServer } = require('../../scripts/servers/mongodb')
const { Batch } = require('../support/batch')
const { Late } = require('../support/late')
const { useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

/** In the order of the calls. The last two stand the other way round in UTF-16. */
const IDS = ['b', '10', 'a', '9', 'Z', '\u{1f600}', '\uffee']
const SORTED = IDS.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))

const needs = 'transactionNumbers'
const skip = hasServer(needs) ? false : 'no MongoDB at hand refuses old transaction numbers'

describe('the sessions of a command stand in the order of their ids', {
  timeout: 60_000,
  skip,
}, () => {
  const network = useNetwork({ needs })
  const gather = (name) => Batch.gather(network, name, 0, {}, IDS)

  test('where they are read', async () => {
    const batch = await gather('read')
    const seen = []
    await batch.send('find', (index) => batch.get(index), { fault: note(seen) })
    assert.deepEqual(seen, [SORTED])
  })

  const writes = {
    update: (batch, index) => batch.set(index),
    delete: (batch, index) => batch.destroy(index),
  }
  for (const [command, write] of Object.entries(writes)) {
    test(`in each attempt at one ${command}`, async () => {
      const batch = await gather(command)
      const seen = []
      const fault = (exchange) => {
        seen.push(exchange.ids)
        return (seen.length < 3 ? faults.loseReply() : faults.none)(exchange)
      }
      await batch.send(command, (index) => write(batch, index), { fault })
      assert.deepEqual(seen, [SORTED, SORTED, SORTED])
    })
  }

  test('in what shuts out an attempt that may still arrive', async () => {
    // The second attempt finds no session, and leaves no record of its number.
    const batch = await gather('shut out')
    await batch.collection.deleteMany({})
    const late = new Late(async (exchange) => exchange.resetClient())
    const seen = []
    const fault = async (exchange) => {
      if (late.exchanges.length === 0) return late.hold(exchange)
      if (late.isShutOutBy(exchange)) seen.push(exchange.ids)
      return faults.none(exchange)
    }
    await batch.send('update', (index) => batch.setInRequest(index, batch.changed(index)), {
      fault,
    })
    // They wait for it.
    await Promise.all(batch.each((index) => batch.destroy(index)))
    assert.ok(seen.length > 0)
    for (const ids of seen) {
      assert.deepEqual(
        ids,
        SORTED.filter((id) => ids.includes(id)),
      )
    }
  })
})

/** The fault that only notes which sessions a command names. */
function note(seen) {
  return (exchange) => {
    seen.push(exchange.ids)
    return faults.none(exchange)
  }
}
