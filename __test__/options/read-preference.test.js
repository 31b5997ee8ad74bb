'use strict'

// An application may read from secondaries, which lag behind: what a write depends on is read from
// the primary all the same. One server stands for the set, so this looks at what it is asked.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { Batch } = require('../support/batch')
const { useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

/** Over a direct connection, the drivers' specification turns 'primary' into 'primaryPreferred'. */
const PRIMARY = [undefined, 'primary', 'primaryPreferred']

describe('with a readPreference of the application', { timeout: 60_000 }, () => {
  const network = useNetwork()

  /** What each `find` from now on says about where to read. */
  function watchFinds() {
    const finds = []
    const look = (exchange) => {
      const { $readPreference, readConcern } = exchange.body
      finds.push({ mode: $readPreference?.mode, level: readConcern?.level })
      return faults.none(exchange)
    }
    network.proxy.inject(look, { commands: ['find'], times: Infinity })
    return finds
  }

  for (const readPreference of ['secondary', 'secondaryPreferred', 'nearest']) {
    test(`a get reads by '${readPreference}', a compare-and-swap from the primary`, async () => {
      const store = network.store({ readPreference })
      const request = { ctx: {} }
      await store.set('swap', { a: 1 })
      const finds = watchFinds()
      const session = await store.get('swap', undefined, request)
      assert.deepEqual(finds, [{ mode: readPreference, level: undefined }])
      await store.set('swap', { ...session, 'a.b': 2 }, undefined, request)
      assert.equal(finds.length, 2)
      assert.ok(PRIMARY.includes(finds[1].mode), `it reads by '${finds[1].mode}'`)
      assert.deepEqual((await network.stored(['swap'])).get('swap'), { a: 1, 'a.b': 2 })
    })
  }

  test('which sessions of a batch are gone is asked of the primary', async () => {
    const readPreference = 'secondaryPreferred'
    const batch = await Batch.gather(network, 'gone', 1, { readPreference })
    const dropped = []
    batch.store.on('dropped', (id) => dropped.push(id))
    await batch.collection.deleteMany({ _id: { $in: [batch.ids[1], batch.ids[5]] } })
    const finds = watchFinds()
    await batch.send('update', (index) => batch.set(index))
    assert.deepEqual(dropped, [batch.ids[1], batch.ids[5]])
    assert.equal(finds.length, 1)
    assert.ok(PRIMARY.includes(finds[0].mode), `it reads by '${finds[0].mode}'`)
  })

  test('a compare-and-swap reads what is not yet on a majority, too', async () => {
    const store = network.store({ readConcernLevel: 'majority' })
    const request = { ctx: {} }
    await store.set('level', { a: 1 })
    const finds = watchFinds()
    const session = await store.get('level', undefined, request)
    await store.set('level', { ...session, 'a.b': 2 }, undefined, request)
    assert.deepEqual(
      finds.map(({ level }) => level),
      ['majority', 'local'],
    )
  })
})
