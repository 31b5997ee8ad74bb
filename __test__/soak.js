'use strict'

// The long form of the proofs: `npm run test:soak`. Each part prints what it did; the first that
// finds a broken promise ends it. SOAK scales the numbers, PART runs one part alone.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const path = require('node:path')
const { promisify } = require('node:util')
const { MongoClient } = require('mongodb')
const { SessionStore } = require('..')
const { startServer } = require('../scripts/servers/mongodb')
const { memory } = require('../scripts/memory')
const { NOTHING_LEFT, assertAdopted, fill } = require('./support/adopted')
const { day, footprint } = require('./support/day')
const { Histories } = require('./support/histories')
const { Loads, writesTo } = require('./support/load')
const { MEMORY_BOUND, assertBounded, outage } = require('./support/outage')
const { TcpProxy, faults } = require('./support/proxy')

const SCALE = Number(process.env.SOAK ?? 1)
const scaled = (count, least = 1) => Math.max(least, Math.round(count * SCALE))

const PATIENT = { timeoutMS: 60_000, serverSelectionTimeoutMS: 60_000 }

const parts = {
  async histories({ options }) {
    const runs = scaled(20_000, 20)
    for (const touchAfter of [0, 3600]) {
      const own = { ...options, touchAfter }
      const histories = await Histories.open([own, own], [own, own])
      await histories.check({ runs: runs / 2, sparesTouches: touchAfter > 0 })
      await histories.close()
      const { operations, failures } = histories
      print({ touchAfter, histories: histories.runs, operations, failures })
    }
  },

  async 'histories over a network that breaks'({ options, server }) {
    const proxy = await TcpProxy.open(server.port)
    const breaks = [faults.cutCommand, faults.cutReply, faults.loseReply()]
    let commands = 0
    let broken = 0
    const strike = (exchange) => {
      commands++
      if (commands % 20 !== 0) return faults.none(exchange)
      broken++
      return breaks[broken % breaks.length](exchange)
    }
    proxy.inject(strike, { times: Infinity })
    const own = { ...options, connection: proxy.uri }
    const histories = await Histories.open([own, own], [own, own])
    await histories.check({ runs: scaled(1000, 5) })
    await histories.close()
    await proxy.close()
    const { operations, failures } = histories
    print({ histories: histories.runs, operations, broken, failures })
    assert.equal(failures, 0)
  },

  async 'a server that is killed'({ collection, options, server }) {
    const concern = { writeConcern: { w: 1, j: true } }
    const loads = await Loads.start('killed', 3, { ...options, ...PATIENT, ...concern })
    const kills = scaled(10, 2)
    for (let round = 0; round < kills; round++) {
      await writesTo(collection, 200)
      await server.kill()
      await server.start()
      console.log(`    killed ${round + 1} of ${kills} times`)
    }
    await writesTo(collection, 200)
    report({ kills, ...(await loads.end(collection)) })
  },

  async 'a primary that steps down'({ client, collection, options }) {
    const loads = await Loads.start('stepped down', 3, options)
    const times = scaled(5)
    for (let round = 0; round < times; round++) {
      await writesTo(collection, 200)
      await client.db('admin').command({ replSetStepDown: 5, force: true })
    }
    await writesTo(collection, 200)
    report({ times, ...(await loads.end(collection)) })
  },

  async 'a server that is gone'({ options, server }) {
    const store = new SessionStore({ ...options, serverSelectionTimeoutMS: 2000 })
    await store.set('there', { a: 1 })
    const seen = await outage(store, server, scaled(60_000, 3000))
    const { operations, codes, slowest, growth, back } = seen
    assert.deepEqual(await store.get('there'), { a: 1 })
    await store.close()
    print({
      operations,
      codes,
      'slowest error': `${Math.round(slowest)} ms after the call`,
      'memory grew by': megabytes(growth),
      'service again': `${Math.round(back)} ms after the server`,
    })
    assertBounded(seen, 2000)
  },

  async 'a collection that is adopted'({ collection, options, server }) {
    const count = scaled(200_000, 2000)
    // Before there is much in it: not each server makes it in time later.
    await collection.createIndex({ expiresAt: 1 }, { expireAfterSeconds: 0 })
    const where = { uri: server.uri, db: 'soak', collection: 'sessions' }
    const end = await fill(collection, count, where)
    const store = new SessionStore({ ...options, ...PATIENT })
    store.on('warning', () => {})
    const before = memory()
    let most = before
    const watch = setInterval(() => {
      most = Math.max(most, memory())
    }, 100)
    const times = []
    for (const adopted of [count, 0]) {
      const start = performance.now()
      const did = await store.adopt()
      times.push(`${Math.round((performance.now() - start) / 1000)} s`)
      assert.deepEqual([did.looked, did.adopted, did.left], [count, adopted, NOTHING_LEFT])
    }
    clearInterval(watch)
    await store.close()
    await assertAdopted(collection, count, end)
    print({ count, adopted: times[0], again: times[1], 'memory grew by': megabytes(most - before) })
    assert.ok(most - before < MEMORY_BOUND)
  },

  async 'worker threads'({ options }) {
    const settings = { options, rounds: scaled(50, 5), operations: 50 }
    const file = path.join(__dirname, 'support', 'workers.js')
    const args = ['--expose-gc', file, JSON.stringify(settings)]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const figures = JSON.parse(stdout)
    const [early, late] = [figures[Math.floor(figures.length / 4)], figures.at(-1)]
    print({ workers: figures.length * 4, early, late })
    assert.ok(late.threads - early.threads < 8)
    assert.ok(late.files - early.files < 8)
  },

  async 'a day in one process'({ options }) {
    const store = new SessionStore(options)
    const done = { operations: 0, losses: 0 }
    const figures = [look(done)]
    const watch = setInterval(() => figures.push(look(done)), Math.max(2000, 30_000 * SCALE))
    await day(store, scaled(10_000_000, 20_000), done)
    clearInterval(watch)
    figures.push(look(done))
    await store.close()
    print(done)
    assert.equal(done.losses, 0)
    const early = figures[Math.floor(figures.length / 4)]
    const late = figures.at(-1)
    for (const what of ['threads', 'files', 'handles'])
      assert.ok(late[what] - early[what] < 12, what)
    assert.ok(late.memory - early.memory < MEMORY_BOUND, 'memory')
  },
}

