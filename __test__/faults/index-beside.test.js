'use strict'

// The index that removes expired sessions is made in the background: a server that does not answer that
// holds nothing up, and what is said of an index that is there already is true.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { hasServer } = require('../../scripts/servers/mongodb')
const { GONE, useNetwork } = require('../support/network')
const { OPERATIONS, faults } = require('../support/proxy')

// Whose warnings are about the index only.
const needs = 'transactionNumbers'
const skip = hasServer(needs) ? false : 'no MongoDB at hand refuses old transaction numbers'

describe('the index in the background', { timeout: 60_000, skip }, () => {
  const network = useNetwork({ needs })

  test('does not hold up close(), if MongoDB does not answer', async () => {
    const created = network.proxy.inject(faults.silence, { commands: ['createIndexes'], times: 9 })
    const store = network.store({ collection: 'silent' })
    // After a while operations go on beside it.
    await store.set('beside', { a: 1 })
    assert.deepEqual(await store.get('beside'), { a: 1 })

    // Another store's operation is never answered, and fails in its time: longer than a close() takes.
    const other = network.store({ collection: 'other', timeoutMS: 1500 })
    await other.set('there', {})
    network.proxy.inject(faults.silence, { commands: OPERATIONS, times: Infinity })
    const order = []
    const unanswered = assert
      .rejects(other.get('there'), ({ code }) => GONE.includes(code))
      .then(() => order.push('out of time'))
    await Promise.all([unanswered, store.close().then(() => order.push('closed'))])
    assert.deepEqual(order, ['closed', 'out of time'])
    created.end()
  })

  /** The warnings of a store that has started. */
  async function warningsOf(collection) {
    const store = network.store({ collection })
    const warnings = []
    store.on('warning', ({ message }) => warnings.push(message))
    const { struck } = network.proxy.inject(faults.none, { commands: ['listIndexes'] })
    await store.set('any', {})
    await struck
    // Time to say something.
    for (let read = 0; read < 20; read++) await store.get('any')
    await store.close()
    return warnings
  }

  test('is not asked for by another name, where an equal one is there', async () => {
    const collection = network.db.collection('named')
    await collection.createIndex({ expiresAt: 1 }, { name: 'ttl', expireAfterSeconds: 0 })
    for (let start = 0; start < 2; start++) assert.deepEqual(await warningsOf('named'), [])
    const indexes = await collection.indexes()
    assert.deepEqual(indexes.map(({ name }) => name).sort(), ['_id_', 'ttl'])
  })
})
