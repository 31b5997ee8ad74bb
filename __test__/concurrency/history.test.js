'use strict'

// Random histories of operations on few sessions, over stores of this process and of others, each
// checked against what the contract allows. A history that is not allowed is shrunk and printed
// with its seed; HISTORY_SEED=… runs that one again.

const assert = require('node:assert/strict')
const { after, before, describe, test } = require('node:test')
const { useDatabase } = require('../support/database')
const { Histories } = require('../support/histories')
const { isAllowed } = require('../support/history-model')
const { TcpProxy, faults } = require('../support/proxy')

const seed = process.env.HISTORY_SEED === undefined ? undefined : Number(process.env.HISTORY_SEED)

const database = useDatabase()

async function check(here, there, { seeder, ...settings }) {
  const histories = await Histories.open(here, there, seeder)
  try {
    await histories.check({ seed, ...settings })
    assert.equal(histories.failures, 0)
  } finally {
    await histories.close()
  }
}

describe('random histories', { timeout: 300_000 }, () => {
  test('over several stores and processes are such as the contract allows', async () => {
    const { options } = database
    await check([options, options], [options, options], { runs: 250 })
  })

  test('of one store take effect in the order of the calls', async () => {
    await check([database.options], [], { runs: 100 })
  })

  test('under touchAfter lose no change', async () => {
    const options = { ...database.options, touchAfter: 3600 }
    await check([options, options], [options], { runs: 100, sparesTouches: true })
  })
})

describe('random histories of sessions that leave their plain ids', { timeout: 300_000 }, () => {
  // Of its own: where plain ids are left, a sweep of the other histories would look once more.
  const plain = () => ({ ...database.options, collection: 'leaving', hashIds: undefined })
  const hashed = () => ({
    ...plain(),
    hashIds: { key: 'a key for ids of more than thirty-two bytes' },
  })

  test('are such as the contract allows', async () => {
    const [here, there] = [[hashed(), hashed()], [hashed()]]
    await check(here, there, { seeder: plain(), runs: 200 })
  })

  test('under touchAfter lose no change', async () => {
    const options = { ...hashed(), touchAfter: 3600 }
    const settings = { seeder: plain(), runs: 100, sparesTouches: true }
    await check([options, options], [options], settings)
  })
})

describe('random histories over a network that breaks', { timeout: 300_000 }, () => {
  let proxy

  before(async () => {
    proxy = await TcpProxy.open(Number(new URL(database.uri).port))
    const breaks = [faults.cutCommand, faults.cutReply, faults.loseReply()]
    let commands = 0
    proxy.inject(
      (exchange) => {
        commands++
        return commands % 20 === 0 ? breaks[(commands / 20) % 3](exchange) : faults.none(exchange)
      },
      { times: Infinity },
    )
  })

  after(() => proxy.close())

  test('are such as the contract allows, and nothing fails', async () => {
    const options = { ...database.options, connection: proxy.uri }
    await check([options, options], [options], { runs: 30 })
  })
})

describe('the model of what is allowed', () => {
  /** Operations one after the other, unless `span` says when each was called and ended. */
  const history = (...operations) =>
    operations.map(({ span: [call, end] = [], ...operation }, number) => ({
      store: 0,
      call: call ?? 2 * number,
      end: end ?? 2 * number + 1,
      failed: false,
      ...operation,
    }))
  const get = (data, more) => ({ kind: 'get', data, ...more })
  const set = (data, more) => ({ kind: 'set', data, ...more })
  const destroy = (more) => ({ kind: 'destroy', ...more })
  const knowing = (read) => ({ request: { read, writes: [], awaited: 0 } })

  const allowed = {
    'a read of the last write': [set({ a: 1 }), get({ a: 1 })],
    'a read of nothing after a destroy': [set({ a: 1 }), destroy(), get(undefined)],
    'either of two writes at the same time': [
      set({ a: 1 }, { span: [0, 9], store: 0 }),
      set({ a: 2 }, { span: [0, 9], store: 1 }),
      get({ a: 1 }, { span: [10, 11] }),
    ],
    'changes of different keys, both kept': [
      set({ a: 1, b: 1 }),
      set({ a: 2, b: 1 }, knowing({ a: 1, b: 1 })),
      set({ a: 1, b: 2 }, knowing({ a: 1, b: 1 })),
      get({ a: 2, b: 2 }),
    ],
    'a write that failed and took effect later': [
      set({ a: 1 }, { failed: true, end: Infinity }),
      get(undefined),
      get({ a: 1 }),
    ],
  }
  const refused = {
    'a write that is not there': [set({ a: 1 }), get(undefined)],
    'a read that goes back in time': [
      set({ a: 1 }, { span: [0, 1] }),
      set({ a: 2 }, { span: [2, 20], store: 1 }),
      get({ a: 2 }, { span: [3, 4], store: 2 }),
      get({ a: 1 }, { span: [5, 6], store: 2 }),
    ],
    'a destroyed session that a request brings back': [
      set({ a: 1 }),
      destroy(),
      set({ a: 2 }, knowing({ a: 1 })),
      get({ a: 2 }),
    ],
    'a change that another undoes': [
      set({ a: 1, b: 1 }),
      set({ a: 2, b: 1 }, knowing({ a: 1, b: 1 })),
      set({ a: 1, b: 2 }, knowing({ a: 1, b: 1 })),
      get({ a: 1, b: 2 }),
    ],
    'operations of one store out of the order of their calls': [
      set({ a: 1 }, { span: [0, 9] }),
      set({ a: 2 }, { span: [1, 9] }),
      get({ a: 1 }, { span: [10, 11] }),
    ],
    'a value that nobody wrote': [set({ a: 1 }), get({ a: 2 })],
    'a mixture of two writes of the same keys': [
      set({ a: 1, b: 1 }, { span: [0, 9], store: 0 }),
      set({ a: 2, b: 2 }, { span: [0, 9], store: 1 }),
      get({ a: 1, b: 2 }, { span: [10, 11] }),
    ],
  }

  for (const [what, operations] of Object.entries(allowed)) {
    test(`allows ${what}`, () => assert.ok(isAllowed(history(...operations))))
  }
  for (const [what, operations] of Object.entries(refused)) {
    test(`refuses ${what}`, () => assert.ok(!isAllowed(history(...operations))))
  }
})
