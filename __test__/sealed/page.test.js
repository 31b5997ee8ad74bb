'use strict'

// The snippets of docs/encryption.md do what the text around them says.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const vm = require('node:vm')
const { useDatabase } = require('../support/database')
const { readPage, take } = require('../support/pages')
const { fingerprint } = require('../support/sealed-format')

const OLD = 'an old encryption key of more than thirty-two bytes'
const NEW = 'a new encryption key of more than thirty-two bytes'
const MAX_AGE = 60_000

const page = readPage('docs/encryption.md')
const database = useDatabase()

describe('docs/encryption.md', { timeout: 60_000 }, () => {
  it('finds out under which keys values are, and which are plain', async () => {
    const session = { a: 1, b: 2, _expire: 1 }
    await database.store({ encryption: undefined }).set('plain', session, MAX_AGE)
    await database.store({ encryption: { keys: [OLD] } }).set('old', session, MAX_AGE)
    await database.store({ encryption: { keys: [NEW, OLD] } }).set('new', { a: 1 }, MAX_AGE)
    const sessions = await database.collection().find().toArray()
    // As in mongosh, where a cursor can be iterated at once.
    const db = { sessions: { find: () => sessions } }
    let printed
    const print = (used) => {
      printed = used
    }
    vm.runInNewContext(take(page, 'const used = {}'), { db, print, Buffer })
    const of = (key) => fingerprint(key).toString('hex')
    assert.deepEqual({ ...printed }, { plain: 2, [of(OLD)]: 2, [of(NEW)]: 1 })
  })

  it('takes sessions over to a store without encryption', async () => {
    const encryption = { keys: [NEW] }
    const options = { ...database.options, collection: 'encrypted', encryption, expires: 7200 }
    const store = database.store(options)
    for (const id of ['a', 'b']) await store.set(id, { id })
    // As other stores wrote it.
    await database.collection('encrypted').insertOne({ _id: 'c', data: { id: 'c' } })
    // As it is when a part of its life is over.
    const $set = { expiresAt: new Date(Date.now() + MAX_AGE) }
    await database.collection('encrypted').updateOne({ _id: 'a' }, { $set })
    let plain
    class SessionStore {
      constructor(given) {
        plain = database.store(given)
        // biome-ignore lint/correctness/noConstructorReturn: closed at the end.
        return plain
      }
    }
    const code = take(page, 'of store.all()')
    const given = { store, options, SessionStore, Date, Number }
    await vm.runInNewContext(`(async () => { ${code} })()`, given)
    for (const id of ['a', 'b', 'c']) assert.deepEqual(await plain.get(id), { id })
    const { expiresAt } = await database.collection('plain').findOne({ _id: 'a' })
    assert.ok(Math.abs(expiresAt - Date.now() - MAX_AGE) < 10_000)
  })
})
