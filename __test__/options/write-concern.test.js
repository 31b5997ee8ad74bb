'use strict'

// How many servers must have a write before it counts: a majority, unless somebody says otherwise.
// With less, MongoDB rolls back at a failover what it acknowledged. One server stands for the set,
// so this looks at what it is asked.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { MongoClient } = require('mongodb')
const { Mongoose } = require('mongoose')
const { useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

const MAJORITY = { w: 'majority' }
const own = { writeConcern: { w: 1 } }

describe('a write', { timeout: 60_000 }, () => {
  const network = useNetwork()

  /** The write concern of each `update` and `delete` of a store. */
  async function concernsOf(options) {
    const concerns = []
    const look = (exchange) => {
      concerns.push(exchange.body.writeConcern)
      return faults.none(exchange)
    }
    const looking = network.proxy.inject(look, { commands: ['update', 'delete'], times: Infinity })
    const store = network.store(options)
    await store.set('concern', { a: 1 })
    await store.destroy('concern')
    looking.end()
    assert.equal(concerns.length, 2)
    assert.deepEqual(concerns[0], concerns[1])
    return concerns[0]
  }

  const withParameter = (parameter) => ({ connection: `${network.proxy.uri}&${parameter}` })

  test('is for a majority where nobody says otherwise', async () => {
    assert.deepEqual(await concernsOf({}), MAJORITY)
  })

  test('is for a majority where only the journal or a time limit is spoken of', async () => {
    assert.deepEqual(await concernsOf(withParameter('journal=true')), { ...MAJORITY, j: true })
    const limited = await concernsOf({ writeConcern: { wtimeoutMS: 5000 } })
    assert.deepEqual(
      { ...limited, wtimeout: Number(limited.wtimeout) },
      { ...MAJORITY, wtimeout: 5000 },
    )
  })

  test('is for as many as the connection string says', async () => {
    assert.deepEqual(await concernsOf(withParameter('w=1')), { w: 1 })
  })

  test('is for as many as an option says, whatever the connection string does', async () => {
    assert.deepEqual(await concernsOf({ ...withParameter('w=majority'), ...own }), { w: 1 })
    assert.deepEqual(await concernsOf({ ...withParameter('w=1'), w: 'majority' }), MAJORITY)
  })

  test('is for as many as a MongoClient or its Db says', async () => {
    const silent = new MongoClient(network.proxy.uri)
    assert.deepEqual(await concernsOf({ connection: silent }), MAJORITY)
    assert.deepEqual(await concernsOf({ connection: silent.db('test', own) }), { w: 1 })
    const client = new MongoClient(network.proxy.uri, own)
    assert.deepEqual(await concernsOf({ connection: client }), { w: 1 })
    assert.deepEqual(await concernsOf({ connection: client.db('test') }), { w: 1 })
    assert.deepEqual(
      await concernsOf({ connection: client.db('test', { writeConcern: MAJORITY }) }),
      MAJORITY,
    )
  })

  test('is for as many as a Mongoose connection says, before and after it is connected', async () => {
    const mongoose = new Mongoose()
    const early = concernsOf({ connection: mongoose })
    await mongoose.connect(network.proxy.uri, own)
    assert.deepEqual(await early, { w: 1 })
    assert.deepEqual(await concernsOf({ connection: mongoose.connection }), { w: 1 })
    await mongoose.disconnect()
    await mongoose.connect(network.proxy.uri)
    assert.deepEqual(await concernsOf({ connection: mongoose }), MAJORITY)
    await mongoose.disconnect()
  })
})
