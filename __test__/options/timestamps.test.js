'use strict'

// timestamps: a session keeps when it was made, whatever is written to it later.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { Mongoose } = require('mongoose')
const { useDatabase } = require('../support/database')
const { failure } = require('../support/outcome')

const database = useDatabase()

/** Lets a moment pass, as MongoDB counts time. */
async function moment() {
  const start = Date.now()
  while (Date.now() === start) await new Promise(setImmediate)
}

describe('timestamps', { timeout: 60_000 }, () => {
  it('keep when a session was made, through every kind of write', async () => {
    const store = database.store({ timestamps: true })
    const id = 'dated'
    const before = new Date()
    await store.set(id, { a: 1 })
    const { createdAt, updatedAt } = await database.document(id)
    assert.ok(createdAt instanceof Date && createdAt >= before && createdAt <= new Date())
    assert.deepEqual(createdAt, updatedAt)
    const request = { ctx: {} }
    const writes = {
      whole: () => store.set(id, { a: 2 }),
      difference: async () => {
        const session = await store.get(id, undefined, request)
        await store.set(id, { ...session, a: 3 }, undefined, request)
      },
      touch: async () => {
        const session = await store.get(id, undefined, request)
        await store.set(id, { ...session, _expire: 5, _maxAge: 5 }, 60_000, request)
      },
      swap: async () => {
        const session = await store.get(id, undefined, request)
        await store.set(id, { ...session, 'a.b': 1 }, undefined, request)
      },
    }
    for (const [name, write] of Object.entries(writes)) {
      await moment()
      await write()
      const now = await database.document(id)
      assert.deepEqual(now.createdAt, createdAt, name)
      assert.ok(now.updatedAt > createdAt, name)
    }
  })

  it('begin anew with a session that is made anew', async () => {
    const store = database.store({ timestamps: true })
    await store.set('again', { a: 1 })
    const { createdAt } = await database.document('again')
    await store.destroy('again')
    await moment()
    await store.set('again', { a: 1 })
    assert.ok((await database.document('again')).createdAt > createdAt)
  })

  it('are not added to a session that is there already', async () => {
    await database.store().set('older', { a: 1 })
    assert.equal((await database.document('older')).createdAt, undefined)
    const store = database.store({ timestamps: true })
    const events = []
    for (const event of ['create', 'update']) store.on(event, () => events.push(event))
    await store.set('older', { a: 2 })
    assert.deepEqual(Object.keys(await database.document('older')).includes('createdAt'), false)
    assert.deepEqual(events, ['update'])
  })

  it('count in the size that a session may have', async () => {
    const id = 'id'
    const around = 59 + id.length
    const largest = (16 << 20) - around - 19
    // { text: <string> }: length, type, key, length of the string, its NUL, the end.
    const session = (size) => ({ text: 'x'.repeat(size - 4 - 1 - 5 - 4 - 1 - 1) })
    const store = database.store({ timestamps: true })
    await store.set(id, session(largest))
    const { size } = await database
      .collection()
      .aggregate([{ $match: { _id: id } }, { $project: { size: { $bsonSize: '$$ROOT' } } }])
      .next()
      .catch(() => ({ size: 16 << 20 })) // a server without $bsonSize
    assert.equal(size, 16 << 20)
    const error = await failure(store.set(id, session(largest + 1)))
    assert.equal(error.code, 'ERR_SESSION_TOO_LARGE')
  })

  it('show in the Mongoose model', async (t) => {
    const mongoose = new Mongoose()
    t.after(() => mongoose.disconnect())
    const store = database.store({ connection: mongoose, timestamps: true })
    await mongoose.connect(database.uri, { dbName: database.name })
    await store.set('modelled', { a: 1 })
    const found = await store.session.findById('modelled')
    assert.ok(found.createdAt instanceof Date)
  })
})
