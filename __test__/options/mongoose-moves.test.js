'use strict'

// A Mongoose connection that is opened again elsewhere takes its store along, as it takes its models.

const assert = require('node:assert/strict')
const { randomBytes } = require('node:crypto')
const { after, afterEach, before, beforeEach, describe, it } = require('node:test')
const { MongoClient } = require('mongodb')
const { SessionStore } = require('../..')
const { startServer } = require('../../scripts/servers/mongodb')
const { Gate } = require('../support/gate')
const { collectGarbage } = require('../support/memory')
const { GREETINGS, TcpProxy, faults } = require('../support/proxy')

const DB = 'moves'

const VERSIONS = ['mongoose-6', 'mongoose-7', 'mongoose-8', 'mongoose']

/** A server, a proxy before it, and what it has stored. */
class Place {
  async open() {
    this.server = await startServer()
    this.client = new MongoClient(this.server.uri)
    this.proxy = await TcpProxy.open(this.server.port)
    return this
  }

  async close() {
    await this.client.close()
    await this.proxy.close()
    await this.server.remove()
  }

  uri(db = DB, parameters = '') {
    return this.proxy.uri.replace('/?', `/${db}?`) + parameters
  }

  async stored(id, db = DB) {
    const found = await this.client.db(db).collection('sessions').findOne({ _id: id })
    return found?.data
  }
}

let here
let there

before(async () => {
  ;[here, there] = await Promise.all([new Place().open(), new Place().open()])
})

after(() => Promise.all([here.close(), there.close()]))

for (const version of VERSIONS) {
  describe(`a store on ${version}`, { timeout: 120_000 }, () => goesAlong(require(version)))
}

