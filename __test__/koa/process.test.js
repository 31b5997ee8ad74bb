'use strict'

// A store and the process it is in: it holds the process for as long as somebody waits for it.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { useDatabase } = require('../support/database')
const { runInProcess } = require('../support/process')

const database = useDatabase()

/** Runs `body`; its process has to end by itself, in good order. Resolves to what it printed. */
async function assertEnds(body, options = database.options) {
  const { code, stdout, stderr } = await runInProcess(body, options)
  assert.equal(code, 0, stderr)
  assert.equal(stderr, '')
  return stdout.trim()
}

describe('a process', { timeout: 120_000 }, () => {
  it('ends with an idle store that was used and not closed', async () => {
    const printed = await assertEnds(async ({ SessionStore, options }) => {
      const store = new SessionStore(options)
      await store.set('idle', { a: 1 })
      console.log((await store.get('idle')).a)
    })
    assert.equal(printed, '1')
  })

  it('ends with a store that was never used', async () => {
    await assertEnds(({ SessionStore, options }) => new SessionStore(options))
  })

  it('ends with a store that was closed', async () => {
    const printed = await assertEnds(async ({ SessionStore, options }) => {
      const store = new SessionStore(options)
      await store.set('closed', { a: 1 })
      await store.close()
      console.log('closed')
    })
    assert.equal(printed, 'closed')
  })

  it('stays for operations under way', async () => {
    const printed = await assertEnds(({ SessionStore, options }) => {
      const store = new SessionStore(options)
      for (let number = 0; number < 20; number++) store.set(`late ${number}`, { number })
      store.get('late 19').then(({ number }) => console.log(number))
    })
    assert.equal(printed, '19')
    assert.equal(await database.collection().countDocuments({ _id: /^late / }), 20)
  })

  it('stays for them, too, where the timers were faked when the first store was made', async () => {
    const printed = await assertEnds(({ SessionStore, options }) => {
      const { setInterval } = globalThis
      const faked = { ref: () => faked, unref: () => faked }
      globalThis.setInterval = /** @type {any} */ (() => faked)
      const store = new SessionStore(options)
      globalThis.setInterval = setInterval
      store.get('none').then((session) => console.log(session))
    })
    assert.equal(printed, 'undefined')
  })

  it('stays for operations that wait for a MongoDB that is not there', async () => {
    const options = {
      connection: 'mongodb://127.0.0.1:1',
      serverSelectionTimeoutMS: 300,
    }
    const printed = await assertEnds(({ SessionStore, options }) => {
      const store = new SessionStore(options)
      store.on('warning', () => {}) // it says that MongoDB is lost
      store.get('any').catch(({ code }) => console.log(code))
    }, options)
    assert.equal(printed, 'ERR_UNAVAILABLE')
  })

  it('has those who listen to a store for as long as somebody waits for it', async () => {
    const options = {
      connection: 'mongodb://127.0.0.1:1',
      serverSelectionTimeoutMS: 300,
    }
    const printed = await assertEnds(({ SessionStore, options }) => {
      require('node:v8').setFlagsFromString('--expose-gc')
      const collect = require('node:vm').runInNewContext('gc')
      const store = new SessionStore(options)
      store.on('warning', ({ code }) => console.log(code))
      store.get('any').catch(({ code }) => console.log(code))
      // Nobody holds the store any more.
      setImmediate(() => setImmediate(collect))
    }, options)
    assert.equal(printed, 'ERR_UNAVAILABLE\nERR_UNAVAILABLE')
  })

  it('stays until close() has finished what was accepted', async () => {
    const printed = await assertEnds(({ SessionStore, options }) => {
      const store = new SessionStore(options)
      store.set('finished', { a: 1 })
      store.close().then(() => console.log('closed'))
    })
    assert.equal(printed, 'closed')
    assert.equal((await database.document('finished')).data.a, 1)
  })
})
