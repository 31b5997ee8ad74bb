'use strict'

// How operations share commands: one beside few others is sent at once, and under load each carries
// many.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { Gate } = require('../support/gate')
const { named, useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

const CALLERS = 256

/** How many operations a command carries. */
const size = ({ filter, updates }) => updates?.length ?? filter._id.$in?.length ?? 1

describe('operations share commands', { timeout: 120_000 }, () => {
  const network = useNetwork()

  /** The sizes of the commands that come by, and the reply of the first held back, if there is a gate. */
  function watch(command, gate) {
    const sizes = []
    const look = (exchange) => {
      sizes.push(size(exchange.body))
      return gate && sizes.length === 1 ? faults.holdReply(gate)(exchange) : faults.none(exchange)
    }
    network.proxy.inject(look, { commands: [command], times: Infinity })
    return sizes
  }

  test('but a lone one is sent at once, also beside another', async () => {
    const store = network.store()
    const gate = new Gate()
    const sizes = watch('find', gate)
    const first = store.get('first')
    await gate.reached
    assert.equal(await store.get('second'), undefined)
    gate.open()
    await first
    assert.deepEqual(sizes, [1, 1])
  })

  test('and few do not go apart from those that come after them, where many are on the way', async () => {
    const store = network.store()
    const gate = new Gate()
    const sizes = watch('find', gate)
    // They gather, since the store has yet to connect.
    const many = named('of many', 8).map((id) => store.get(id))
    await gate.reached
    const few = named('of few', 8).map((id) => store.get(id))
    await Promise.all(few)
    gate.open()
    await Promise.all(many)
    assert.equal(sizes[0], 8)
    assert.ok(sizes[1] > 1, sizes.join())
  })

  for (const [command, operation] of Object.entries({
    find: (store, id) => store.get(id),
    update: (store, id) => store.set(id, { id }),
  })) {
    test(`and under load each ${command} carries many`, async () => {
      // With time enough: what a slow machine answers late would be sent again, in smaller parts.
      const store = network.store({ timeoutMS: 30_000 })
      await store.get('to be connected')
      const sizes = watch(command)
      await Promise.all(
        named('caller', CALLERS).map(async (id) => {
          for (let round = 0; round < 20; round++) await operation(store, `${id} ${round}`)
        }),
      )
      const operations = sizes.reduce((sum, each) => sum + each)
      assert.equal(operations, 20 * CALLERS)
      // With the most batches at once that there can be, each has 32.
      assert.ok(operations / sizes.length > 16, `${operations} in ${sizes.length} commands`)
    })
  }
})
