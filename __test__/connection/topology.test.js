'use strict'

// Several servers: which the store asks, and what becomes of operations when they change.

const assert = require('node:assert/strict')
const { after, afterEach, before, describe, it } = require('node:test')
const { hasServer } = require('../../scripts/servers/mongodb')
const { Mongos, ReplicaSet, SET } = require('../support/deployment')
const { Gate } = require('../support/gate')
const { failure } = require('../support/outcome')
const { faults } = require('../support/proxy')

const needs = 'transactionNumbers'
const skip = hasServer(needs) ? false : 'no MongoDB at hand refuses old transaction numbers'

const ids = (name, count) => Array.from({ length: count }, (_, index) => `${name} ${index}`)

describe('a replica set of three', { timeout: 120_000, skip }, () => {
  let set

  before(async () => {
    set = new ReplicaSet()
    await set.open(3, { needs })
  })

  afterEach(() => set.closeStores())

  after(() => set.close())

  /** How many of these commands each member has executed meanwhile. */
  async function executed(command, work) {
    const before = set.passed(command)
    await work()
    return set.passed(command).map((count, index) => count - before[index])
  }

  async function works(store, name) {
    const all = ids(name, 20)
    await Promise.all(all.map((id) => store.set(id, { id })))
    for (const id of all) assert.deepEqual(await store.get(id), { id })
    await Promise.all(all.map((id) => store.destroy(id)))
  }

  it('is found by any of its members', async () => {
    for (const host of set.hosts) {
      const store = set.store({ hosts: [host], query: `replicaSet=${SET}` })
      await works(store, host)
    }
  })

  it('is read and written at its primary', async () => {
    for (const primary of [1, 2, 0]) {
      set.elect(primary)
      const store = set.store({ query: `replicaSet=${SET}` })
      for (const command of ['find', 'update', 'delete']) {
        const counts = await executed(command, () => works(store, `primary ${primary}`))
        assert.ok(counts[primary] > 0, `${command}: ${counts}`)
        assert.equal(
          counts[(primary + 1) % 3] + counts[(primary + 2) % 3],
          0,
          `${command}: ${counts}`,
        )
      }
    }
  })

  it('is read as readPreference says, and written at its primary all the same', async () => {
    const reads = {
      secondary: ([one, two, three]) => one === 0 && two > 0 && three > 0,
      secondaryPreferred: ([one, two, three]) => one === 0 && two + three > 0,
      primaryPreferred: ([one, two, three]) => one > 0 && two + three === 0,
      nearest: (counts) => counts.reduce((sum, count) => sum + count) > 0,
    }
    for (const [readPreference, fits] of Object.entries(reads)) {
      const store = set.store({ readPreference, localThresholdMS: 1000 })
      await store.set('read', { a: 1 })
      const counts = await executed('find', async () => {
        for (let read = 0; read < 40; read++) assert.deepEqual(await store.get('read'), { a: 1 })
      })
      assert.ok(fits(counts), `${readPreference}: ${counts}`)
      const writes = await executed('update', () => store.set('read', { a: 2 }))
      assert.deepEqual(writes, [1, 0, 0])
    }
  })

  it('is read where the tags are that readPreference names', async () => {
    set.tags = [{ dc: 'east' }, { dc: 'east' }, { dc: 'west' }]
    const readPreference = { mode: 'secondary', tags: [{ dc: 'west' }] }
    const store = set.store({ readPreference, localThresholdMS: 1000 })
    await store.set('tagged', { a: 1 })
    const counts = await executed('find', async () => {
      for (let read = 0; read < 10; read++) await store.get('tagged')
    })
    assert.deepEqual([counts[0], counts[1]], [0, 0])
    set.tags = [{}, {}, {}]
  })

  it('without a server that fits readPreference, says so', async () => {
    const readPreference = { mode: 'secondary', tags: [{ dc: 'north' }] }
    for (const limits of [{ timeoutMS: 3000 }, { serverSelectionTimeoutMS: 600 }]) {
      const store = set.store({ readPreference, ...limits })
      const error = await failure(store.get('tagged'))
      assert.equal(error.code, 'ERR_UNAVAILABLE')
      assert.match(error.cause.message, /no server fits .* \(`readPreference`\)/)
      await store.set('tagged', { a: 1 })
    }
  })

  it('without a primary, says what each member is', async () => {
    const store = set.store({ query: `replicaSet=${SET}`, serverSelectionTimeoutMS: 1500 })
    const told = []
    store.on('warning', (warning) => told.push(warning))
    await store.set('headless', { a: 1 })
    set.elect(-1)
    const error = await failure(store.set('headless', { a: 2 }))
    assert.equal(error.code, 'ERR_UNAVAILABLE')
    const each = error.cause.message.split('; ')
    assert.equal(each.length, 3)
    for (const cause of each)
      assert.match(cause, /^127\.0\.0\.1:\d+: is a secondary, which takes no writes$/)
    set.elect(0)
    while (!(await store.set('headless', { a: 3 }).catch(() => undefined)));
    assert.deepEqual(await store.get('headless'), { a: 3 })
    assert.deepEqual(
      told.map(({ code }) => code),
      ['ERR_UNAVAILABLE', 'INFO_AVAILABLE'],
    )
  })

  it('goes on with another primary, and fails nothing that is under way', async () => {
    const store = set.store({ query: `replicaSet=${SET}` })
    const told = []
    store.on('warning', (warning) => told.push(warning))
    let done = false
    let count = 0
    const load = ids('moving', 8).map(async (id) => {
      for (let a = 1; !done; a++) {
        await store.set(id, { a })
        assert.deepEqual(await store.get(id), { a })
        count++
      }
    })
    for (const primary of [1, 2, 0, 1]) {
      set.elect(-1)
      const before = count
      // The old one may still hang on to its connections, or lose them.
      if (primary % 2 === 0) for (const proxy of set.proxies) proxy.reset()
      set.elect(primary)
      while (count < before + 20) await store.get('any')
    }
    done = true
    await Promise.all(load)
    assert.deepEqual(told, [])
    const [one, , three] = await executed('update', () => store.set('settled', { a: 1 }))
    assert.deepEqual([one, three], [0, 0])
    set.elect(0)
  })

  it('keeps an old primary, that does not know of the new one, from taking writes', async () => {
    // Each says that it is the primary; the one with the later election is.
    const store = set.store({ query: `replicaSet=${SET}` })
    await store.set('two primaries', { a: 1 })
    const says = set.says.bind(set)
    const former = says(0)
    set.elect(2)
    set.says = (index) => (index === 0 ? former : says(index))
    let counts
    do counts = await executed('update', () => store.set('two primaries', { a: 2 }))
    while (counts[2] === 0)
    for (let again = 0; again < 5; again++) {
      counts = await executed('update', () => store.set('two primaries', { again }))
      assert.equal(counts[2], 1)
    }
    set.says = says
    set.elect(0)
  })
})

