'use strict'

// A session leaves its plain id while other processes use it: a proxy holds one of them back where another
// comes between.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { Gate } = require('../support/gate')
const { useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')
const { request } = require('../support/request')

const HASHED = { hashIds: { key: 'a key for ids of more than thirty-two bytes' } }
const MAX_AGE = 60_000

/** The steps of a move (src/batch/home.rs) by what their updates do. */
const isStep = {
  2: ({ u }) => u.$set?.moved !== undefined,
  3: ({ u }) => u.$set === undefined && u.$unset?.pending !== undefined,
}

describe('a session that leaves its plain id', { timeout: 60_000 }, () => {
  const network = useNetwork()

  /** Two stores that hash ids, as two processes have them, and a session under its plain id. */
  async function twoStores(id) {
    await network.store().set(id, { a: 1, b: 1 }, MAX_AGE)
    return [network.store(HASHED), network.store(HASHED)]
  }

  /** Holds back the next command of a move's step; resolves, when that is there, to what lets it pass. */
  async function held(step, write) {
    const gate = new Gate()
    network.proxy.inject(faults.holdCommand(gate), {
      commands: ['update'],
      when: ({ statements }) => statements.some(isStep[step]),
    })
    const written = write()
    await gate.reached
    return () => {
      gate.open()
      return written
    }
  }

  for (const [what, end] of Object.entries({
    destroy: (store, id) => store.destroy(id),
    destroyMany: (store) => store.destroyMany({ a: 1 }),
  })) {
    it(`is another when it is made again before the answer to a ${what}`, async () => {
      const id = `again ${what}`
      const [store, other] = await twoStores(id)
      const gate = new Gate()
      network.proxy.inject(faults.holdReply(gate), { commands: ['delete'] })
      const ended = end(store, id)
      await gate.reached
      assert.equal(await other.get(id), undefined)
      await other.set(id, { made: 'again' }, MAX_AGE)
      gate.open()
      await ended
      assert.deepEqual(await other.get(id), { made: 'again' })
    })
  }

  it('is destroyed where it went while the destroy was under way', async () => {
    const id = 'followed'
    const [store, other] = await twoStores(id)
    const gate = new Gate()
    network.proxy.inject(faults.holdCommand(gate), { commands: ['delete'] })
    const destroyed = store.destroy(id)
    await gate.reached
    await (await request(other, id, { a: 2 }))()
    gate.open()
    await destroyed
    assert.equal(await other.get(id), undefined)
    assert.equal(await network.collection.countDocuments({ 'data.b': 1 }), 0)
  })

  /**
   * As a server answers whose reads have no snapshot: it looks for the hash before the session is written
   * there, and for the plain id after it was deleted.
   */
  const findNothing = () =>
    network.proxy.inject(
      faults.rewrite(({ cursor, ...reply }) => ({
        ...reply,
        cursor: { ...cursor, firstBatch: [] },
      })),
      { commands: ['find'] },
    )

  it('is found where it was looked for too early here and too late there', async () => {
    const id = 'between'
    const [store, other] = await twoStores(id)
    const write = await request(store, id, { a: 2 })
    await other.set(id, { b: 2 }, MAX_AGE)
    findNothing()
    assert.deepEqual(await store.get(id), { b: 2 })
    findNothing()
    assert.equal(await store.touch(id, MAX_AGE), true)
    findNothing()
    await write()
    assert.deepEqual(await other.get(id), { a: 2, b: 2 })
  })

  it('keeps no get of another session waiting while it is looked for once more', async () => {
    const [store] = await twoStores('found')
    await store.get('any')
    const gate = new Gate()
    network.proxy.inject(faults.none, { commands: ['find'] })
    network.proxy.inject(faults.holdCommand(gate), { commands: ['find'] })
    const [found, other] = ['found', 'nobody'].map((id) => store.get(id))
    await gate.reached
    assert.deepEqual(await found, { a: 1, b: 1 })
    gate.open()
    assert.equal(await other, undefined)
  })

  it('is written once by a request whose move somebody else has ended', async () => {
    const id = 'once'
    const [store, other] = await twoStores(id)
    const goOn = await held(3, await request(store, id, { a: 2 }))
    const read = await other.get(id)
    assert.deepEqual(read, { a: 2, b: 1 })
    await (await request(other, id, { a: 3 }))()
    await goOn()
    assert.deepEqual(await other.get(id), { a: 3, b: 1 })
  })

  it('never has the content of an attempt whose place was taken', async () => {
    const id = 'taken'
    const [store, other] = await twoStores(id)
    const [first, second] = [await request(store, id, { a: 2 }), await request(other, id, { b: 2 })]
    const firstGoesOn = await held(2, first)
    const secondGoesOn = await held(2, second)
    await firstGoesOn()
    assert.deepEqual(await network.store(HASHED).get(id), { a: 2, b: 1 })
    await secondGoesOn()
    assert.deepEqual(await other.get(id), { a: 2, b: 2 })
  })
})