/** What this process is made of now; printed as well. */
function look({ operations }) {
  const figures = footprint()
  print({ operations, ...figures, memory: megabytes(figures.memory) })
  return figures
}

function report({ losses, failures, ...done }) {
  print({ ...done, losses: losses.length, failures })
  assert.deepEqual(losses, [])
  assert.deepEqual(failures, {})
}

function print(figures) {
  const words = Object.entries(figures).map(([name, value]) => `${name}: ${inWords(value)}`)
  console.log(`    ${words.join(', ')}`)
}

function inWords(value) {
  if (typeof value === 'number') return value.toLocaleString('en')
  return typeof value === 'object' ? JSON.stringify(value) : value
}

function megabytes(bytes) {
  return `${Math.round(bytes / 1e6)} MB`
}

async function main() {
  for (const [name, part] of Object.entries(parts)) {
    if (process.env.PART && process.env.PART !== name) continue
    const server = await startServer({ needs: 'transactionNumbers' })
    const client = await new MongoClient(server.uri).connect()
    const options = { connection: server.uri, db: 'soak' }
    const collection = client.db('soak').collection('sessions')
    console.log(`\n▶ ${name} (${server.kind})`)
    const start = performance.now()
    try {
      await part({ server, client, collection, options })
    } finally {
      await client.close()
      await server.remove()
    }
    console.log(`✓ ${name}: ${Math.round((performance.now() - start) / 1000)} s`)
  }
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
