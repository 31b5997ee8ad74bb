'use strict'

// Collections that the real connect-mongo wrote, today's and an old one, in each of its ways to store a
// session.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { Long, ObjectId, UUID } = require('mongodb')
const { NOTHING_LEFT } = require('../support/adopted')
const { Visitor, startApp, versionsWithCtx } = require('../support/app')
const {
  SECRET,
  VERSIONS,
  connectMongo,
  expressSessionOf,
  startExpress,
} = require('../support/connect-mongo')
const { useDatabase } = require('../support/database')
const { runInShell } = require('../support/mongosh')
const { readPage, take } = require('../support/pages')

const database = useDatabase()
let number = 0

const HOUR = 3_600_000

/** A collection that connect-mongo has filled, and a store over it. */
async function filled(t, version, sessions, options) {
  const collection = `sessions${number++}`
  const { uri, name: db } = database
  const theirs = await connectMongo(version, { uri, db, collection, ...options })
  t.after(() => theirs.close())
  for (const [id, session] of Object.entries(sessions)) await theirs.set(id, session)
  const before = await database.documents(collection)
  const store = database.store({ collection })
  return { collection, theirs, before, store }
}

const content = () => ({
  text: 'é🔑 and half a character: \ud83d',
  numbers: [0, -1, 2.5, 2 ** 40, 1e300],
  nested: { empty: {}, list: [], nothing: null, yes: true },
  'a.b': { $where: 1, '': 2 },
  passport: { user: 42 },
})

/** What BSON makes of half a character. */
const stored = () => ({ ...content(), text: 'é🔑 and half a character: \ufffd' })

