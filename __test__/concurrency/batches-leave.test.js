'use strict'

// No operation waits for another that travels with it: one that takes longer leaves the batch.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { Batch } = require('../support/batch')
const { Gate } = require('../support/gate')
const { useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

/** The one that takes longer: a key that no path names takes a read, then a write. */
const SLOW = 3

describe('an operation that takes longer than those it travels with', { timeout: 60_000 }, () => {
  const network = useNetwork()
  const slowly = (batch) => ({ ...batch.changed(SLOW), 'a.b': 1 })

  test('holds up none of them, nor what comes after them', async () => {
    const batch = await Batch.gather(network, 'longer', SLOW)
    const gate = new Gate()
    const others = []
    const sent = batch.send(
      'update',
      (index) => {
        if (index === SLOW) return batch.setInRequest(index, slowly(batch))
        const set = batch.set(index)
        others.push(set)
        return set
      },
      { sent: batch.ids.length - 1 },
    )
    network.proxy.inject(faults.holdReply(gate), { commands: ['find'] })
    await gate.reached
    await Promise.all(others)
    const later = batch.each((index) => (index === SLOW ? undefined : batch.destroy(index)))
    await Promise.all(later)
    gate.open()
    const outcomes = await sent
    assert.deepEqual(outcomes[SLOW], { status: 'fulfilled', value: slowly(batch) })
    const gone = batch.each((index) => (index === SLOW ? slowly(batch) : undefined))
    assert.deepEqual(await batch.stored(), gone)
  })

  test('does not wait for them either', async () => {
    const batch = await Batch.gather(network, 'held', SLOW)
    const gate = new Gate()
    let slow
    let held = false
    const fault = (exchange) => {
      if (held) return faults.none(exchange)
      held = true
      return faults.holdReply(gate)(exchange)
    }
    const sent = batch.send(
      'update',
      (index) => {
        if (index !== SLOW) return batch.set(index)
        slow = batch.setInRequest(index, slowly(batch))
        return slow
      },
      { fault, sent: batch.ids.length - 1 },
    )
    await gate.reached
    assert.deepEqual(await slow, slowly(batch))
    gate.open()
    for (const { status } of await sent) assert.equal(status, 'fulfilled')
  })

  test('is not the question which of them are gone', async () => {
    const batch = await Batch.gather(network, 'gone', SLOW)
    const gate = new Gate()
    const dropped = []
    batch.store.on('dropped', (id) => dropped.push(id))
    await batch.collection.deleteMany({ _id: { $in: [batch.ids[1], batch.ids[5]] } })
    const whole = []
    const sent = batch.send('update', (index) => {
      const set = batch.set(index)
      if (index % 2 === 0 && index > 0) whole.push(set)
      return set
    })
    network.proxy.inject(faults.holdReply(gate), { commands: ['find'] })
    await gate.reached
    await Promise.all(whole)
    gate.open()
    await sent
    assert.deepEqual(dropped, [batch.ids[1], batch.ids[5]])
  })
})