function goesAlong({ Mongoose }) {
  let mongoose
  let stores

  beforeEach(() => {
    mongoose = new Mongoose()
    stores = []
  })

  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()))
    await mongoose.disconnect()
  })

  function open(options) {
    const store = new SessionStore({ connection: mongoose, name: 'session', ...options })
    stores.push(store)
    return store
  }

  const newId = () => randomBytes(8).toString('hex')

  /** What is written now is in this place, and in no other. */
  async function assertIsAt(store, place, db = DB) {
    const id = newId()
    await store.set(id, { a: 1 })
    assert.deepEqual(await place.stored(id, db), { a: 1 })
    assert.deepEqual(await store.get(id), { a: 1 })
    const other = place === here ? there : here
    assert.equal(await other.stored(id, db), undefined)
  }

  async function reconnect(uri, options) {
    await mongoose.disconnect()
    await mongoose.connect(uri, options)
  }

  it('goes where the module is connected next, and back', async () => {
    const store = open()
    await mongoose.connect(here.uri())
    await assertIsAt(store, here)
    await reconnect(there.uri())
    await assertIsAt(store, there)
    const stored = await there.client.db(DB).collection('sessions').countDocuments()
    assert.equal(await store.session.countDocuments(), stored)
    await reconnect(here.uri())
    await assertIsAt(store, here)
  })

  it('goes on where it was while Mongoose is disconnected', async () => {
    await mongoose.connect(here.uri())
    const store = open()
    await mongoose.disconnect()
    await assertIsAt(store, here)
  })

  it('goes where Mongoose is being connected, from the call on', async () => {
    await mongoose.connect(here.uri())
    const store = open()
    await mongoose.disconnect()
    const id = newId()
    const connected = mongoose.connect(there.uri())
    const set = store.set(id, { a: 1 })
    await connected
    await set
    assert.deepEqual(await there.stored(id), { a: 1 })
    assert.equal(await here.stored(id), undefined)
  })

  it('goes to another database of the same server', async () => {
    await mongoose.connect(here.uri(), { dbName: 'one' })
    const store = open()
    await assertIsAt(store, here, 'one')
    await reconnect(here.uri(), { dbName: 'two' })
    await assertIsAt(store, here, 'two')
    await reconnect(here.uri('three'))
    await assertIsAt(store, here, mongoose.connection.name)
    await reconnect(here.uri('four'), { dbName: 'five' })
    await assertIsAt(store, here, 'five')
  })

  it('goes on to a fallback', async () => {
    const store = open()
    const nowhere = 'mongodb://127.0.0.1:1/moves'
    await assert.rejects(mongoose.connect(nowhere, { serverSelectionTimeoutMS: 50 }))
    await mongoose.connect(there.uri())
    await assertIsAt(store, there)
    await mongoose.disconnect()
    await assert.rejects(mongoose.connect(nowhere, { serverSelectionTimeoutMS: 50 }))
    await mongoose.connect(here.uri())
    await assertIsAt(store, here)
  })

  it('on a Connection goes along as well', async () => {
    const connection = mongoose.createConnection(here.uri())
    const store = open({ connection })
    await assertIsAt(store, here)
    await connection.close()
    await connection.openUri(there.uri())
    await assertIsAt(store, there)
    await connection.close()
  })

  it('on a Connection goes where it is given another client', async () => {
    const connection = mongoose.createConnection()
    const store = open({ connection })
    const { MongoClient } = mongoose.mongo
    const clients = [here, there].map((place) => new MongoClient(place.uri()))
    await Promise.all(clients.map((client) => client.connect()))
    connection.setClient(clients[0])
    await assertIsAt(store, here)
    await connection.close()
    connection.setClient(clients[1])
    await assertIsAt(store, there)
    await connection.close()
  })

  it('on what useDb() makes goes along, to its own database', async () => {
    await mongoose.connect(here.uri())
    const store = open({ connection: mongoose.connection.useDb('used') })
    await assertIsAt(store, here, 'used')
    await reconnect(there.uri())
    await assertIsAt(store, there, 'used')
  })

  it('with `db` goes along, to that database', async () => {
    await mongoose.connect(here.uri(), { dbName: 'one' })
    const store = open({ db: 'own' })
    await assertIsAt(store, here, 'own')
    await reconnect(there.uri(), { dbName: 'two' })
    await assertIsAt(store, there, 'own')
  })

  it('keeps its connections where Mongoose is connected to the same again', async () => {
    await mongoose.connect(here.uri())
    const store = open({ appName: 'stays' })
    await assertIsAt(store, here)
    let opened = 0
    const look = (exchange) => {
      if (exchange.body.client?.application?.name === 'stays') opened++
      return faults.none(exchange)
    }
    const looking = here.proxy.inject(look, { commands: GREETINGS, times: Infinity })
    await reconnect(here.uri())
    await assertIsAt(store, here)
    looking.end()
    assert.equal(opened, 0)
  })

  it('ends what was accepted before where it was sent, and keeps the order of a session', async () => {
    await mongoose.connect(here.uri())
    const store = open()
    const [id, other] = [newId(), newId()]
    await store.set(id, { a: 0 })
    const gate = new Gate()
    here.proxy.inject(faults.holdReply(gate), { commands: ['update'] })
    const ended = []
    const note = (what) => () => ended.push(what)
    const before = store.set(id, { a: 1 }).then(note('before'))
    await gate.reached
    await reconnect(there.uri())
    const behind = [
      store.set(id, { a: 2 }).then(note('behind')),
      store.get(id).then((session) => note(session)()),
      store.destroy(id).then(note('destroyed')),
    ]
    await store.set(other, { a: 1 }).then(note('other'))
    assert.deepEqual(await there.stored(other), { a: 1 })
    assert.equal(await there.stored(id), undefined)
    gate.open()
    await Promise.all([before, ...behind])
    assert.deepEqual(ended, ['other', 'before', 'behind', { a: 2 }, 'destroyed'])
    assert.deepEqual(await here.stored(id), { a: 1 })
    assert.equal(await there.stored(id), undefined)
    await assertIsAt(store, there)
  })

  it('lets nothing wait for ever for what was accepted before', async () => {
    await mongoose.connect(here.uri())
    const store = open({ timeoutMS: 1000 })
    const id = newId()
    await store.set(id, { a: 0 })
    const gate = new Gate()
    here.proxy.inject(faults.holdReply(gate), { commands: ['update'] })
    const before = assert.rejects(store.set(id, { a: 1 }), { code: 'ERR_TIMEOUT' })
    await gate.reached
    await reconnect(there.uri())
    const behind = store.set(id, { a: 2 }).catch(({ code }) => code)
    await before
    const outcome = await behind
    assert.ok(outcome === 'ERR_TIMEOUT' || outcome.a === 2, String(outcome))
    gate.open()
    await assertIsAt(store, there)
  })

  it('closes when all that was accepted has ended, wherever that is', async () => {
    await mongoose.connect(here.uri())
    const store = open()
    const [first, second] = [newId(), newId()]
    const gate = new Gate()
    here.proxy.inject(faults.holdReply(gate), { commands: ['update'] })
    const before = store.set(first, { a: 1 })
    await gate.reached
    await reconnect(there.uri())
    const behind = store.set(first, { a: 2 })
    const beside = store.set(second, { a: 1 })
    let isClosed = false
    const closed = store.close().then(() => {
      isClosed = true
    })
    await beside
    assert.equal(isClosed, false)
    // Nobody holds what is at the former address but what is under way there.
    collectGarbage()
    await new Promise(setImmediate)
    gate.open()
    await closed
    assert.deepEqual(await Promise.all([before, behind]), [{ a: 1 }, { a: 2 }])
    assert.deepEqual(await here.stored(first), { a: 1 })
    assert.deepEqual(await there.stored(first), { a: 2 })
  })

  it('takes what a request has read along, but no session with it', async () => {
    await mongoose.connect(here.uri())
    const store = open()
    const id = newId()
    await store.set(id, { a: 1, b: 1 })
    const request = { ctx: {} }
    const session = await store.get(id, undefined, request)
    await reconnect(there.uri())
    const dropped = []
    store.on('dropped', (of) => dropped.push(of))
    await store.set(id, { ...session, a: 2 }, undefined, request)
    await new Promise(setImmediate)
    assert.deepEqual(dropped, [id])
    assert.equal(await there.stored(id), undefined)
  })

  it('writes what a request changed, where the new address is that of the same sessions', async () => {
    await mongoose.connect(here.uri())
    const store = open()
    const id = newId()
    const request = { ctx: {} }
    await store.set(id, { a: 1, b: 1 })
    const session = await store.get(id, undefined, request)
    await reconnect(here.uri(DB, '&appName=other'))
    // So that what the store keeps of the new address is about other sessions.
    for (let read = 0; read < 5; read++) {
      const other = newId()
      await store.set(other, { a: 2, b: 5, c: 5 })
      await store.get(other, undefined, { ctx: {} })
    }
    await store.set(id, { a: 1, b: 2 })
    await store.set(id, { ...session, a: 2 }, undefined, request)
    assert.deepEqual(await here.stored(id), { a: 2, b: 2 })
  })

  it('refuses what is called after Mongoose was given a setting that it cannot take over', async () => {
    const { lookup } = require('node:dns')
    await mongoose.connect(here.uri())
    const store = open()
    const warnings = []
    store.on('warning', (warning) => warnings.push(warning))
    await reconnect(there.uri(), { lookup })
    const refused = { code: 'ERR_OPTIONS', message: /'lookup'/ }
    await assert.rejects(store.get('id'), refused)
    await assert.rejects(store.set('id', { a: 1 }), refused)
    const told = warnings.filter(({ message }) => /'lookup'/.test(message))
    assert.equal(told.length, 1)
    await reconnect(there.uri())
    await assertIsAt(store, there)
  })

  it('fails in time where Mongoose is not there yet', async () => {
    await mongoose.connect(here.uri(), { dbName: 'one' })
    const store = open({ serverSelectionTimeoutMS: 100 })
    await mongoose.disconnect()
    const muted = there.proxy.mute()
    const connected = mongoose.connect(there.uri(), { dbName: 'one' })
    try {
      await assert.rejects(store.get('id'), {
        code: 'ERR_UNAVAILABLE',
        message: /mongoose.connect/,
      })
    } finally {
      muted.end()
      there.proxy.reset()
    }
    await connected
    await assertIsAt(store, there, 'one')
  })
}
