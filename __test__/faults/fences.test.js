'use strict'

// What shuts out a write that a network still holds: it goes on until MongoDB has accepted it, however
// slow that is, since the session of that write cannot be used before.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { hasServer } = require('../../scripts/servers/mongodb')
const { Late } = require('../support/late')
const { useNetwork } = require('../support/network')
const { persist } = require('../support/persist')
const { faults } = require('../support/proxy')

const needs = 'transactionNumbers'
const skip = hasServer(needs) ? false : 'no MongoDB at hand refuses old transaction numbers'

const UNAUTHORIZED = 13
const AUTHENTICATION_FAILED = 18

/** So long MongoDB takes to answer, where it is slow: milliseconds. */
const SLOW = 2500

/** Who gave up so often before that, does so for ever. */
const MOST_ATTEMPTS = 6

const LATER = { later: true }

describe('what shuts out a write that may still arrive', { timeout: 120_000, skip }, () => {
  const network = useNetwork({ needs })

  /**
   * The network breaks a connection and keeps the destroy that was sent there. MongoDB finds nothing
   * to destroy the second time, and so keeps no record of its number: the first is executed when it
   * arrives. `meanwhile` is what happens to the commands that shut it out.
   */
  async function keepDestroy(store, id, meanwhile) {
    const late = new Late(async (exchange) => exchange.resetClient())
    network.proxy.inject(late.hold, { commands: ['delete'] })
    network.proxy.inject(meanwhile, {
      commands: ['update'],
      // What shuts it out makes no session; a later `set` in the same driver's session would.
      when: (exchange) =>
        exchange.names([id]) &&
        late.isShutOutBy(exchange) &&
        !exchange.statements.some(({ upsert }) => upsert),
      times: Infinity,
    })
    await store.destroy(id)
    assert.equal(late.exchanges.length, 1)
    return late
  }

  async function assertShutOut(late, id) {
    await late.arrive()
    assert.deepEqual((await network.stored([id])).get(id), LATER)
  }

  test('is waited for, if MongoDB takes long to answer it', async () => {
    const store = network.store({ timeoutMS: 4000 })
    let abandoned = 0
    const late = await keepDestroy(store, 'slow', async (exchange) => {
      await exchange.send()
      const reply = await exchange.reply()
      const gone = exchange.abandoned().then(() => abandoned++)
      await Promise.race([gone, sleep(SLOW)])
      await exchange.answer(reply)
    })
    const set = await persist(
      () => store.set('slow', LATER),
      () => abandoned >= MOST_ATTEMPTS,
    )
    assert.ok(set, `the session is held after ${abandoned} attempts`)
    await assertShutOut(late, 'slow')
  })

  test('waits for one server only, as it writes nothing', async () => {
    const store = network.store({ writeConcern: { w: 'majority', journal: true } })
    const concerns = []
    const late = await keepDestroy(store, 'primary', (exchange) => {
      concerns.push(exchange.body.writeConcern)
      return faults.none(exchange)
    })
    await persist(() => store.set('primary', LATER))
    assert.ok(concerns.length > 0)
    for (const concern of concerns) assert.deepEqual(concern, { w: 1 })
    await assertShutOut(late, 'primary')
  })

  for (const [what, code] of Object.entries({
    'does not let it write for a while': UNAUTHORIZED,
    'does not know the credentials for a while': AUTHENTICATION_FAILED,
  })) {
    test(`is tried again, if MongoDB ${what}`, async () => {
      // Credentials that are changed are known to one server before another.
      const store = network.store({ timeoutMS: 4000 })
      let refusals = 0
      const late = await keepDestroy(store, what, (exchange) => {
        refusals++
        const refusal = { ok: 0, code, errmsg: 'refused' }
        return refusals > 3 ? faults.none(exchange) : exchange.pretend(refusal)
      })
      await persist(() => store.set(what, LATER))
      await assertShutOut(late, what)
    })
  }
})
