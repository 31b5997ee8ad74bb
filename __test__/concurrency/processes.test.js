'use strict'

// The store in worker threads, clusters and forks, and in processes that are told to stop.

const assert = require('node:assert/strict')
const { execFile, fork } = require('node:child_process')
const { once } = require('node:events')
const { request } = require('node:http')
const path = require('node:path')
const { json } = require('node:stream/consumers')
const { describe, test } = require('node:test')
const { promisify } = require('node:util')
const { useDatabase } = require('../support/database')
const { day, footprint } = require('../support/day')
const { Loads, writesTo } = require('../support/load')
const { TaskProcess } = require('../support/tasks')

const run = promisify(execFile)
const support = (name) => path.join(__dirname, '..', 'support', name)

const database = useDatabase()

/** A GET on a connection of its own; undefined if no answer comes. */
function get(url) {
  return new Promise((resolve) => {
    const sent = request(url, { agent: false }, (response) => {
      json(response).then(resolve, () => resolve(undefined))
    })
    sent.on('error', () => resolve(undefined))
    sent.end()
  })
}

describe('worker threads', { timeout: 180_000 }, () => {
  for (const [what, alone] of Object.entries({
    'beside a main thread that goes on': false,
    'of a main thread without a store': true,
  })) {
    test(`that work and end, some in the middle, ${what}, leave nothing behind`, async () => {
      const settings = { options: database.options, rounds: 12, operations: 5, alone }
      const { stdout, stderr } = await run(process.execPath, [
        '--expose-gc',
        support('workers.js'),
        JSON.stringify(settings),
      ])
      assert.equal(stderr, '')
      const figures = JSON.parse(stdout)
      const [early, late] = [figures[3], figures.at(-1)]
      // A thread or a file more at one moment is no leak; one for each worker would be 32.
      assert.ok(late.threads - early.threads < 8, stdout)
      assert.ok(late.files - early.files < 8, stdout)
      // What a worker's store takes, times 32, would be far more.
      assert.ok(late.memory - early.memory < 30_000_000, stdout)
    })
  }
})

describe('a day in one process', { timeout: 120_000 }, () => {
  test('loses nothing, and leaves the process as it was', async () => {
    const store = database.store()
    await day(store, 1000)
    const early = footprint()
    assert.equal((await day(store, 6000)).losses, 0)
    const late = footprint()
    assert.ok(late.threads - early.threads < 4, 'threads')
    // Connections come and go with how long the server takes; of a leak there would be thousands.
    assert.ok(late.files - early.files < 50, 'files')
    assert.ok(late.handles - early.handles < 4, 'handles')
  })
})

describe('an application that is told to stop', { timeout: 120_000 }, () => {
  for (const [what, CLUSTER] of Object.entries({ 'a process': '', 'a cluster': '1' })) {
    test(`as ${what}: the session of each answered request is there`, async () => {
      const STORE_OPTIONS = JSON.stringify(database.options)
      const child = fork(support('koa-server.js'), {
        env: { ...process.env, STORE_OPTIONS, CLUSTER },
      })
      const exit = once(child, 'exit')
      const [{ port }] = await once(child, 'message')
      let answered = 0
      const ask = async (value) => {
        const answer = await get(`http://127.0.0.1:${port}/?value=${value}`)
        answered++
        if (answered === 20) child.kill('SIGTERM')
        return answer
      }
      const answers = await Promise.all(Array.from({ length: 200 }, (_, value) => ask(value)))
      assert.deepEqual(await exit, [0, null])
      const good = answers.filter((answer) => answer?.id)
      assert.ok(good.length >= 20)
      if (CLUSTER) assert.equal(new Set(good.map(({ pid }) => pid)).size, 2)
      for (const { id, value } of good) {
        assert.equal((await database.document(id))?.data.value, value)
      }
    })
  }
})

describe('forked processes', { timeout: 120_000 }, () => {
  test('that share a collection lose no write of each other', async () => {
    const loads = await Loads.start('forked', 3, database.options)
    await writesTo(database.collection(), 100)
    const stored = { findOne: ({ _id }) => database.document(_id) }
    const { losses, failures, acknowledged } = await loads.end(stored)
    assert.ok(acknowledged > 0)
    assert.deepEqual(losses, [])
    assert.deepEqual(failures, {})
  })

  test('end with an idle store that was not closed', async () => {
    const child = new TaskProcess()
    await child.run('open', { 0: database.options })
    await child.run('callers', {
      name: 'idle',
      callers: [
        { store: 0, steps: [{ kind: 'replace', id: 0, keys: ['a'], wait: true, pause: 'none' }] },
      ],
    })
    assert.equal(await child.end(), 0)
    assert.ok(await database.document('idle 0'))
  })
})

describe('close()', { timeout: 120_000 }, () => {
  test('under thousands of operations settles each, and keeps what was acknowledged', async () => {
    // A server written for completeness takes longer than the ten seconds that operations have.
    const store = database.store({ timeoutMS: 60_000 })
    const ids = Array.from({ length: 1000 }, (_, index) => `closing ${index}`)
    const sets = ids.map((id) => store.set(id, { id }))
    const gets = ids.map((id) => store.get(id))
    const destroys = ids.slice(0, 300).map((id) => store.destroy(id))
    const late = store.close().then(() => store.get('late'))
    await assert.rejects(late, { code: 'ERR_CLOSED' })
    const settled = await Promise.allSettled([...sets, ...gets, ...destroys])
    assert.deepEqual(new Set(settled.map(({ status }) => status)), new Set(['fulfilled']))
    const found = await Promise.all(gets)
    assert.deepEqual(
      found,
      ids.map((id) => ({ id })),
    )
    assert.equal(await database.collection().countDocuments({ _id: /^closing / }), 700)
  })
})
