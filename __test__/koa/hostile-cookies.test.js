'use strict'

// A cookie that is not signed may hold anything: what can be the id of no session is the id of none,
// and the visitor gets a session of their own.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { Visitor, combinations, startApp } = require('../support/app')
const { useDatabase } = require('../support/database')

const REFUSED = { name: 'SessionStoreError', code: 'ERR_SESSION_ID' }

const IMPOSSIBLE = {
  'is empty': '',
  'is too long': 'x'.repeat(1025),
  'is too long in bytes': 'é'.repeat(513),
  'is as long as a string can be sent': 'x'.repeat(2_000_000),
  'begins with half a character': '\ud83d hostile id',
  'ends in half a character': 'hostile id \udd11',
}

const NO_STRING = [undefined, null, 5, true, {}, ['hostile id'], Object('hostile id'), Symbol('id')]

/** What an HTTP header can carry. */
const COOKIES = {
  '2,000 characters': 'x'.repeat(2000),
  '7,000 characters': 'x'.repeat(7000),
  '1,000 characters that are two bytes each': 'é'.repeat(1000),
  'an operator': '{"$ne":null}',
  'the name of a property': '__proto__',
  'half a surrogate pair, percent-encoded': '%ED%A0%BD',
  'a NUL, percent-encoded': '%00',
}

describe('an id that no session can have', { timeout: 60_000 }, () => {
  let store
  useDatabase({
    setUp: (database) => {
      store = database.store()
    },
  })

  for (const [what, id] of Object.entries(IMPOSSIBLE)) {
    it(`because it ${what} is unknown to get and destroy, and refused by set`, async () => {
      const told = []
      const listener = (of) => told.push(of)
      store.on('destroy', listener)
      assert.equal(await store.get(id), undefined)
      assert.equal(await store.get(id, 'session', { ctx: {} }), undefined)
      assert.equal(await store.destroy(id), undefined)
      await assert.rejects(store.set(id, { a: 1 }), REFUSED)
      await store.destroy('possible')
      await new Promise(setImmediate)
      store.off('destroy', listener)
      assert.deepEqual(told, ['possible'])
    })
  }

  it('because it is no string is refused by all', async () => {
    for (const id of NO_STRING) {
      await assert.rejects(store.get(id), REFUSED)
      await assert.rejects(store.set(id, { a: 1 }), REFUSED)
      await assert.rejects(store.destroy(id), REFUSED)
    }
  })

  it('is the same beside those that are just possible', async () => {
    for (const id of ['x'.repeat(1024), 'é'.repeat(512), '\ud83d\udd11', '\0', ' ']) {
      await store.set(id, { a: 1 })
      assert.deepEqual(await store.get(id), { a: 1 })
      await store.destroy(id)
      assert.equal(await store.get(id), undefined)
    }
  })
})

describe('a hostile cookie', { timeout: 60_000 }, () => {
  let store
  const database = useDatabase({
    setUp: () => {
      store = database.store()
    },
  })

  for (const version of combinations) {
    for (const [what, value] of Object.entries(COOKIES)) {
      it(`of ${what} gives a session of its own: ${version.name}`, async (t) => {
        const visitor = new Visitor(await startApp(t, version, { store, signed: false }))
        const hostile = Buffer.from(value).toString('latin1')
        const forge = () => {
          visitor.id = hostile
        }
        forge()
        assert.deepEqual(await visitor.read(), {})
        forge()
        await visitor.visit((ctx) => {
          ctx.session = null
        })
        forge()
        await visitor.change({ count: 1 })
        assert.notEqual(visitor.id, hostile)
        assert.deepEqual(await visitor.read(), { count: 1 })
        assert.deepEqual((await database.document(visitor.id)).data.count, 1)
      })
    }
  }
})