for (const version of Object.keys(VERSIONS)) {
  describe(version, { timeout: 120_000 }, () => {
    for (const stringify of [true, false]) {
      for (const touchAfter of [0, 3600]) {
        it(`wrote sessions that adopt() takes over (stringify: ${stringify}, touchAfter: ${touchAfter})`, async (t) => {
          const sessions = {
            'with maxAge': expressSessionOf(content()),
            'until the browser closes': expressSessionOf(content(), { maxAge: null }),
          }
          const options = { stringify, touchAfter }
          const { before, collection, store } = await filled(t, version, sessions, options)
          assert.equal(typeof before['with maxAge'].session, stringify ? 'string' : 'object')
          const begin = Date.now()
          const did = await store.adopt()
          assert.deepEqual(did, {
            ...{ looked: 2, adopted: 2, left: NOTHING_LEFT },
            ...{ dropped: ['expires_1'], kept: [] },
          })
          for (const id of Object.keys(sessions)) {
            const { data, updatedAt, expiresAt, ...rest } = await database.document(id, collection)
            assert.deepEqual(rest, { _id: id })
            assert.deepEqual(data, stored())
            assert.deepEqual(expiresAt, before[id].expires)
            if (touchAfter) assert.deepEqual(updatedAt, before[id].lastModified)
            else assert.ok(updatedAt.getTime() >= begin && updatedAt.getTime() <= Date.now())
            assert.deepEqual(await store.get(id), stored())
          }
          assert.deepEqual(await database.indexNames(collection), ['expiresAt_1'])
        })
      }
    }

    it('wrote sessions that it had encrypted: they are counted, and stay as they are', async (t) => {
      const crypto = { secret: 'a secret of 32 characters, or more: A1!' }
      const session = expressSessionOf(content())
      const { before, collection, store, theirs } = await filled(
        t,
        version,
        { id: session },
        { crypto },
      )
      const did = await store.adopt()
      assert.deepEqual(did, {
        ...{ looked: 1, adopted: 0, left: { ...NOTHING_LEFT, unreadable: 1 } },
        ...{ dropped: [], kept: ['expires_1'] },
      })
      assert.deepEqual(await database.documents(collection), before)
      assert.equal(await store.get('id'), undefined)
      assert.deepEqual((await theirs.get('id')).nested, content().nested)
    })

    it('wrote sessions that have ended: they do not come back', async (t) => {
      const ended = expressSessionOf({ a: 1 }, { maxAge: 1 })
      const { before, collection, store } = await filled(t, version, { ended })
      while (Date.now() <= before.ended.expires.getTime());
      await store.adopt()
      assert.equal(await store.get('ended'), undefined)
      const document = await database.document('ended', collection)
      // MongoDB may have removed it by now.
      if (document) assert.deepEqual(document.expiresAt, before.ended.expires)
    })

    it('goes on with sessions that were adopted where a request ends later: the later write is kept', async (t) => {
      const { collection, store, theirs } = await filled(t, version, {
        changed: expressSessionOf({ a: 1 }),
        touched: expressSessionOf({ a: 1 }),
      })
      await store.adopt()
      await theirs.set('changed', expressSessionOf({ a: 2 }))
      const later = new Date(Date.now() + 2 * HOUR)
      const touch = { $set: { expires: later } } // as its touch() does
      await database.collection(collection).updateOne({ _id: 'touched' }, touch)
      const { adopted, left } = await store.adopt()
      assert.deepEqual({ adopted, left }, { adopted: 2, left: NOTHING_LEFT })
      assert.deepEqual(await store.get('changed'), { a: 2 })
      const { data, expiresAt, expires } = await database.document('touched', collection)
      assert.deepEqual(
        { data, expiresAt, expires },
        { data: { a: 1 }, expiresAt: later, expires: undefined },
      )
    })

    it('has users who stay signed in when the application moves to Koa', async (t) => {
      const collection = `sessions${number++}`
      const { uri, name: db } = database
      const theirs = await connectMongo(version, { uri, db, collection })
      t.after(() => theirs.close())
      const express = await startExpress(t, theirs.store, (session, { user }) => {
        if (user) session.passport = { user }
        return session.passport
      })
      const visitor = new Visitor()
      await visitor.fetch(`${express}/?user=42`)
      assert.ok(visitor.cookies.has('connect.sid'))
      const store = database.store({ collection })
      await store.adopt()
      const externalKey = externalKeyOfExpress()
      visitor.app = await startApp(t, versionsWithCtx.at(-1), { store, externalKey })
      assert.deepEqual((await visitor.read()).passport, { user: '42' })
      await visitor.change({ views: 1 })
      const { _expire, _maxAge, ...session } = await visitor.read()
      assert.deepEqual(session, { passport: { user: '42' }, views: 1 })
      assert.equal(await database.collection(collection).countDocuments(), 1)
      // Nobody takes over a session by its id alone.
      visitor.cookies.set('connect.sid', visitor.cookies.get('connect.sid').replace(/\..*/, '.x'))
      assert.equal((await visitor.read()).passport, undefined)
      // Nor does a cookie that cannot be decoded disturb anybody.
      visitor.cookies.set('connect.sid', '%')
      assert.equal((await visitor.read()).passport, undefined)
      // And back.
      await runInShell(
        take(readPage('docs/migration/connect-mongo.md'), 'JSON.stringify({ cookie'),
        database,
        collection,
      )
      const [back] = await database.collection(collection).find({ session: /42/ }).toArray()
      const returned = await theirs.get(back._id)
      assert.deepEqual([returned.passport, returned.views], [{ user: '42' }, 1])
      assert.deepEqual(Object.keys(back).sort(), ['_id', 'expires', 'session'])
    })
  })
}

describe('the cookie of express-session', () => {
  it('is read and written whatever characters the id has', () => {
    const externalKey = externalKeyOfExpress()
    const cookies = new Map()
    const ctx = {
      cookies: {
        get: (name) => cookies.get(name),
        set: (name, value) => cookies.set(name, value),
      },
    }
    assert.equal(externalKey.get(ctx), undefined)
    for (const id of ['abc', 'with.dots.', 'ä/ +=']) {
      externalKey.set(ctx, id)
      assert.equal(externalKey.get(ctx), id)
    }
  })
})

