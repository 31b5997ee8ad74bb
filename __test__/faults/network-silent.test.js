'use strict'

// A network that says nothing: what waits for it fails in its time, others go on, and all is well
// again when it speaks.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { Gate } = require('../support/gate')
const { GONE, SOON, named, useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

describe('a network that says nothing', { timeout: 120_000 }, () => {
  const network = useNetwork()

  const fails = (promise) => assert.rejects(promise, ({ code }) => GONE.includes(code))

  test('a connection that never answers costs its own operations, and none of the others', async () => {
    const store = network.store(SOON)
    await store.set('own', { a: 0 })
    const gate = new Gate()
    network.proxy.inject(() => gate.pass().then(() => new Promise(() => {})))
    const own = fails(store.set('own', { a: 1 }))
    await gate.reached
    gate.open()
    const ids = named('others', 50)
    await Promise.all(ids.map((id) => store.set(id, { id })))
    await own
    await store.set('own', { a: 2 })
    assert.deepEqual(await store.get('own'), { a: 2 })
    for (const [id, data] of await network.stored(ids)) assert.deepEqual(data, { id })
  })

  test('a server that accepts and never answers is unavailable', async () => {
    network.proxy.mute()
    const store = network.store(SOON)
    await assert.rejects(store.get('any'), { code: 'ERR_UNAVAILABLE' })
    await assert.rejects(store.set('any', {}), { code: 'ERR_UNAVAILABLE' })
    await assert.rejects(store.destroy('any'), { code: 'ERR_UNAVAILABLE' })
  })

  /** Resolves when every one of these sessions can be written and read again. */
  async function worksAgain(store, ids) {
    for (const id of ids) {
      for (let back = false; !back; ) {
        back = await store.set(id, { back: id }).then(
          () => true,
          (error) => assert.ok(GONE.includes(error.code), error) ?? false,
        )
      }
      assert.deepEqual(await store.get(id), { back: id })
    }
  }

  test('a network that falls silent, and is no longer, works again by itself', async () => {
    const store = network.store(SOON)
    const ids = named('silent', 20)
    await Promise.all(ids.map((id) => store.set(id, { id })))
    for (let time = 0; time < 2; time++) {
      const muted = network.proxy.mute()
      await Promise.all(ids.map((id) => fails(store.set(id, { time }))))
      await Promise.all(ids.map((id) => fails(store.get(id))))
      muted.end()
      await worksAgain(store, ids)
    }
  })

  test('new connections that are never answered do not use up those that may be opened', async () => {
    const store = network.store(SOON)
    const ids = named('new', 20)
    await Promise.all(ids.map((id) => store.set(id, { id })))
    const muted = network.proxy.muteNew()
    for (let time = 0; time < 3; time++) {
      const silenced = network.proxy.inject(faults.silence, { times: 6 })
      await Promise.allSettled(ids.map((id) => store.set(id, { time })))
      silenced.end()
    }
    muted.end()
    await worksAgain(store, ids)
  })

  test('close() ends while nothing is answered', async () => {
    const store = network.store(SOON)
    await store.set('there', {})
    network.proxy.mute()
    const ids = named('closing', 20)
    const settled = Promise.all(ids.map((id) => fails(store.set(id, {}))))
    await store.close()
    await settled
  })
})
