'use strict'

// Connections that a network has dropped without a word while they were idle, as Azure does after
// four minutes: what is sent into them is swallowed. The monitor's are never idle.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

const network = useNetwork()

/** From now on, what operations send on the connections that there are is swallowed. */
function swallow(proxy) {
  const isKnown = proxy.known()
  const fault = (exchange) => (isKnown(exchange) ? faults.silence : faults.none)(exchange)
  return proxy.inject(fault, { times: Infinity })
}

describe('after a pause', { timeout: 60_000 }, () => {
  it('no operation waits for a connection that was dropped meanwhile', async () => {
    const store = network.store({ maxIdleTimeMS: 300, timeoutMS: 5000 })
    const ids = Array.from({ length: 40 }, (_, index) => `idle ${index}`)
    await Promise.all(ids.map((id) => store.set(id, { id })))
    await sleep(400)
    const swallowed = swallow(network.proxy)
    for (const id of ids.slice(0, 5)) assert.deepEqual(await store.get(id), { id })
    await Promise.all(ids.map((id) => store.set(id, { again: id })))
    await store.destroy(ids[0])
    swallowed.end()
  })

  it('and without one, connections are used again', async () => {
    const store = network.store({ maxIdleTimeMS: 60_000, timeoutMS: 1000 })
    await store.set('id', { a: 1 })
    const swallowed = swallow(network.proxy)
    await assert.rejects(store.get('id'), { code: 'ERR_TIMEOUT' })
    swallowed.end()
  })
})
