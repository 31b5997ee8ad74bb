'use strict'

// `hashIds`: what is stored says nobody's id, and sessions from before move to their hashes without
// getting lost, or coming back.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { ObjectId } = require('mongodb')
const { useDatabase } = require('../support/database')
const { TcpProxy, faults } = require('../support/proxy')
const { request } = require('../support/request')
const { storedId } = require('../support/sealed-format')

const KEY = 'a key for ids of more than thirty-two bytes'
const ENCRYPTION = { keys: ['an encryption key of more than thirty-two bytes'] }
const MAX_AGE = 60_000

/** By default. */
const TIMEOUT = 10_000

let plain
let store
let other
const database = useDatabase({
  setUp: () => {
    plain = database.store({ encryption: undefined })
    store = database.store({ hashIds: { key: KEY } })
    other = database.store({ hashIds: { key: KEY } })
  },
})

const hash = (id) => storedId(KEY, id)
const record = (_id) => database.collection().findOne({ _id })

describe('with hashIds', { timeout: 60_000 }, () => {
  it('a session is stored under the keyed hash of its id, which storedId() gives', async () => {
    await store.set('mine', { a: 1 }, MAX_AGE)
    assert.equal(await record('mine'), null)
    assert.deepEqual((await record(hash('mine'))).data, { a: 1 })
    assert.equal(store.storedId('mine'), hash('mine'))
    assert.equal(store.storedId('ü'), hash('ü'))
    assert.equal(plain.storedId('mine'), 'mine')
    assert.throws(() => store.storedId(5), { code: 'ERR_SESSION_ID' })
  })

  it('every call takes the id, and every event gives it', async () => {
    const told = []
    for (const event of ['create', 'update', 'touch', 'destroy', 'dropped']) {
      store.on(event, (id) => told.push([event, id]))
    }
    await store.set('calls', { a: 1, _expire: 1, _maxAge: 1 }, MAX_AGE)
    await (await request(store, 'calls', { a: 2 }))()
    assert.equal((await store.get('calls')).a, 2)
    assert.equal(await store.touch('calls', 120_000), true)
    const late = await request(store, 'calls', { a: 3 })
    await store.destroy('calls')
    await late()
    await new Promise(setImmediate)
    store.removeAllListeners()
    const events = ['create', 'update', 'touch', 'destroy', 'dropped']
    assert.deepEqual(
      told,
      events.map((event) => [event, 'calls']),
    )
    assert.equal(await store.get('calls'), undefined)
    assert.equal(await store.touch('calls'), false)
  })

  it('what lists sessions gives stored ids, and except takes the id', async () => {
    await store.clear()
    for (const id of ['a', 'b', 'c']) await store.set(id, { user: 1 }, MAX_AGE)
    const ids = ['a', 'b', 'c'].map(hash).sort()
    assert.deepEqual(await store.ids().toArray(), ids)
    const all = await store.all({ user: 1 }).toArray()
    assert.deepEqual(
      all.map(({ id }) => id),
      ids,
    )
    assert.equal(await store.destroyMany({ user: 1 }, { except: 'b' }), 2)
    assert.deepEqual(await store.ids().toArray(), [hash('b')])
    assert.equal(await store.length(), 1)
  })

  it('except takes what a listing gives, also of a session that has not moved yet', async () => {
    for (const id of ['a', 'b']) await store.set(id, { user: 2 }, MAX_AGE)
    await plain.set('from before', { user: 2 }, MAX_AGE)
    const [listed, before] = [hash('a'), hash('from before')]
    assert.equal(await store.destroyMany({ user: 2 }, { except: [listed, before] }), 1)
    assert.deepEqual((await store.ids({ user: 2 }).toArray()).sort(), [listed, before].sort())
    const except = await store.ids().toArray()
    assert.equal(await store.destroyMany({ user: 2 }, { except }), 0)
  })

  it('a stored id that was read in the database is the id of no session', async () => {
    await store.set('victim', { admin: true }, MAX_AGE)
    const stolen = hash('victim')
    assert.equal(await store.get(stolen), undefined)
    assert.equal(await store.touch(stolen), false)
    await store.set(stolen, { mine: 1 }, MAX_AGE)
    await store.destroy(stolen)
    assert.deepEqual(await store.get('victim'), { admin: true })
  })

  it('another key finds no session', async () => {
    await store.set('keyed', { a: 1 }, MAX_AGE)
    const another = database.store({ hashIds: { key: `${KEY}!` } })
    assert.equal(await another.get('keyed'), undefined)
  })

  it('and encryption a session is bound to its stored id', async () => {
    const both = database.store({ hashIds: { key: KEY }, encryption: ENCRYPTION })
    await both.set('both', { a: 1 }, MAX_AGE)
    const { data } = await record(hash('both'))
    await database.collection().insertOne({ _id: hash('copy'), data })
    assert.deepEqual(await both.get('both'), { a: 1 })
    await assert.rejects(both.get('copy'), { code: 'ERR_DECRYPT' })
  })
})

