'use strict'

// What a request read a while ago is what its write is compared with, whether the store still has it
// at hand or not.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { useDatabase } = require('../support/database')
const { useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

/** More than a store keeps of what was read. */
const MANY = 5000

const UNAUTHORIZED = 13

/** With the rest of the record it is. */
const TOO_LARGE = 'x'.repeat(16 * 1024 * 1024 - 60)

/** What became of the latest write to each session. */
const events = new Map()

let store
const database = useDatabase({
  setUp: () => {
    store = database.store({ timeoutMS: 60_000 })
    for (const event of ['update', 'touch', 'dropped'])
      store.on(event, (id) => events.set(id, event))
  },
})

const START = { mine: 1, others: 1, at: new Date(0), gone: 1 }

/** A request writes a session that another one changed or ended after it was read. */
async function overlap(id, start, meanwhile) {
  await store.set(id, start)
  const [mine, other] = [{ ctx: {} }, { ctx: {} }]
  const session = await store.get(id, undefined, mine)
  const same = await store.get(id, undefined, other)
  assert.deepEqual(session, start)
  await meanwhile(other, same)
  const { gone, ...changed } = { ...session, mine: 2 }
  await store.set(id, changed, undefined, mine)
  // Events come right after the promise.
  await new Promise((resolve) => setImmediate(resolve))
  return events.get(id)
}

async function readManyOthers() {
  await Promise.all(Array.from({ length: MANY }, (_, number) => store.get(`other ${number}`)))
}

const LARGE = { text: 'x'.repeat(300_000) }

for (const [when, start, pass] of [
  ['just now', START, async () => {}],
  ['before thousands of other reads', START, readManyOthers],
  ['and that is large', { ...START, ...LARGE }, async () => {}],
]) {
  describe(`a write that follows a read ${when}`, { timeout: 60_000 }, () => {
    it('leaves alone what others changed meanwhile', async () => {
      const id = `changed ${when}`
      const event = await overlap(id, start, async (request, session) => {
        await store.set(id, { ...session, others: 2 }, undefined, request)
        await pass()
      })
      assert.equal(event, 'update')
      const { gone, ...kept } = start
      assert.deepEqual(await store.get(id), { ...kept, mine: 2, others: 2 })
    })

    it('leaves a session destroyed that was destroyed meanwhile', async () => {
      const id = `destroyed ${when}`
      const event = await overlap(id, start, async () => {
        await store.destroy(id)
        await pass()
      })
      assert.equal(event, 'dropped')
      assert.equal(await store.get(id), undefined)
    })

    it('knows that nothing changed', async () => {
      const id = `touched ${when}`
      const request = { ctx: {} }
      await store.set(id, start)
      const session = await store.get(id, undefined, request)
      await pass()
      const touched = new Promise((resolve) => store.once('touch', resolve))
      await store.set(id, session, undefined, request)
      assert.equal(await touched, id)
    })

    it('may be followed by another that does not wait for it', async () => {
      const id = `twice ${when}`
      await store.set(id, start)
      const request = { ctx: {} }
      const session = await store.get(id, undefined, request)
      await pass()
      const once = store.set(id, { ...session, mine: 2 }, undefined, request)
      const twice = store.set(id, { ...session, mine: 3, others: 3 }, undefined, request)
      await Promise.all([once, twice])
      assert.deepEqual(await store.get(id), { ...start, mine: 3, others: 3 })
    })
  })
}

describe('what a request read', () => {
  it('is known by its ctx, which stays as it is, even if nothing can be added to it', async () => {
    const ctx = Object.freeze({ state: {} })
    const id = 'a frozen ctx'
    await store.set(id, START)
    const session = await store.get(id, undefined, { ctx })
    await store.destroy(id)
    await store.set(id, { ...session, mine: 2 }, undefined, { ctx })
    assert.equal(await store.get(id), undefined)
    assert.deepEqual(Reflect.ownKeys(ctx), ['state'])
  })

  it('is not known to another one whose ctx was made of this one', async () => {
    const id = 'a ctx of a ctx'
    const ctx = {}
    await store.set(id, START)
    await store.get(id, undefined, { ctx })
    await store.destroy(id)
    await store.set(id, START, undefined, { ctx: Object.create(ctx) })
    assert.deepEqual(await store.get(id), START)
  })

  it('is of one store: in another it may have a session with the same id', async () => {
    const id = 'in two stores'
    const other = database.store({ collection: 'others' })
    const ctx = {}
    await store.set(id, START)
    await store.get(id, undefined, { ctx })
    await other.set(id, { ...START, mine: 2 }, undefined, { ctx })
    assert.deepEqual(await other.get(id, undefined, { ctx }), { ...START, mine: 2 })
    await store.destroy(id)
    await store.set(id, START, undefined, { ctx })
    assert.equal(await store.get(id), undefined)
  })
})

describe('a request whose write was dropped', () => {
  it('still knows what it had written before, if it did not wait for that', async () => {
    const id = 'dropped after a write'
    await store.set(id, { first: 1, second: 1 })
    const mine = { ctx: {} }
    await store.get(id, undefined, mine)
    await Promise.all([
      store.set(id, { first: 2, second: 1 }, undefined, mine),
      store.destroy(id),
      store.set(id, { first: 2, second: 2 }, undefined, mine),
    ])
    assert.equal(await store.get(id), undefined)
    // Somebody makes a session with this id: of that the request changes only what it now changes.
    await store.set(id, { first: 9, second: 9 })
    await store.set(id, { first: 2, second: 3 }, undefined, mine)
    assert.deepEqual(await store.get(id), { first: 9, second: 3 })
  })
})

describe('a request whose destroy failed', () => {
  const network = useNetwork()
  const START = { first: 1, second: 1 }

  /** A request that has read a session, and whose destroys of it fail. */
  async function read(id) {
    const [store, mine] = [network.store(), { ctx: {} }]
    await store.set(id, START)
    await store.get(id, undefined, mine)
    const refuse = faults.fail({ errorCode: UNAUTHORIZED })
    network.proxy.inject(refuse, { commands: ['delete'], times: Infinity })
    const destroy = () => assert.rejects(store.destroy(id, mine), { mongoCode: UNAUTHORIZED })
    return { store, mine, destroy, set: (session) => store.set(id, session, undefined, mine) }
  }

  it('still knows what it is writing, if it did not wait for that', async () => {
    const id = 'not destroyed'
    const { store, destroy, set } = await read(id)
    await Promise.all([set({ ...START, first: 2 }), destroy()])
    await set(START)
    assert.deepEqual(await store.get(id), START)
  })

  it('leaves alone what others changed after it had written that itself', async () => {
    const id = 'not destroyed, and changed'
    const { store, destroy, set } = await read(id)
    await Promise.all([set({ ...START, first: 2 }), destroy()])
    await store.set(id, { ...START, first: 3 })
    await set({ first: 2, second: 2 })
    assert.deepEqual(await store.get(id), { first: 3, second: 2 })
  })

  it('makes no session of one that ended meanwhile, however often it tried', async () => {
    const id = 'not destroyed twice'
    const { store, destroy, set } = await read(id)
    await Promise.all([destroy(), destroy()])
    await network.collection.deleteOne({ _id: id })
    await set({ ...START, first: 2 })
    assert.equal(await store.get(id), undefined)
  })
})

describe('a request whose write was too large', () => {
  it('leaves alone what others wrote in its place', async () => {
    const id = 'too large'
    await store.set(id, START)
    const mine = { ctx: {} }
    const session = await store.get(id, undefined, mine)
    const tooLarge = store.set(id, { ...session, cart: TOO_LARGE }, undefined, mine)
    await assert.rejects(tooLarge, { code: 'ERR_SESSION_TOO_LARGE' })
    await store.set(id, { ...START, cart: 'of another' })
    await store.set(id, { ...session, mine: 2 }, undefined, mine)
    assert.deepEqual(await store.get(id), { ...START, mine: 2, cart: 'of another' })
  })
})

describe('a write that changes thousands of keys', { timeout: 60_000 }, () => {
  it('leaves alone what others changed meanwhile', async () => {
    const many = (value) =>
      Object.fromEntries(Array.from({ length: 2000 }, (_, number) => [`key${number}`, value]))
    await store.set('many keys', { ...many(1), others: 1 })
    const [mine, other] = [{ ctx: {} }, { ctx: {} }]
    const session = await store.get('many keys', undefined, mine)
    const same = await store.get('many keys', undefined, other)
    await store.set('many keys', { ...same, others: 2 }, undefined, other)
    await store.set('many keys', { ...session, ...many(2) }, undefined, mine)
    assert.deepEqual(await store.get('many keys'), { ...many(2), others: 2 })
  })
})
