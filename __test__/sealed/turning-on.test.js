'use strict'

// `encryption` turned on for a collection in use: sessions that are there are read, and encrypted by
// their next write.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { useDatabase } = require('../support/database')
const { request } = require('../support/request')
const { isSealed } = require('../support/sealed-format')

const KEYS = ['an encryption key of more than thirty-two bytes']
const MAX_AGE = 60_000

let plain
let store
let other
const database = useDatabase({
  setUp: () => {
    plain = database.store({ encryption: undefined })
    store = database.store({ encryption: { keys: KEYS } })
    other = database.store({ encryption: { keys: KEYS } })
  },
})

const stored = async (id) => (await database.collection().findOne({ _id: id })).data

/** Whether all is encrypted but what is koa-session's. */
const isEncrypted = (data) =>
  Object.entries(data).every(([key, value]) => isSealed(value) !== key.startsWith('_'))

const SESSION = { a: 1, b: { c: [1] }, 'd.e': null, _expire: 1, _maxAge: 2 }

describe('a session from before encryption', { timeout: 60_000 }, () => {
  const writes = {
    'a change of one key': { a: 2 },
    'a touch': { _expire: 2 },
    'a key that a path cannot name': { 'x.y': 1 },
  }

  for (const [what, changes] of Object.entries(writes)) {
    it(`is read as it is, and encrypted whole by ${what}`, async () => {
      await plain.set(what, SESSION, MAX_AGE)
      assert.deepEqual(await store.get(what), SESSION)
      assert.deepEqual(await stored(what), SESSION)
      const events = []
      const listen = (id) => events.push(id)
      store.on('touch', listen)
      await (await request(store, what, changes))()
      assert.ok(isEncrypted(await stored(what)))
      assert.deepEqual(await store.get(what), { ...SESSION, ...changes })
      await new Promise(setImmediate)
      store.off('touch', listen)
      assert.deepEqual(events, what === 'a touch' ? [what] : [])
    })
  }

  it('keeps the changes of all requests that encrypt it at the same time', async () => {
    for (let round = 0; round < 20; round++) {
      const id = `together ${round}`
      await plain.set(id, { start: 1 }, MAX_AGE)
      const writes = await Promise.all(
        [store, other, store, other].map((from, number) => request(from, id, { [number]: number })),
      )
      await Promise.all(writes.map((write) => write()))
      assert.deepEqual(await store.get(id), { 0: 0, 1: 1, 2: 2, 3: 3, start: 1 })
      assert.ok(isEncrypted(await stored(id)))
    }
  })

  it('stays signed out, whoever encrypts it then', async () => {
    await plain.set('gone', { a: 1 }, MAX_AGE)
    const write = await request(store, 'gone', { a: 2 })
    const dropped = new Promise((resolve) => store.once('dropped', resolve))
    await other.destroy('gone')
    await write()
    assert.equal(await dropped, 'gone')
    assert.equal(await database.collection().findOne({ _id: 'gone' }), null)
  })

  it('changes by a swap that writes nothing over what came between', async () => {
    await plain.set('between', { a: 1, b: 1 }, MAX_AGE)
    const write = await request(store, 'between', { a: 2 })
    await plain.set('between', { a: 1, b: 9, c: 9 }, MAX_AGE)
    await write()
    assert.deepEqual(await store.get('between'), { a: 2, b: 9, c: 9 })
  })

  it('may have values that other writers left plain among the others', async () => {
    await store.set('mixed', { a: 1, b: 1 }, MAX_AGE)
    await database.collection().updateOne({ _id: 'mixed' }, { $set: { 'data.b': 2 } })
    assert.deepEqual(await store.get('mixed'), { a: 1, b: 2 })
    await (await request(store, 'mixed', { a: 3 }))()
    assert.deepEqual(await store.get('mixed'), { a: 3, b: 2 })
    assert.ok(isEncrypted(await stored('mixed')))
  })
})

describe('a store without encryption', { timeout: 60_000 }, () => {
  it('does not take what is encrypted for values', async () => {
    await store.set('encrypted', SESSION, MAX_AGE)
    await assert.rejects(plain.get('encrypted'), { code: 'ERR_DECRYPT', message: /`encryption`/ })
    const [{ error }] = await plain
      .all()
      .toArray()
      .then((all) => all.filter(({ id }) => id === 'encrypted'))
    assert.equal(error.code, 'ERR_DECRYPT')
  })
})
