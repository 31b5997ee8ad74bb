'use strict'

// A network that breaks: what was under way is sent again and settles in its time, others go on,
// nothing that was acknowledged is lost, and no write is executed twice.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { Gate } = require('../support/gate')
const { Loads, writesTo } = require('../support/load')
const { SOON, named, useNetwork } = require('../support/network')
const { GREETINGS, faults } = require('../support/proxy')

/** More commands of a kind a store does not send while none is answered: src/dispatch/flow.rs. */
const MOST_HELD_UP = 4

describe('a network that breaks', { timeout: 120_000 }, () => {
  const network = useNetwork()

  /** Sets and gets, so many at a time, for as long as the fault strikes. */
  async function underLoad(store, name, struck) {
    const acknowledged = new Map()
    let over = false
    struck.then(() => {
      over = true
    })
    for (let round = 0; !over || round < 3; round++) {
      const ids = named(`${name} ${round}`, 15)
      const sets = ids.map(async (id) => {
        await store.set(id, { id, round })
        acknowledged.set(id, { id, round })
      })
      const gets = [...acknowledged].slice(-15).map(async ([id, data]) => {
        assert.deepEqual(await store.get(id), data)
      })
      await Promise.all([...sets, ...gets])
    }
    assert.deepEqual(await network.stored([...acknowledged.keys()]), acknowledged)
  }

  for (const [what, fault] of Object.entries({
    'in the middle of a command': faults.cutCommand,
    'in the middle of a reply': faults.cutReply,
    'before a reply': faults.loseReply(),
  })) {
    test(`connections that break ${what} fail no operation and lose no write`, async () => {
      const store = network.store()
      await store.set('there', {})
      await underLoad(store, what, network.proxy.inject(fault, { times: 6 }).struck)
    })
  }

  test('connections that all break at once fail no operation and lose no write', async () => {
    const store = network.store()
    await store.set('there', {})
    const broken = (async () => {
      for (let time = 0; time < 3; time++) {
        const { struck } = network.proxy.inject(faults.none, { times: 3 })
        await struck
        network.proxy.reset()
      }
    })()
    await underLoad(store, 'all', broken)
  })

  test('connections of several processes that break fail nothing and lose no write', async () => {
    const breaks = [faults.cutCommand, faults.cutReply, faults.loseReply()]
    let commands = 0
    const strike = (exchange) => {
      commands++
      return (commands % 15 === 0 ? breaks[(commands / 15) % 3] : faults.none)(exchange)
    }
    const loads = await Loads.start('broken', 2, { connection: network.proxy.uri })
    const { end } = network.proxy.inject(strike, { times: Infinity })
    await writesTo(network.collection, 100)
    end()
    const { acknowledged, failures, losses } = await loads.end(network.collection)
    assert.ok(acknowledged > 0 && commands > 45)
    assert.deepEqual(losses, [])
    assert.deepEqual(failures, {})
  })

  describe('a write whose reply is lost is not executed twice', () => {
    /** How a session is written; each ends with `count: 1`. */
    const ways = {
      whole: (store, id) => store.set(id, { count: 1, other: 1 }),
      'as a difference': async (store, id) => {
        const request = { ctx: {} }
        const session = await store.get(id, undefined, request)
        await store.set(id, { ...session, count: 1 }, undefined, request)
      },
      'by compare-and-swap': async (store, id) => {
        const request = { ctx: {} }
        const session = await store.get(id, undefined, request)
        await store.set(id, { ...session, count: 1, 'a.b': 1 }, undefined, request)
      },
    }
    for (const [way, write] of Object.entries(ways)) {
      test(way, async () => {
        const store = network.store()
        const ids = named(way, 30)
        await Promise.all(ids.map((id) => store.set(id, { count: 0 })))
        const counted = new Set()
        const count = async () => {
          const executed = await network.collection
            .find({ _id: { $in: ids }, 'data.count': 1 })
            .toArray()
          for (const { _id } of executed) {
            const filter = { _id, 'data.count': 1 }
            const { modifiedCount } = await network.collection.updateOne(filter, {
              $inc: { 'data.count': 1 },
            })
            if (modifiedCount === 1) counted.add(_id)
          }
        }
        const lost = network.proxy.inject(faults.loseReply(count), {
          commands: ['update'],
          times: 3,
        })
        await Promise.all(ids.map((id) => write(store, id)))
        lost.end()
        assert.ok(counted.size > 0)
        for (const [id, { count }] of await network.stored(ids)) {
          assert.equal(count, counted.has(id) ? 2 : 1)
        }
      })
    }

    test('that created a session which another destroyed meanwhile', async () => {
      const store = network.store()
      await store.get('any')
      const destroy = () => network.collection.deleteOne({ _id: 'created' })
      const { struck } = network.proxy.inject(faults.loseReply(destroy), { commands: ['update'] })
      await store.set('created', { a: 1 })
      await struck
      assert.equal(await store.get('created'), undefined)
    })

    test('that destroyed a session which another made anew meanwhile', async () => {
      const store = network.store()
      await store.set('anew', { a: 1 })
      const make = () => network.collection.insertOne({ _id: 'anew', data: { a: 2 } })
      const { struck } = network.proxy.inject(faults.loseReply(make), { commands: ['delete'] })
      await store.destroy('anew')
      await struck
      assert.deepEqual(await store.get('anew'), { a: 2 })
    })
  })

  for (const [what, hold] of Object.entries({
    command: faults.holdCommand,
    reply: faults.holdReply,
  })) {
    test(`a ${what} that is held back holds up nobody else, and its session in order`, async () => {
      const store = network.store()
      await store.set('held', { a: 0 })
      const gate = new Gate()
      const { struck } = network.proxy.inject(hold(gate), { commands: ['update'] })
      const settled = []
      const settles = (name, promise) => promise.then(() => settled.push(name))
      const first = settles('first', store.set('held', { a: 1 }))
      await gate.reached
      const second = settles('second', store.set('held', { a: 2 }))
      const last = store.get('held')
      const ids = named(`beside a ${what}`, 40)
      await Promise.all(ids.map((id) => store.set(id, { id })))
      const found = await Promise.all(ids.map((id) => store.get(id)))
      assert.deepEqual(
        found,
        ids.map((id) => ({ id })),
      )
      assert.deepEqual(settled, [])
      gate.open()
      await Promise.all([struck, first, second])
      assert.deepEqual(settled, ['first', 'second'])
      assert.deepEqual(await last, { a: 2 })
    })
  }

  test('an operation that waits for an answer is not unavailable for a passing fault', async () => {
    // The driver looks at a server at most every half second: a fault may last so long.
    const store = network.store({ serverSelectionTimeoutMS: 2000, timeoutMS: 30_000 })
    await store.set('there', { a: 1 })
    const gate = new Gate()
    network.proxy.inject(faults.holdReply(gate), { commands: ['find'] })
    const read = store.get('there')
    await gate.reached
    const age = performance.now() + 2100
    while (performance.now() < age) await store.set('beside', {})
    for (let fault = 0; fault < 3; fault++) {
      const { struck } = network.proxy.inject(faults.cutReply, { commands: ['update'] })
      await Promise.all([struck, store.set('beside', {})])
    }
    gate.open()
    assert.deepEqual(await read, { a: 1 })
  })

  test('an operation with no room beside commands that are held back fails in its time', {
    timeout: 60_000,
  }, async () => {
    const store = network.store({ ...SOON, timeoutMS: 600_000, heartbeatFrequencyMS: 500 })
    const unavailable = { code: 'ERR_UNAVAILABLE' }
    await store.set('there', {})
    const held = []
    while (held.length < MOST_HELD_UP) {
      const gate = new Gate()
      network.proxy.inject(faults.holdCommand(gate), { commands: ['update'] })
      held.push(assert.rejects(store.set(`held ${held.length}`, {}), unavailable))
      await gate.reached
    }
    network.proxy.inject(faults.cut, { commands: GREETINGS, times: Infinity })
    await Promise.all(held)
    await assert.rejects(store.set('no room', {}), unavailable)
  })
})
