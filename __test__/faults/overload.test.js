'use strict'

// A server that refuses whole commands since it has too much to do, or a quota is used up. Whoever
// answers that with a command for each session makes it worse.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { Gate } = require('../support/gate')
const { named, useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

/** So many operations wait for one that is under way, and then travel together. */
const MANY = 400

/**
 * More commands at once than this are a flood: of a pool of 100 a quarter may carry what goes alone, and
 * a quarter of that again beside those that are held up, as on a slow machine (`src/dispatch/flow.rs`);
 * and there are eight batches of a kind at most.
 */
const FLOOD = 25 + 6 + 8

/** So long the server takes for each refusal: milliseconds. */
const BUSY = 20

const BAD_VALUE = 2

const REFUSALS = {
  'for the sake of one session': { code: BAD_VALUE, codeName: 'BadValue' },
  'for a quota (Atlas)': { code: 8000, codeName: 'AtlasError' },
  'for the rate of requests (Azure Cosmos DB)': { code: 16500, codeName: 'RequestRateTooLarge' },
  'for too much to do': {
    code: 462,
    codeName: 'IngressRequestRateLimitExceeded',
    errorLabels: ['SystemOverloadedError', 'RetryableError'],
  },
}

describe('a server that refuses commands', { timeout: 120_000 }, () => {
  const network = useNetwork()

  /** Refuses all of these commands; tells how many of them were there at once. */
  function refuse(commands, ids, refusal) {
    const seen = { now: 0, most: 0, all: 0 }
    const answer = async (exchange) => {
      seen.all++
      seen.now++
      seen.most = Math.max(seen.most, seen.now)
      await sleep(BUSY)
      seen.now--
      await exchange.pretend({ ok: 0, errmsg: 'refused', ...refusal })
    }
    const when = (exchange) => exchange.names(ids)
    network.proxy.inject(answer, { commands, when, times: Infinity })
    return seen
  }

  /** Operations on many sessions that all go as soon as the gate is opened. */
  async function gather(store, ids, operation) {
    const gate = new Gate()
    network.proxy.inject(faults.holdReply(gate), { commands: ['find'] })
    const reads = ids.map((id) => store.get(id))
    await gate.reached
    return async () => {
      const results = Promise.allSettled(ids.map((id) => operation(store, id)))
      gate.open()
      await Promise.all(reads)
      return results
    }
  }

  const operations = {
    update: (store, id) => store.set(id, { id }),
    delete: (store, id) => store.destroy(id),
  }
  for (const [why, refusal] of Object.entries(REFUSALS)) {
    for (const [command, operation] of Object.entries(operations)) {
      test(`${why} is not flooded: ${command}`, async () => {
        const store = network.store({ timeoutMS: 3000 })
        await store.get('any')
        const ids = named('many', MANY)
        const start = await gather(store, ids, operation)
        const seen = refuse([command], ids, refusal)
        for (const { status } of await start()) assert.equal(status, 'rejected')
        assert.ok(seen.most <= FLOOD, `${seen.most} commands at once, ${seen.all} in all`)
      })
    }
  }

  test('only those of several sessions fails none of them', async () => {
    const store = network.store({ timeoutMS: 10_000 })
    await store.get('any')
    const ids = named('alone', MANY)
    const start = await gather(store, ids, operations.update)
    const refusal = { ok: 0, code: BAD_VALUE, errmsg: 'refused' }
    const refuseMany = (exchange) => exchange.pretend(refusal)
    const when = (exchange) => exchange.ids.length > 1
    network.proxy.inject(refuseMany, { commands: ['update'], when, times: Infinity })
    for (const { reason } of await start()) assert.ifError(reason)
    assert.equal((await network.stored(ids)).size, MANY)
  })
})
