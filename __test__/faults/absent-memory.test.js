'use strict'

// MongoDB is silent, or away, and requests on the same sessions come again and again: what has failed
// leaves nothing behind.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { named, useNetwork } = require('../support/network')
const { persist } = require('../support/persist')
const { runInProcess } = require('../support/process')
const { faults } = require('../support/proxy')

describe('while there is no MongoDB', { timeout: 120_000 }, () => {
  const network = useNetwork()

  test('the memory is bounded, also for sessions that are asked for again', async () => {
    // A network that swallows all from the first write on: that may arrive yet, and holds its session.
    let silent = false
    network.proxy.inject(faults.silence, {
      commands: null,
      when: ({ command }) => {
        silent ||= command === 'update'
        return silent
      },
      times: Infinity,
    })
    // A process of its own: here the proxy and the official driver would count, too.
    const { code, stdout, stderr } = await runInProcess(
      async ({ SessionStore, options }) => {
        const { memoryInUse } = require('./__test__/support/memory')
        const store = new SessionStore(options)
        await store.get('there')
        await store.set('there', {}).catch(() => {})
        const text = 'x'.repeat(40_000)
        const fail = async () => {
          const calls = Array.from({ length: 400 }, (_, call) => {
            const id = `again ${call % 40}`
            return call % 2 === 0 ? store.set(id, { text, call }) : store.get(id)
          })
          for (const { status } of await Promise.allSettled(calls)) {
            if (status === 'fulfilled') throw new Error('there is a MongoDB')
          }
        }
        for (let round = 0; round < 5; round++) await fail()
        // What leaks does so every time; what the allocator takes once it keeps.
        const growth = []
        for (let stretch = 0; stretch < 3; stretch++) {
          const before = memoryInUse()
          for (let round = 0; round < 6; round++) await fail()
          growth.push(memoryInUse() - before)
        }
        console.log(JSON.stringify(growth))
        await store.close()
      },
      { connection: network.proxy.uri, serverSelectionTimeoutMS: 250, timeoutMS: 250 },
    )
    assert.equal(code, 0, stderr)
    const growth = JSON.parse(stdout)
    // The content of a single stretch is 48 MB.
    assert.ok(Math.min(...growth) < 15_000_000, `${growth} bytes`)
  })

  for (const [what, limits] of Object.entries({
    'its time was over': { serverSelectionTimeoutMS: 5000, timeoutMS: 1000 },
    'no server was found': { serverSelectionTimeoutMS: 500, timeoutMS: 5000 },
  })) {
    test(`a write that was never sent, as ${what}, costs nothing afterwards`, async () => {
      const unavailable = { code: 'ERR_UNAVAILABLE' }
      const store = network.store(limits)
      await store.set('there', {})
      await network.proxy.refuse()
      // Now the store knows: no connection is left that a write could have gone into.
      await assert.rejects(store.get('any'), unavailable)
      const ids = named(what, 60)
      const never = ids.map((id) => assert.rejects(store.set(id, { never: true }), unavailable))
      never.push(...ids.map((id) => assert.rejects(store.destroy(id), unavailable)))
      await Promise.all(never)

      const seen = []
      const look = (exchange) => {
        seen.push(...exchange.ids)
        return faults.none(exchange)
      }
      const when = (exchange) => exchange.names(ids)
      network.proxy.inject(look, { commands: ['update', 'delete'], when, times: Infinity })
      await network.proxy.accept()
      await persist(() => store.get('any'))
      // Each would wait for what shuts out another write of its session.
      for (const id of ids) await store.set(id, { id })
      assert.deepEqual(seen, ids)
    })
  }
})
