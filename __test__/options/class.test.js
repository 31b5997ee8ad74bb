'use strict'

// The class itself: made with `new`, by create, by inheritance, and not by a call.

const assert = require('node:assert/strict')
const { EventEmitter } = require('node:events')
const { describe, it } = require('node:test')
const SessionStore = require('../..')

const options = { connection: 'mongodb://127.0.0.1:1' }

async function assertRejects(promise, code, message) {
  await assert.rejects(promise, { name: 'SessionStoreError', code, message })
}

describe('SessionStore', () => {
  it('called without `new` says what to do', () => {
    const called = {
      name: 'SessionStoreError',
      code: 'ERR_OPTIONS',
      message: /new SessionStore\(options\)/,
    }
    assert.throws(() => SessionStore(options), called)
    assert.throws(() => SessionStore.SessionStore(options), called)
    assert.throws(() => Reflect.apply(SessionStore, {}, []), called)
  })

  it('is one class, however it is got', async () => {
    const imported = await import('../../index.mjs')
    assert.equal(imported.default, SessionStore)
    assert.equal(imported.SessionStore, SessionStore)
    assert.equal(SessionStore.SessionStore, SessionStore)
    assert.equal(SessionStore.prototype.constructor, SessionStore)
    assert.equal(SessionStore.name, 'SessionStore')
    for (const store of [new SessionStore(options), SessionStore.create(options)]) {
      assert.ok(store instanceof SessionStore)
      assert.ok(store instanceof EventEmitter)
      assert.equal(store.constructor, SessionStore)
      await store.close()
    }
  })

  it('has calls that reject, not throw, where they are made on something else', async () => {
    const store = new SessionStore(options)
    const others = [undefined, null, 'store', {}, Object.create(store), new Proxy(store, {})]
    const calls = [
      'get',
      'set',
      'destroy',
      'touch',
      'length',
      'destroyMany',
      'clear',
      'adopt',
      'close',
    ]
    const expected = [/^ERR_OPTIONS$/, /not made on a SessionStore/]
    for (const other of others) {
      for (const call of [
        ...calls.map((name) => () => store[name].call(other, 'id', {})),
        () => store.all.call(other).toArray(),
        () => store.ids.call(other).toArray(),
        () => store.watch.call(other).next(),
      ]) {
        await assertRejects(call(), ...expected)
      }
    }
    await store.close()
  })

  it('can be extended', async () => {
    class Own extends SessionStore {
      more() {
        return this.session
      }
    }
    const store = new Own(options)
    assert.ok(store instanceof Own)
    assert.ok(store instanceof SessionStore)
    assert.equal(store.more(), undefined)
    await store.close()
  })
})