describe('a session from before hashIds', { timeout: 120_000 }, () => {
  const START = { a: 1, b: { c: 1 }, _expire: 1, _maxAge: 1000 }

  for (const [what, options] of Object.entries({
    'as it is': {},
    encrypted: { encryption: ENCRYPTION },
  })) {
    const makers = () => ({
      before: database.store({ encryption: undefined, ...options }),
      after: database.store({ ...options, hashIds: { key: KEY } }),
    })

    it(`is read and touched under its plain id, and moved by its next write, ${what}`, async () => {
      const { before, after } = makers()
      for (const [name, changes] of Object.entries({
        change: { a: 2 },
        touch: { _expire: 2 },
        path: { 'x.y': 1 },
      })) {
        const id = `${what} ${name}`
        await before.set(id, START, MAX_AGE)
        assert.deepEqual(await after.get(id), START)
        assert.equal(await after.touch(id, 120_000), true)
        const touched = await after.get(id)
        assert.notEqual(touched._expire, START._expire)
        assert.equal(await record(hash(id)), null)
        await (await request(after, id, changes))()
        assert.deepEqual(await after.get(id), { ...touched, ...changes })
        const { pending, data } = await record(hash(id))
        assert.equal(pending, undefined)
        assert.equal(data.a === 1 || data.a === 2, what === 'as it is')
        const mark = await record(id)
        assert.ok(mark.moved)
        assert.equal(mark.data, undefined)
        // Who has read one of the two before the move finds the other by then.
        const left = mark.expiresAt - Date.now()
        assert.ok(left > 50_000 && left <= 60_000 + TIMEOUT, `${left} ms`)
        assert.equal((await after.ids().toArray()).includes(id), false)
      }
    })
  }

  it('is replaced by a whole write, and leaves nothing behind', async () => {
    await plain.set('whole', START, MAX_AGE)
    await store.set('whole', { b: 2 }, MAX_AGE)
    assert.equal(await record('whole'), null)
    assert.deepEqual(await store.get('whole'), { b: 2 })
  })

  it('is gone when it is destroyed, under either id', async () => {
    await plain.set('ended', START, MAX_AGE)
    await store.destroy('ended')
    assert.equal(await record('ended'), null)
    await plain.set('swept', { user: 7 }, MAX_AGE)
    await store.set('swept too', { user: 7 }, MAX_AGE)
    await plain.set('stays', { user: 7 }, MAX_AGE)
    const told = []
    store.on('destroy', (id) => told.push(id))
    assert.equal(await store.destroyMany({ user: 7 }, { except: 'stays' }), 2)
    store.removeAllListeners()
    assert.deepEqual(told.sort(), [hash('swept'), hash('swept too')].sort())
    assert.deepEqual(await store.get('stays'), { user: 7 })
    assert.equal(await store.get('swept'), undefined)
  })

  it('keeps its createdAt', async () => {
    const dated = { timestamps: true }
    await database.store(dated).set('dated', START, MAX_AGE)
    const { createdAt } = await record('dated')
    const after = database.store({ ...dated, hashIds: { key: KEY } })
    await (await request(after, 'dated', { a: 2 }))()
    assert.deepEqual((await record(hash('dated'))).createdAt, createdAt)
  })

  it('keeps the changes of all who move it at the same time', async () => {
    for (let round = 0; round < 20; round++) {
      const id = `together ${round}`
      await plain.set(id, { start: 1 }, MAX_AGE)
      const writes = await Promise.all(
        [store, other, store, other].map((from, number) => request(from, id, { [number]: number })),
      )
      await Promise.all(writes.map((write) => write()))
      assert.deepEqual(await store.get(id), { 0: 0, 1: 1, 2: 2, 3: 3, start: 1 })
    }
  })

  it('stays signed out, however a destroy meets its move', async () => {
    for (let round = 0; round < 60; round++) {
      const id = `out ${round}`
      await plain.set(id, { start: 1 }, MAX_AGE)
      const write = await request(store, id, { a: 1 })
      const moved = write()
      for (let turn = 0; turn < round % 12; turn++) await new Promise(setImmediate)
      await Promise.all([other.destroy(id), moved])
      assert.equal(await store.get(id), undefined)
      assert.equal(await other.get(id), undefined)
    }
  })

  it('is found by every read while it moves', async () => {
    for (let round = 0; round < 20; round++) {
      const id = `moving ${round}`
      await plain.set(id, { n: 0 }, MAX_AGE)
      const write = await request(store, id, { n: 1 })
      let isMoving = true
      const moved = write().then(() => {
        isMoving = false
      })
      while (isMoving) assert.ok((await other.get(id))?.n >= 0)
      await moved
      assert.deepEqual(await other.get(id), { n: 1 })
    }
  })

  /** As a mover leaves it that stops after so many steps. */
  async function stopAfter(step, id, attempt = new ObjectId()) {
    await plain.set(id, { a: 1, b: 1 }, MAX_AGE)
    const { expiresAt } = await record(id)
    const pending = { attempt, former: id }
    const moved = { data: { a: 2, b: 1 }, updatedAt: new Date(), expiresAt, pending }
    await database.collection().insertOne({ _id: hash(id), ...moved })
    if (step > 1) await mark(id, attempt)
  }

  /** As a move leaves what was under the plain id. */
  const mark = (id, attempt) =>
    database
      .collection()
      .replaceOne({ _id: id }, { moved: attempt, expiresAt: inAMinute() }, { upsert: true })

  const inAMinute = () => new Date(Date.now() + MAX_AGE)

  for (const [step, a] of [
    [1, 1],
    [2, 2],
  ]) {
    it(`goes on where somebody stopped after step ${step} of moving it`, async () => {
      const id = `stopped ${step}`
      await stopAfter(step, id)
      assert.deepEqual(await store.get(id), { a, b: 1 })
      await (await request(store, id, { b: 2 }))()
      assert.deepEqual(await other.get(id), { a, b: 2 })
      assert.equal((await record(hash(id))).pending, undefined)
      await stopAfter(step, `${id} too`)
      await store.destroy(`${id} too`)
      assert.equal(await record(hash(`${id} too`)), null)
      assert.equal(await store.get(`${id} too`), undefined)
    })
  }

  it('keeps every change, and stays signed out, over a network that breaks', async () => {
    const proxy = await TcpProxy.open(Number(new URL(database.uri).port))
    const breaks = [faults.cutCommand, faults.cutReply, faults.loseReply()]
    let commands = 0
    const breaking = (exchange) => {
      commands++
      return commands % 9 === 0 ? breaks[(commands / 9) % 3](exchange) : faults.none(exchange)
    }
    const struck = proxy.inject(breaking, { times: Infinity })
    const options = { connection: proxy.uri, hashIds: { key: KEY } }
    const stores = [database.store(options), database.store(options)]
    const sessions = Array.from({ length: 60 }, (_, number) => ({
      id: `broken ${number}`,
      isDestroyed: number % 3 === 0,
    }))
    for (const { id } of sessions) await plain.set(id, { start: 1 }, MAX_AGE)
    await Promise.all(
      sessions.map(async ({ id, isDestroyed }) => {
        const writes = await Promise.all(
          [0, 1, 2, 3].map((number) => request(stores[number % 2], id, { [number]: number })),
        )
        const all = writes.map((write) => write())
        if (isDestroyed) all.push(stores[1].destroy(id))
        await Promise.all(all)
      }),
    )
    struck.end()
    for (const { id, isDestroyed } of sessions) {
      const expected = isDestroyed ? undefined : { 0: 0, 1: 1, 2: 2, 3: 3, start: 1 }
      assert.deepEqual(await store.get(id), expected, id)
    }
    await Promise.all(stores.map((one) => one.close()))
    await proxy.close()
  })

  it('what a late first step leaves after a destroy is no session', async () => {
    await database
      .collection()
      .insertOne({ _id: hash('late'), data: { a: 1 }, pending: 'somebody' })
    assert.equal(await store.get('late'), undefined)
    assert.equal((await store.ids().toArray()).includes(hash('late')), false)
    await store.set('late', { a: 2 }, MAX_AGE)
    assert.deepEqual(await store.get('late'), { a: 2 })
  })

  it('what a late first step leaves beside the mark of another attempt is no session', async () => {
    const id = 'late beside a mark'
    await stopAfter(2, id, new ObjectId())
    await mark(id, new ObjectId())
    assert.equal(await store.get(id), undefined)
    assert.equal(await store.touch(id, 120_000), false)
    await store.destroy(id)
    assert.equal(await record(hash(id)), null)
    assert.equal(await record(id), null)
  })

  it('is found by a sweep as it is, where somebody stopped in the middle of moving it', async () => {
    await store.clear()
    await stopAfter(1, 'begun')
    assert.equal(await store.destroyMany({ a: 2 }), 0)
    assert.deepEqual(await store.get('begun'), { a: 1, b: 1 })
    assert.equal(await store.destroyMany({ a: 1 }), 1)
    await stopAfter(2, 'written')
    assert.equal(await store.destroyMany({ a: 1 }), 0)
    assert.equal(await store.destroyMany({ a: 2 }), 1)
    for (const id of ['begun', 'written']) {
      assert.equal(await store.get(id), undefined)
      assert.deepEqual([await record(id), await record(hash(id))], [null, null])
    }
  })

  it('is kept by a touch where somebody stopped after step 2 of moving it', async () => {
    await stopAfter(2, 'touched')
    assert.equal(await store.touch('touched', 120_000), true)
    assert.equal((await record(hash('touched'))).pending, undefined)
    await database.collection().deleteOne({ _id: 'touched' })
    assert.deepEqual(await store.get('touched'), { a: 2, b: 1 })
  })

  it('does not come back where somebody stopped between writing it whole and deleting it', async () => {
    const id = 'behind'
    await store.set(id, { n: 2 }, MAX_AGE)
    await plain.set(id, { n: 1 }, MAX_AGE)
    await (await request(store, id, { n: 3 }))()
    assert.equal(await record(id), null)
    assert.deepEqual(await store.get(id), { n: 3 })
  })

  it('is listed under the id that it is going to be stored under', async () => {
    await store.clear()
    for (const id of ['one', 'two']) await plain.set(id, { listed: true }, MAX_AGE)
    const ids = [hash('one'), hash('two')].sort()
    assert.deepEqual((await store.ids().toArray()).sort(), ids)
    const all = await store.all({ listed: true }).toArray()
    assert.deepEqual(all.map(({ id }) => id).sort(), ids)
    await (await request(store, 'one', { b: 1 }))()
    assert.deepEqual((await store.ids().toArray()).sort(), ids)
  })

  it('is none of what adopt() takes over once it has moved', async () => {
    await store.clear()
    await mark('moved', new ObjectId())
    const { adopted, left } = await store.adopt()
    assert.deepEqual({ adopted, other: left.other }, { adopted: 0, other: 0 })
    assert.equal(await store.length(), 0)
  })
})
