'use strict'

// What docs/migration.md says of moving to this store, and back, with the other stores themselves.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { describe, it } = require('node:test')
const MongooseStore = require('koa-session-mongoose')
const { readPage, take } = require('../support/pages')
const { useSnippets } = require('../support/snippets')

const snippets = useSnippets()
const page = readPage('docs/migration.md')

describe('docs/migration.md says how to move', () => {
  const sessions = () => snippets.collection()
  const indexes = async () => (await sessions().indexes()).map(({ name }) => name)

  /** mongosh waits for every call by itself. */
  async function runInMongosh(code) {
    let done
    const dropIndex = (name) => {
      done = sessions().dropIndex(name)
    }
    await snippets.run(code, { db: { sessions: { dropIndex } } })
    await done
  }

  async function openMongooseStore() {
    const { mongoose } = snippets
    await mongoose.connect(snippets.uri)
    const store = new MongooseStore({ connection: mongoose, expires: 1000 })
    await mongoose.model('Session').init()
    return store
  }

  it('from koa-session-mongoose: their sessions go on, their index is dropped', async () => {
    const old = await openMongooseStore()
    await old.set('moved', { a: 1 }, 1000, { changed: true })
    const store = snippets.store()
    const [warning] = await once(store, 'warning')
    assert.equal(warning.code, 'ERR_OPTIONS')
    assert.match(warning.message, /updatedAt_1/)
    assert.deepEqual(await store.get('moved'), { a: 1 })
    await store.set('moved', { a: 2 })
    assert.ok((await sessions().findOne({ _id: 'moved' })).expiresAt instanceof Date)

    assert.ok((await indexes()).includes('updatedAt_1'))
    await runInMongosh(take(page, "db.sessions.dropIndex('updatedAt_1')"))
    assert.ok(!(await indexes()).includes('updatedAt_1'))

    const { mongoose } = snippets
    await mongoose.model('Session').createIndexes()
    assert.ok((await indexes()).includes('updatedAt_1'))
    await snippets.run(take(page, "mongoose.connection.collection('sessions')"), { mongoose })
    assert.ok(!(await indexes()).includes('updatedAt_1'))
  })

  it('back to koa-session-mongoose, with our index dropped', async () => {
    const store = snippets.store()
    await store.set('back', { a: 1 })
    const { expiresAt } = await sessions().findOne({ _id: 'back' })
    await store.close()

    const old = await openMongooseStore()
    assert.deepEqual(await old.get('back'), { a: 1 })
    await old.set('back', { a: 2 }, 1000, { changed: true })
    const stored = await sessions().findOne({ _id: 'back' })
    assert.deepEqual(stored.data, { a: 2 })
    assert.deepEqual(stored.expiresAt, expiresAt, 'which would end the session early')

    assert.ok((await indexes()).includes('expiresAt_1'))
    await runInMongosh(take(page, "db.sessions.dropIndex('expiresAt_1')"))
    assert.ok(!(await indexes()).includes('expiresAt_1'))
  })

  it('from the original: Mongoose named its collection after the model', () => {
    const { mongoose } = snippets
    // The original gives no name for the collection, as here.
    const model = mongoose.model('session', new mongoose.Schema({ _id: String }))
    assert.equal(model.collection.name, 'sessions')
  })
})
