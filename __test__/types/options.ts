// The kinds of `connection`, with the types of the real packages, and the options.

import * as bson from 'bson'
import * as bson4 from 'bson-4'
import SessionStore from 'koa-session-mongo-native'
import { MongoClient } from 'mongodb'
import mongoose, * as namespace from 'mongoose'

const connection = 'mongodb://localhost'
const client = new MongoClient(connection)

new SessionStore({ connection })
new SessionStore({ connection: mongoose })
new SessionStore({ connection: namespace })
new SessionStore({ connection: mongoose.connection })
new SessionStore({ connection: mongoose.createConnection() })
new SessionStore({ connection: { Mongo: mongoose, Schema: mongoose.Schema } })
new SessionStore({ connection: { Mongo: mongoose.connection, Schema: mongoose.Schema } })
new SessionStore({ connection: client })
new SessionStore({ connection: client.db('app') })

new SessionStore({ connection, bson })
new SessionStore({ connection, bson: bson4 })
new SessionStore({ connection, bson: bson.BSON })
new SessionStore({ connection, bson: mongoose.mongo })

new SessionStore({
  connection,
  collection: 'navigation',
  expires: 86400,
  name: 'session',
  db: 'app',
  autoRemove: 'interval',
  autoRemoveInterval: 5,
  timestamps: true,
  indexes: ['userInfo.id'],
  encryption: { keys: ['x'.repeat(32), Buffer.alloc(32)] },
  hashIds: { key: 'x'.repeat(32) },
  timeoutMS: 5000,
  maxPoolSize: 4,
  writeConcern: { w: 'majority', journal: true },
  readPreference: { mode: 'nearest', tags: [{ dc: 'east' }] },
  readConcern: 'majority',
})

// Under exactOptionalPropertyTypes, too, what is undefined counts as not given.
new SessionStore({ connection, db: process.env.DB, expires: undefined, writeConcern: undefined })

// @ts-expect-error: there have to be options
new SessionStore()
// @ts-expect-error: connection is missing
new SessionStore({})
// @ts-expect-error: null, as the original has it by default, is no connection
new SessionStore({ connection: null })
// @ts-expect-error: a promise has to be waited for
new SessionStore({ connection: client.connect() })
// @ts-expect-error: a collection is no connection
new SessionStore({ connection: client.db().collection('sessions') })
// @ts-expect-error: a list of keys
new SessionStore({ connection, encryption: { keys: 'x' } })
// @ts-expect-error: at least one key
new SessionStore({ connection, encryption: { keys: [] } })
// @ts-expect-error: one key
new SessionStore({ connection, hashIds: { keys: ['x'] } })
// @ts-expect-error: a typing error
new SessionStore({ connection, colection: 'sessions' })
// @ts-expect-error: the module, not its name
new SessionStore({ connection, bson: 'bson' })
// @ts-expect-error: the module, not one of its classes
new SessionStore({ connection, bson: bson.ObjectId })
// @ts-expect-error: a list
new SessionStore({ connection, indexes: 'userInfo.id' })
// @ts-expect-error: no such mode
new SessionStore({ connection, autoRemove: 'always' })
// @ts-expect-error: expires is a number
new SessionStore({ connection, expires: '1d' })
// @ts-expect-error: a name that only connection strings have
new SessionStore({ connection, ssl: true })
// @ts-expect-error: no such mode
new SessionStore({ connection, readPreference: 'fastest' })
// @ts-expect-error: SessionStore is a class
SessionStore({ connection })
