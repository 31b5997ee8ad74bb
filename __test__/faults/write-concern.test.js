'use strict'

// What a single server has acknowledged is lost if another becomes primary that does not have it yet.
// MongoDB itself waits for one server only before version 5.0, and in sets with an arbiter. So the
// store asks for a majority, unless it is told otherwise.

const assert = require('node:assert/strict')
const { after, describe, test } = require('node:test')
const { MongoClient } = require('mongodb')
const mongoose = require('mongoose')
const { useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

const MAJORITY = { w: 'majority' }

describe('a write waits', { timeout: 60_000 }, () => {
  const network = useNetwork()
  const connections = []
  after(() => Promise.all(connections.map((connection) => connection.close())))

  const uri = (parameters = '') => `${network.proxy.uri}${parameters}`

  const client = (options, parameters) => {
    const made = new MongoClient(uri(parameters), options)
    connections.push(made)
    return made
  }

  const mongooseConnection = (options, parameters) => {
    const made = mongoose.createConnection(uri(parameters), options)
    connections.push(made)
    return made
  }

  /** The write concerns of a write of each kind, as MongoDB gets them. */
  async function concernsOf(options) {
    const store = network.store(options)
    await store.set('difference', { a: 1 })
    const request = { ctx: {} }
    const session = await store.get('difference', undefined, request)
    const seen = []
    const look = (exchange) => {
      seen.push(exchange.body.writeConcern)
      return faults.none(exchange)
    }
    const when = ({ ids }) => ids.some((id) => ['whole', 'difference'].includes(id))
    const commands = ['update', 'delete']
    const { end } = network.proxy.inject(look, { commands, when, times: Infinity })
    await store.set('whole', { a: 1 })
    await store.set('difference', { ...session, a: 2 }, undefined, request)
    await store.set('difference', { ...session, a: 2, 'b.c': 3 }, undefined, request)
    await store.destroy('difference')
    end()
    assert.equal(seen.length, 4)
    return seen
  }

  const cases = {
    'for a majority, where nothing else is said': [() => ({}), MAJORITY],
    'for a majority, where a MongoClient says nothing else': [
      () => ({ connection: client() }),
      MAJORITY,
    ],
    'for a majority, where Mongoose says nothing else': [
      () => ({ connection: mongooseConnection() }),
      MAJORITY,
    ],
    'for a majority and the journal, where only the journal is asked for': [
      () => ({ connection: uri('&journal=true') }),
      { ...MAJORITY, j: true },
    ],
    'for a majority for so long, where only a limit is given': [
      () => ({ writeConcern: { wtimeoutMS: 5000 } }),
      { ...MAJORITY, wtimeout: 5000 },
    ],
    'as the connection string says': [() => ({ connection: uri('&w=1') }), { w: 1 }],
    'as an option says': [() => ({ w: 1 }), { w: 1 }],
    'as the option for all says': [
      () => ({ writeConcern: { w: 1, journal: true } }),
      { w: 1, j: true },
    ],
    'as an option says, rather than the connection string': [
      () => ({ connection: uri('&w=majority'), w: 1 }),
      { w: 1 },
    ],
    'as a MongoClient says': [() => ({ connection: client({ writeConcern: { w: 1 } }) }), { w: 1 }],
    "as a MongoClient's connection string says": [
      () => ({ connection: client({}, '&w=1') }),
      { w: 1 },
    ],
    'as Mongoose says': [() => ({ connection: mongooseConnection({ w: 1 }) }), { w: 1 }],
    'as an option says, rather than a MongoClient': [
      () => ({ connection: client({ writeConcern: { w: 1 } }), writeConcern: 'majority' }),
      MAJORITY,
    ],
  }
  for (const [what, [options, expected]] of Object.entries(cases)) {
    test(what, async () => {
      for (const concern of await concernsOf(options())) assert.deepEqual(concern, expected)
    })
  }
})