describe('a member that steps down with a write on its way', {
  timeout: 120_000,
  skip: hasServer('transactionNumbers')
    ? false
    : 'no MongoDB at hand refuses old transaction numbers',
}, () => {
  let set

  before(async () => {
    set = new ReplicaSet()
    await set.open(3, { needs })
  })

  afterEach(() => set.closeStores())

  after(() => set.close())

  it('had executed it: the next primary, which has its record, does not do it again', async () => {
    const store = set.store({ query: `replicaSet=${SET}` })
    const other = set.store({ query: `replicaSet=${SET}` })
    const request = { ctx: {} }
    await store.set('moved', { a: 1 })
    await store.get('moved', undefined, request)
    const { struck } = set.proxies[0].inject(
      faults.loseReply(async () => {
        set.elect(1)
        // Meanwhile somebody else writes the same, later.
        while (!(await other.set('moved', { a: 'later' }).catch(() => undefined)));
      }),
      { commands: ['update'] },
    )
    await store.set('moved', { a: 'first' }, undefined, request)
    await struck
    assert.deepEqual(await store.get('moved'), { a: 'later' })
    set.elect(0)
  })

  it('comes too late to it: it is refused there, and shut out at the next primary', async () => {
    const store = set.store({ query: `replicaSet=${SET}`, timeoutMS: 1500 })
    await store.set('late', { a: 1 })
    const gate = new Gate()
    const late = set.proxies[0].inject(faults.late(gate), { commands: ['update'] })
    const lost = failure(store.set('late', { a: 'late' }))
    assert.ok(['ERR_TIMEOUT', 'ERR_UNAVAILABLE'].includes((await lost).code))
    set.elect(1)
    while (!(await store.set('late', { a: 'later' }).catch(() => undefined)));
    // The proxies share their data: as if it had been on its way to the new one.
    gate.open()
    await late.struck
    assert.deepEqual(await store.get('late'), { a: 'later' })
    set.elect(0)
  })
})

describe('two mongos', { timeout: 120_000, skip }, () => {
  let shards

  before(async () => {
    shards = new Mongos()
    await shards.open(2, { needs })
  })

  afterEach(() => shards.closeStores())

  after(() => shards.close())

  it('are both used, with driver sessions and transaction numbers', async () => {
    const seen = shards.proxies.map(() => new Set())
    const watches = shards.proxies.map((proxy, index) =>
      proxy.inject(
        (exchange) => {
          const { lsid, txnNumber } = exchange.body
          seen[index].add(lsid !== undefined && txnNumber !== undefined)
          return faults.none(exchange)
        },
        { commands: ['update'], times: Infinity },
      ),
    )
    const store = shards.store({ localThresholdMS: 1000 })
    for (const id of ids('mongos', 60)) await store.set(id, { id })
    for (const id of ids('mongos', 60)) assert.deepEqual(await store.get(id), { id })
    for (const each of seen) assert.deepEqual([...each], [true])
    for (const watch of watches) watch.end()
  })

  it('stand in for each other', async () => {
    const store = shards.store({ localThresholdMS: 1000 })
    const told = []
    store.on('warning', (warning) => told.push(warning))
    await store.set('standing in', { a: 1 })
    const muted = shards.proxies[0].inject(faults.cut, { commands: null, times: Infinity })
    shards.proxies[0].reset()
    for (const id of ids('standing in', 30)) {
      await store.set(id, { id })
      assert.deepEqual(await store.get(id), { id })
    }
    muted.end()
    assert.deepEqual(told, [])
  })

  it('that answer as members of a set are not those of a connection with replicaSet', async () => {
    const store = shards.store({ query: `replicaSet=${SET}`, serverSelectionTimeoutMS: 600 })
    store.on('warning', () => {})
    const error = await failure(store.get('id'))
    assert.equal(error.code, 'ERR_UNAVAILABLE')
    for (const cause of error.cause.message.split('; ')) {
      assert.match(cause, /belongs to no replica set, so not to "three"/)
    }
  })
})
