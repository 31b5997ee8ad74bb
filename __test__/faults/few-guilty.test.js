'use strict'

// A few sessions that get no answer, or get it too late: those on a shard without a primary, or huge
// ones. MongoDB answers a command that names one of them as a whole or not at all. At most these
// sessions fail, and all others go on at least at half their usual rate.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { hasServer } = require('../../scripts/servers/mongodb')
const { Callers } = require('../support/callers')
const { Gate } = require('../support/gate')
const { named, useNetwork } = require('../support/network')
const { OPERATIONS, faults } = require('../support/proxy')

const needs = 'transactionNumbers'
const skip = hasServer(needs) ? false : 'no MongoDB at hand refuses old transaction numbers'

/** Four sessions in a hundred, of those that are read and of those that are written. */
const INNOCENT = 240
const GUILTY = 10

/** How many requests on the innocent ones are under way at a time, of each kind. */
const CALLERS = 40

const TIMEOUT = 6000

/** Six pages. */
const LISTED = 12_000

/** So long calls are counted: milliseconds. */
const PERIOD = 9000

describe('a few sessions that get no answer', { timeout: 120_000, skip }, () => {
  const network = useNetwork({ needs })

  const calls = {
    reads: (store) => (id) => store.get(id),
    writes: (store) => (id, round) => store.set(id, { round }),
  }
  const kinds = Object.keys(calls)

  const late = []
  const ways = {
    'are never answered': faults.silence,
    'are executed, but never answered': async (exchange) => {
      await exchange.send()
      await exchange.reply()
      await faults.silence()
    },
    'are answered too late': async (exchange) => {
      const arrival = sleep(1.5 * TIMEOUT).then(() => exchange.arrive())
      late.push(arrival)
      await arrival
    },
  }
  for (const [what, fault] of Object.entries(ways)) {
    test(`leave the others as they are, where they ${what}`, async (t) => {
      // Two stores with the same load: one of them has the guilty sessions as well.
      const [usual, struck] = ['usual', 'struck'].map((name) => {
        const store = network.store({ timeoutMS: TIMEOUT, collection: name })
        const others = Object.entries(calls).map(([kind, call]) => {
          return new Callers(named(`${what} ${kind}`, INNOCENT), call(store), CALLERS)
        })
        return { store, others }
      })
      const guilty = kinds.map((kind) => named(`guilty of ${kind}`, GUILTY))
      const strikes = guilty.flat()
      const { end } = network.proxy.inject(fault, {
        commands: OPERATIONS,
        when: (exchange) => exchange.names(strikes),
        times: Infinity,
      })
      const few = kinds.map((kind, index) => new Callers(guilty[index], calls[kind](struck.store)))
      await sleep(PERIOD)
      const [many, fewer] = [usual, struck].map(({ others }) => {
        return others.map(({ answered }) => answered)
      })
      end()
      await Promise.all([...usual.others, ...struck.others, ...few].map((callers) => callers.end()))
      const told = kinds.flatMap((kind, index) => {
        const rate = Math.round((100 * fewer[index]) / many[index])
        t.diagnostic(`${kind} of the others: ${rate} % of the usual rate`)
        assert.ok(few[index].failed > 0)
        // Without the guilty none fails either, unless the machine is far too slow.
        const [usually, failed] = [usual, struck].map(({ others }) => others[index].failed)
        return [
          ...(failed > usually ? [`${failed} other ${kind} failed, where ${usually} do`] : []),
          ...(fewer[index] < many[index] / 2
            ? [`${fewer[index]} ${kind} were answered, where ${many[index]} are usual`]
            : []),
        ]
      })
      assert.deepEqual(told, [])
      await Promise.allSettled(late)
      assert.deepEqual(await roundsOf(struck), writesOf(struck).latest)
    })
  }

  test('keep nobody waiting who looks for many, but for a part of their time at first', async (t) => {
    const looking = network.store({ timeoutMS: TIMEOUT, collection: 'looking' })
    const live = { data: {}, expiresAt: new Date(Date.now() + 600_000) }
    const documents = named('listed', LISTED).map((_id) => ({ _id, ...live }))
    await network.db.collection('looking').insertMany(documents)
    const asked = new Gate()
    const fault = async () => {
      asked.pass()
      await faults.silence()
    }
    const { end } = network.proxy.inject(fault, {
      commands: OPERATIONS,
      when: (exchange) => exchange.names(['guilty']),
      times: Infinity,
    })
    const unanswered = []
    /** Until it runs out of time, the others have to be done. */
    const call = () => {
      const clock = { isOver: false }
      clock.over = looking.set('guilty', {}).catch(() => {
        clock.isOver = true
      })
      unanswered.push(clock.over)
      return clock
    }
    const calling = setInterval(call, 50)
    t.after(() => clearInterval(calling))
    await asked.reached

    const first = call()
    assert.equal((await looking.ids().toArray()).length, LISTED)
    for await (const _ of looking.ids()) break
    assert.equal(first.isOver, false)

    // Now the store knows who is silent.
    await first.over
    const again = call()
    for (let each = 0; each < 6; each++) assert.equal(await looking.length(), LISTED)
    assert.equal(again.isOver, false)
    clearInterval(calling)
    end()
    await Promise.all(unanswered)
  })

  function writesOf({ others }) {
    return others[kinds.indexOf('writes')]
  }

  /** By id, what is stored of the sessions that were written. */
  async function roundsOf(stores) {
    const filter = { _id: { $in: [...writesOf(stores).latest.keys()] } }
    const records = await network.db.collection('struck').find(filter).toArray()
    return new Map(records.map(({ _id, data }) => [_id, data.round]))
  }
})