describe('connect-mongo 6', { timeout: 60_000 }, () => {
  it('wrote timestamps: they stay', async (t) => {
    const session = expressSessionOf({ a: 1 })
    const { before, collection, store } = await filled(
      t,
      'connect-mongo 6',
      { id: session },
      { timestamps: true },
    )
    await store.adopt()
    const { createdAt, updatedAt } = before.id
    const document = await database.document('id', collection)
    assert.deepEqual(document, {
      ...{ _id: 'id', createdAt, updatedAt },
      ...{ data: { a: 1 }, expiresAt: before.id.expires },
    })
  })

  it('wrote sessions in a way of the application’s own: those that are no JSON object are left', async (t) => {
    const serialize = (session) => (session.a === 1 ? 'a=1' : JSON.stringify(session))
    const sessions = { text: expressSessionOf({ a: 1 }), json: expressSessionOf({ a: 2 }) }
    const { store } = await filled(t, 'connect-mongo 6', sessions, { serialize })
    const { adopted, left } = await store.adopt()
    assert.deepEqual({ adopted, left }, { adopted: 1, left: { ...NOTHING_LEFT, unreadable: 1 } })
    assert.deepEqual(await store.get('json'), { a: 2 })
  })

  it('wrote sessions as JSON with white space around it: they are adopted', async (t) => {
    const serialize = (session) => `\n ${JSON.stringify(session, null, 2)}\n`
    const sessions = { pretty: expressSessionOf({ a: { b: [1] } }) }
    const { store } = await filled(t, 'connect-mongo 6', sessions, { serialize })
    assert.deepEqual((await store.adopt()).left, NOTHING_LEFT)
    assert.deepEqual(await store.get('pretty'), { a: { b: [1] } })
  })

  it('is not who wrote documents under ids of other types: they are left, and counted', async () => {
    const collection = `sessions${number++}`
    const store = database.store({ collection })
    const removal = [{ expires: 1 }, { expireAfterSeconds: 0 }]
    await database.collection(collection).createIndex(...removal)
    const ids = [new ObjectId(), 1, 1.5, Long.fromNumber(2 ** 40), new UUID(), { a: 1 }, new Date()]
    const expires = new Date(Date.now() + 3_600_000)
    await database.collection(collection).insertMany(ids.map((_id) => ({ _id, session: '{}' })))
    const others = { ...NOTHING_LEFT, other: ids.length }
    const { looked, left, dropped, kept } = await store.adopt()
    assert.deepEqual({ looked, left, kept }, { looked: ids.length, left: others, kept: [] })
    assert.deepEqual(dropped, ['expires_1'])
    // What connect-mongo's index is to end goes on to need it.
    await database.collection(collection).createIndex(...removal)
    await database.collection(collection).updateMany({}, { $set: { expires } })
    const again = await store.adopt()
    assert.deepEqual([again.adopted, again.left, again.kept], [0, others, ['expires_1']])
  })

  it('wrote what no session of this store can be: it is left, and counted', async (t) => {
    let deep = 1
    for (let depth = 0; depth < 102; depth++) deep = { deep }
    const sessions = {
      deep: expressSessionOf({ deep }),
      nul: expressSessionOf({ 'a\0b': 1 }),
      fine: expressSessionOf({ a: 1 }),
    }
    const { before, collection, store } = await filled(t, 'connect-mongo 6', sessions)
    let deeper = []
    for (let depth = 0; depth < 200; depth++) deeper = [deeper]
    const session = JSON.stringify({ deeper })
    await database.collection(collection).insertMany([
      { _id: 'deeper', session },
      { _id: 'no session', a: 1 },
    ])
    const { looked, adopted, left, kept } = await store.adopt()
    assert.deepEqual({ looked, adopted }, { looked: 5, adopted: 1 })
    assert.deepEqual(left, { ...NOTHING_LEFT, unfit: 3, other: 1 })
    assert.deepEqual(kept, ['expires_1'])
    const { deep: left1, nul: left2 } = await database.documents(collection)
    assert.deepEqual([left1, left2], [before.deep, before.nul])
  })
})

/** What docs/migration/connect-mongo.md says for express-session's cookie. */
function externalKeyOfExpress() {
  const CONFIG = { maxAge: HOUR }
  const code = take(readPage('docs/migration/connect-mongo.md'), 'CONFIG.externalKey')
  assert.ok(code.includes(`SECRET = '${SECRET}'`))
  new Function('require', 'CONFIG', code)(require, CONFIG)
  return CONFIG.externalKey
}
