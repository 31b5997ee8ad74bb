'use strict'

// Behind a mongos: it passes a write on to the shard, and if that hop fails or takes too long, it says
// so by a code, and neither it nor anybody else knows what became of the write. It may arrive yet.
//
// The proxy makes a mongos of the server: what it says of itself, and those answers. A mongod answers
// with the same codes where it did not execute the command.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { hasServer } = require('../../scripts/servers/mongodb')
const { Late } = require('../support/late')
const { GONE, named, useNetwork } = require('../support/network')
const { persist } = require('../support/persist')
const { GREETINGS } = require('../support/proxy')

const needs = 'transactionNumbers'
const skip = hasServer(needs) ? false : 'no MongoDB at hand refuses old transaction numbers'

const ABOUT_THE_HOP = {
  HostUnreachable: 6,
  HostNotFound: 7,
  NetworkTimeout: 89,
  SocketException: 9001,
  ExceededTimeLimit: 262,
}

/** What a member of a replica set says of itself, and a mongos does not. */
const OF_MEMBERS = ['setName', 'setVersion', 'hosts', 'primary', 'me', 'electionId', 'secondary']
OF_MEMBERS.push('topologyVersion', 'lastWrite')

const BEFORE = { before: true }
const LATER = { later: true }

describe('on a mongos, a write that it lost on the way to the shard', {
  timeout: 120_000,
  skip,
}, () => {
  const network = useNetwork({ needs })

  function beMongos() {
    let presented = 0
    const reply = (body, { command }) => {
      if (!GREETINGS.includes(command)) return
      presented++
      for (const name of OF_MEMBERS) delete body[name]
      body.msg = 'isdbgrid'
    }
    network.proxy.disguise({ reply })
    return () => assert.ok(presented > 0)
  }

  const lost = (code) => (exchange) => exchange.pretend({ ok: 0, code, errmsg: 'lost' })

  /** The writes were overtaken, and now arrive: nothing changes. */
  async function assertShutOut(late, store, ids) {
    const free = await late.occupy(network.proxy, store, ids[0])
    await Promise.all(ids.map((id) => persist(() => store.set(id, LATER))))
    await late.arrive()
    const stored = await network.stored(ids)
    await free()
    for (const id of ids) assert.deepEqual([id, stored.get(id)], [id, LATER])
  }

  for (const [name, code] of Object.entries(ABOUT_THE_HOP)) {
    test(`changes nothing any more, if it said ${name} and then found no session`, async () => {
      const assertMongos = beMongos()
      const store = network.store()
      const id = name
      await store.set(id, BEFORE)
      const late = new Late(lost(code))
      network.proxy.inject(late.hold, { commands: ['delete'] })
      // MongoDB keeps no record of a number under which it found nothing to write.
      await network.collection.deleteOne({ _id: id })
      await store.destroy(id)
      assert.equal(late.exchanges.length, 1)
      await assertShutOut(late, store, [id])
      assertMongos()
    })
  }

  const hop = { code: ABOUT_THE_HOP.NetworkTimeout, errmsg: 'lost' }
  const answers = {
    'the command': () => ({ ok: 0, ...hop }),
    'each statement': ({ statements }) => ({
      ok: 1,
      n: 0,
      writeErrors: statements.map((_, index) => ({ index, ...hop })),
    }),
  }
  for (const [what, answer] of Object.entries(answers)) {
    test(`changes nothing any more, if it said so of ${what} until the write failed`, async () => {
      const assertMongos = beMongos()
      const store = network.store({ timeoutMS: 1000 })
      const ids = named(what, 5)
      for (const id of ids) await store.set(id, BEFORE)
      const late = new Late((exchange) => exchange.pretend(answer(exchange)))
      const { end } = network.proxy.inject(late.hold, {
        commands: ['update'],
        // What shuts out a write makes no session.
        when: (exchange) => exchange.names(ids) && exchange.statements.some(({ upsert }) => upsert),
        times: Infinity,
      })
      const sets = await Promise.allSettled(ids.map((id) => store.set(id, {})))
      end()
      for (const { reason } of sets) assert.ok(GONE.includes(reason?.code), String(reason))
      await assertShutOut(late, store, ids)
      assertMongos()
    })

    test(`changes nothing any more, also if it then lost ${what} that shuts it out`, async () => {
      const assertMongos = beMongos()
      const store = network.store()
      const id = `by ${what}`
      const late = new Late(async (exchange) => exchange.resetClient())
      network.proxy.inject(late.hold, { commands: ['delete'] })
      const lose = (exchange) => exchange.pretend(answer(exchange))
      const shuts = (exchange) => exchange.names([id]) && late.isShutOutBy(exchange)
      const { struck } = network.proxy.inject(lose, { commands: ['update'], when: shuts })
      await store.destroy(id)
      await struck
      await assertShutOut(late, store, [id])
      assertMongos()
    })
  }
})
