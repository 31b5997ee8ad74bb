'use strict'

// `touch` renews a session's end, and nothing else.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { useDatabase } = require('../support/database')
const { failure } = require('../support/outcome')

let store
const database = useDatabase({
  setUp: () => {
    store = database.store()
  },
})

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Of a koa-session of an hour that was written some time ago. */
async function koaSession(id, more) {
  const written = Date.now() - HOUR / 2
  const data = { user: 'x', ...more, _expire: written + HOUR, _maxAge: HOUR }
  await store.set(id, data, HOUR / 2)
  return data
}

describe('touch', { timeout: 60_000 }, () => {
  it('gives a session of koa-session the life that it had', async () => {
    const data = await koaSession('own')
    const before = Date.now()
    assert.equal(await store.touch('own'), true)
    const { data: stored, expiresAt, updatedAt } = await database.document('own')
    assert.deepEqual(stored, { ...data, _expire: stored._expire })
    assert.ok(stored._expire >= before + HOUR && stored._expire <= Date.now() + HOUR)
    assert.equal(expiresAt - updatedAt, HOUR + 10_000)
    assert.deepEqual(await store.get('own'), stored)
  })

  it('gives it the life that is asked for', async () => {
    await koaSession('asked')
    const before = Date.now()
    assert.equal(await store.touch('asked', 2 * HOUR), true)
    const { data, expiresAt, updatedAt } = await database.document('asked')
    assert.ok(data._expire >= before + 2 * HOUR && data._expire <= Date.now() + 2 * HOUR)
    assert.equal(data._maxAge, HOUR)
    assert.equal(expiresAt - updatedAt, 2 * HOUR)
  })

  it('adds no _expire where there is none, and gives a day where nothing says', async () => {
    for (const [id, data] of [
      ['none', { a: 1 }],
      ['browser', { a: 1, _session: true }],
    ]) {
      await store.set(id, data, HOUR)
      assert.equal(await store.touch(id), true)
      const stored = await database.document(id)
      assert.deepEqual(stored.data, data)
      assert.equal(stored.expiresAt - stored.updatedAt, DAY)
      assert.equal(await store.touch(id, 'session'), true)
    }
  })

  it('is overruled by `expires`', async () => {
    const other = database.store({ expires: 7200 })
    await koaSession('overruled')
    assert.equal(await other.touch('overruled', 60_000), true)
    const { expiresAt, updatedAt } = await database.document('overruled')
    assert.equal(expiresAt - updatedAt, 2 * HOUR)
  })

  it('leaves a session gone that is gone, or over', async () => {
    await store.set('over', { a: 1 }, 1)
    await store.set('gone', { a: 1 })
    await store.destroy('gone')
    while (await store.get('over'));
    for (const id of ['gone', 'over', 'never', '', 'x'.repeat(2000)]) {
      assert.equal(await store.touch(id), false)
    }
    assert.equal(await database.document('gone'), null)
    assert.equal(await store.get('over'), undefined)
  })

  it('takes effect in the order of the calls', async () => {
    await store.set('order', { a: 1 })
    const ended = await Promise.all([
      store.destroy('order'),
      store.touch('order'),
      store.set('order', { a: 2, _expire: 1 }),
      store.touch('order', HOUR),
      store.get('order'),
    ])
    assert.deepEqual([ended[1], ended[3]], [false, true])
    assert.ok(ended[4]._expire > Date.now())
  })

  it('goes with others in one command, and each has its own outcome', async () => {
    const ids = Array.from({ length: 100 }, (_, number) => `many ${number}`)
    await Promise.all(ids.map((id, number) => (number % 3 ? store.set(id, { number }, HOUR) : 0)))
    const touched = await Promise.all(ids.map((id) => store.touch(id, 2 * HOUR)))
    assert.deepEqual(
      touched,
      ids.map((_, number) => number % 3 !== 0),
    )
  })

  it('beside changes loses none, and is not lost', async () => {
    for (let round = 0; round < 20; round++) {
      const id = `beside ${round}`
      await koaSession(id, { count: 0 })
      const other = database.store()
      const requests = Array.from({ length: 5 }, async (_, number) => {
        const request = { ctx: {} }
        const session = await other.get(id, HOUR, request)
        await other.set(id, { ...session, [`key ${number}`]: number }, HOUR, request)
      })
      const touches = Array.from({ length: 5 }, () => store.touch(id, 10 * HOUR))
      assert.ok((await Promise.all(touches)).every(Boolean))
      await Promise.all(requests)
      const { _expire, ...session } = await store.get(id)
      for (let number = 0; number < 5; number++) assert.equal(session[`key ${number}`], number)
      assert.ok(_expire > Date.now() + 9 * HOUR)
    }
  })

  it('is left out as often as touchAfter says', async () => {
    const lazy = database.store({ touchAfter: 600 })
    const touched = []
    lazy.on('touch', (id) => touched.push(id))
    await store.set('lazy', { a: 1 }, HOUR)
    const before = await database.document('lazy')
    assert.equal(await lazy.touch('lazy', HOUR), true)
    assert.deepEqual(await database.document('lazy'), before)
    assert.equal(await lazy.touch('lazy', 2 * HOUR), true)
    await new Promise(setImmediate)
    assert.deepEqual(touched, ['lazy'])
  })

  it('tells the event touch, where it did', async () => {
    const told = []
    store.on('touch', (id) => told.push(id))
    await store.set('told', { a: 1 })
    await store.touch('told')
    await store.touch('nobody')
    await new Promise(setImmediate)
    assert.deepEqual(told, ['told'])
  })

  it('rejects what it cannot use', async () => {
    assert.equal((await failure(store.touch(1))).code, 'ERR_SESSION_ID')
    assert.equal((await failure(store.touch('x', 'soon'))).code, 'ERR_SESSION_VALUE')
    const closed = database.store()
    await closed.close()
    assert.equal((await failure(closed.touch('x'))).code, 'ERR_CLOSED')
  })
})
