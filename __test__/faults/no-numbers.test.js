'use strict'

// Without transaction numbers MongoDB cannot know a repetition from a new command. So what it may have
// received is not sent again: it fails, with the code that says that it may have taken effect.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { LostWrites, MINE } = require('../support/lost-writes')
const { useNetwork } = require('../support/network')
const { GREETINGS, faults } = require('../support/proxy')

const WRITES = ['update', 'delete']
const NOT_WRITABLE_PRIMARY = 10107

/** How it comes that there are no numbers: the option, or what the server says to one. */
const deployments = {
  'that was told so': { options: { retryWrites: false } },
  'on a standalone mongod': {
    refusal: {
      ok: 0,
      code: 20,
      codeName: 'IllegalOperation',
      errmsg: 'Transaction numbers are only allowed on a replica set member or mongos',
    },
  },
  'on Amazon DocumentDB': {
    refusal: { ok: 0, code: 301, errmsg: 'Retryable writes are not supported' },
  },
  'on a server that refuses them in words of its own': {
    refusal: { ok: 0, code: 72, errmsg: "unsupported option 'txnNumber'" },
  },
}
const TOLD = deployments['that was told so']

describe('a store without transaction numbers', { timeout: 120_000 }, () => {
  const network = useNetwork()
  const lostWrites = new LostWrites(network)

  /** A store that has learned already that there are no numbers. */
  async function storeOn({ options, refusal }, limits) {
    network.proxy.disguise({
      refusal: ({ number }) => (number === undefined ? undefined : refusal),
    })
    const store = network.store({ timeoutMS: 1500, ...options, ...limits })
    await lostWrites.prepare(store)
    return store
  }

  for (const [where, deployment] of Object.entries(deployments)) {
    test(`${where} does not repeat a write whose answer was lost`, async () => {
      const store = await storeOn(deployment)
      await lostWrites.assertNotRepeated(store, async (exchange) => exchange.reset())
      // And it goes on.
      await store.set('after', MINE)
      assert.deepEqual(await store.get('after'), MINE)
    })
  }

  test('does not repeat a write that the driver interrupted', async () => {
    // The driver breaks off what is on its way when a heartbeat gets no answer in time.
    const watchful = { connectTimeoutMS: 300, heartbeatFrequencyMS: 500, timeoutMS: 5000 }
    const store = await storeOn(TOLD, watchful)
    const stall = async (exchange) => {
      const silence = { commands: GREETINGS, times: Infinity }
      const { end } = network.proxy.inject(faults.silence, silence)
      await exchange.abandoned()
      end()
    }
    for (const id of ['a new session', 'a difference', 'a destroy']) {
      await lostWrites.assertNotRepeated(store, stall, { lost: [id] })
    }
  })

  test('sends again what MongoDB refused to execute', async () => {
    const store = await storeOn(TOLD)
    const refusal = { ok: 0, code: NOT_WRITABLE_PRIMARY, codeName: 'NotWritablePrimary' }
    const refuse = (exchange) => exchange.pretend(refusal)
    const when = (exchange) => exchange.names(['refused'])
    const refused = network.proxy.inject(refuse, { commands: WRITES, when, times: 2 })
    await store.set('refused', MINE)
    await refused.struck
    assert.deepEqual((await network.stored(['refused'])).get('refused'), MINE)
  })

  test('sends what never left as soon as there is a server', async () => {
    const store = await storeOn(TOLD, { serverSelectionTimeoutMS: 1500, timeoutMS: 20_000 })
    await store.set('goes', MINE)
    await network.proxy.refuse()
    // Now the store knows: no connection is left that a write could have gone into.
    await assert.rejects(store.get('any'), { code: 'ERR_UNAVAILABLE' })
    const written = Promise.all([store.set('waits', MINE), store.destroy('goes')])
    await network.proxy.accept()
    await written
    assert.deepEqual(await network.stored(['waits', 'goes']), new Map([['waits', MINE]]))
  })

  test('repeats a read whose answer was lost', async () => {
    const store = await storeOn(TOLD)
    await store.set('read', MINE)
    const { struck } = network.proxy.inject(faults.loseReply(), { commands: ['find'], times: 2 })
    assert.deepEqual(await store.get('read'), MINE)
    await struck
  })
})
