'use strict'

// How a store listens to Mongoose: it is not one of many listeners, and leaves none behind.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { describe, it } = require('node:test')
const { setImmediate: turn } = require('node:timers/promises')
const { setFlagsFromString } = require('node:v8')
const { runInNewContext } = require('node:vm')
const { Mongoose } = require('mongoose')
const { SessionStore } = require('../..')
const { useDatabase } = require('../support/database')

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

const database = useDatabase()

function countListeners(connection) {
  return connection.eventNames().reduce((sum, name) => sum + connection.listenerCount(name), 0)
}

const name = (number) => `Session${number}`

describe('stores on one Mongoose', { timeout: 60_000 }, () => {
  for (const [what, connectionOf] of Object.entries({
    'the module': (mongoose) => mongoose,
    'its connection': (mongoose) => mongoose.connection,
  })) {
    it(`bring no warning, however many there are before it is connected: ${what}`, async () => {
      const mongoose = new Mongoose()
      const warnings = []
      const listener = (warning) => warnings.push(warning)
      process.on('warning', listener)
      const before = countListeners(mongoose.connection)
      const stores = Array.from(
        { length: 30 },
        (_, number) =>
          new SessionStore({
            connection: connectionOf(mongoose),
            name: name(number),
            db: database.name,
          }),
      )
      const sets = stores.map((store, number) => store.set(String(number), { number }))
      await mongoose.connect(database.uri, { dbName: database.name })
      await Promise.all(sets)
      await turn()
      process.off('warning', listener)
      assert.deepEqual(warnings, [])
      await Promise.all(stores.slice(1).map((store) => store.close()))
      assert.ok(countListeners(mongoose.connection) > before)
      await stores[0].close()
      assert.equal(countListeners(mongoose.connection), before)
      await mongoose.disconnect()
    })
  }

  it('leave no listener when they are closed before it is connected', async () => {
    const mongoose = new Mongoose()
    const before = countListeners(mongoose.connection)
    for (let number = 0; number < 3; number++) {
      const store = new SessionStore({ connection: mongoose, serverSelectionTimeoutMS: 50 })
      const failed = number > 0 && assert.rejects(store.get('id'), { code: 'ERR_UNAVAILABLE' })
      await Promise.all([store.close(), failed])
      assert.equal(countListeners(mongoose.connection), before)
    }
  })

  it('leave none when nobody holds them any more', async () => {
    const mongoose = new Mongoose()
    const before = countListeners(mongoose.connection)
    const make = () => {
      for (let number = 0; number < 5; number++) {
        new SessionStore({ connection: mongoose, name: name(number) })
      }
    }
    make()
    assert.ok(countListeners(mongoose.connection) > before)
    while (countListeners(mongoose.connection) > before) {
      collectGarbage()
      await turn()
    }
  })

  it('that nobody holds any more still do what was called', async () => {
    const mongoose = new Mongoose()
    const set = (() => new SessionStore({ connection: mongoose }).set('held', { a: 1 }))()
    collectGarbage()
    await turn()
    collectGarbage()
    await mongoose.connect(database.uri, { dbName: database.name })
    assert.deepEqual(await set, { a: 1 })
    assert.deepEqual((await database.document('held')).data, { a: 1 })
    await mongoose.disconnect()
  })

  it('make one listener for all, also with the listeners of others', async () => {
    const mongoose = new Mongoose()
    const connected = once(mongoose.connection, 'connected')
    const stores = [0, 1].map(
      (number) => new SessionStore({ connection: mongoose, name: name(number) }),
    )
    assert.equal(mongoose.connection.listenerCount('connected'), 2)
    await mongoose.connect(database.uri, { dbName: database.name })
    await connected
    await Promise.all(stores.map((store) => store.close()))
    assert.equal(mongoose.connection.listenerCount('connected'), 0)
    await mongoose.disconnect()
  })
})
