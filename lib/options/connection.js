'use strict'

const { optionsError } = require('../errors')
const { readClient } = require('./client')
const { bsonOfDriver } = require('./driver-bson')
const { parseUri } = require('./uri')

/** @typedef {import('./client').Found} Found */

/**
 * Where the address comes from.
 * @template Address
 * @typedef {object} Source
 * @property {any} model the Mongoose model over the collection, where the connection is Mongoose's
 * @property {() => any} bson what exports the classes of the connection's own `bson`, if it has one
 * @property {() => Address | undefined} address undefined while Mongoose was not told it yet
 * @property {(callback: (error: unknown, address?: Address) => void) => void} whenKnown
 *   calls back once, at once if the address is known already; keeps no process alive
 */

const ACCEPTED =
  'a connection string (mongodb:// or mongodb+srv://), the mongoose module, a Mongoose ' +
  'Connection, { Mongo, Schema }, or a MongoClient or Db of the mongodb package (4 to 7)'

/**
 * What the user gave as `connection`, recognised by its shape: an application may well hold several
 * copies of these packages.
 * @param {any} connection
 * @param {{ name: string, collection: string, db?: string }} options
 * @returns {Source<Found>}
 */
function readConnection(connection, { name, collection, db }) {
  if (typeof connection === 'string') {
    const { base, settings, db: inString } = parseUri(connection)
    return known({ base, settings, db: db ?? inString ?? 'test' }, undefined)
  }
  const mongoose = mongooseOf(connection)
  if (mongoose !== undefined) {
    return mongooseSource(mongoose, { name, collection, db })
  }
  if (isDb(connection)) {
    const { databaseName, writeConcern } = connection
    const client = clientOf(connection)
    return known(readClient(client, { db: db ?? databaseName, writeConcern }), client)
  }
  if (isClient(connection)) {
    return known(readClient(connection, { db }), connection)
  }
  if (typeof connection?.then === 'function') {
    throw optionsError(`\`connection\` is a promise: wait for it first. It must be ${ACCEPTED}`)
  }
  const missing = connection === undefined || connection === null ? ' is missing: it' : ''
  throw optionsError(`\`connection\`${missing} must be ${ACCEPTED}`)
}

/**
 * @param {Found} found
 * @param {any} client that it was read from
 * @returns {Source<Found>}
 */
function known(found, client) {
  return {
    model: undefined,
    bson: () => client && bsonOfDriver(client),
    address: () => found,
    whenKnown: (callback) => callback(undefined, found),
  }
}

/** @param {any} value */
function isClient(value) {
  return has(value, 'db', 'connect', 'close') && typeof value.options === 'object'
}

/** @param {any} value */
function isDb(value) {
  return (
    has(value, 'collection', 'command') &&
    typeof value.databaseName === 'string' &&
    isClient(clientOf(value))
  )
}

/** @param {any} db version 4 of the driver has it in `s` only */
function clientOf(db) {
  return db.client ?? db.s?.client
}

/** @param {any} value */
function isMongooseModule(value) {
  return has(value, 'connect', 'createConnection', 'model', 'Schema')
}

/** @param {any} value */
function isMongooseConnection(value) {
  return has(value, 'model', 'getClient', 'useDb', 'openUri')
}

/**
 * @param {any} value
 * @param {...string} methods
 */
function has(value, ...methods) {
  const candidate = typeof value === 'object' || typeof value === 'function' ? value : undefined
  return methods.every((method) => typeof candidate?.[method] === 'function')
}

/**
 * `owner` is what models are registered on; `driver` what Mongoose hands on of it; `connection` the
 * default one of a module, which may be replaced.
 * @typedef {{ owner: any, driver: any, Schema: any, connection: () => any }} Mongoose
 */

/**
 * @param {any} value
 * @returns {Mongoose | undefined}
 */
function mongooseOf(value) {
  if (value?.Mongo) {
    const inner = mongooseOf(value.Mongo)
    return inner && { ...inner, Schema: value.Schema ?? inner.Schema }
  }
  // `import * as mongoose` gives a namespace, whose default is the module.
  const owner = isMongooseModule(value?.default) ? value.default : value
  if (isMongooseModule(owner)) {
    const { mongo: driver, Schema } = owner
    return { owner, driver, Schema, connection: () => owner.connection }
  }
  if (isMongooseConnection(owner)) {
    const { mongo: driver, Schema } = owner.base ?? {}
    return { owner, driver, Schema, connection: () => owner }
  }
  return undefined
}

/**
 * @param {Mongoose} mongoose
 * @param {{ name: string, collection: string, db?: string }} options
 * @returns {Source<Found>}
 */
function mongooseSource(mongoose, { name, collection, db }) {
  const address = () => {
    const connection = mongoose.connection()
    const client = currentClient(connection)
    return client && readClient(client, { db: db ?? databaseOf(connection) })
  }
  return {
    model: registerModel(mongoose, { name, collection, db }),
    bson: () => mongoose.driver,
    address,
    whenKnown: (callback) => waitFor(mongoose.connection(), address, callback),
  }
}

/**
 * The database of a Mongoose connection, where it does not leave that to its client.
 * @param {any} connection `$dbName` is what was given as `dbName`, as long as it is being opened
 * @returns {string | undefined}
 */
function databaseOf(connection) {
  return connection?.name ?? connection?.$dbName ?? undefined
}

const CONNECTING = 2

/**
 * The client of a Mongoose connection, if it is the one that this connection will go on with.
 * @param {any} connection
 */
function currentClient(connection) {
  // What useDb() makes has its name at once, and gets the client of its origin only when that is
  // connected.
  const origin = opened(connection) ?? connection?.otherDbs?.find(opened) ?? connection
  if (!origin || origin._closeCalled) {
    return undefined
  }
  // A connection that is opened once more still has its former name until it is connected.
  const renaming = origin === connection && origin.readyState === CONNECTING && origin.name
  return renaming ? undefined : (origin.getClient() ?? undefined)
}

/** @param {any} connection itself, if it was given an address of its own */
function opened(connection) {
  return connection?._connectionString === undefined ? undefined : connection
}

/**
 * Mongoose says 'connecting' just before it makes the client, in the same turn of the event loop.
 * @param {any} connection
 * @param {() => Found | undefined} address
 * @param {(error: unknown, address?: Found) => void} callback
 */
function waitFor(connection, address, callback) {
  const events = ['connecting', 'connected', 'open', 'disconnected']
  let done = false
  const look = () => {
    let found
    let problem
    try {
      found = done ? undefined : address()
    } catch (error) {
      problem = error
    }
    if (found === undefined && problem === undefined) {
      return
    }
    done = true
    for (const event of events) {
      connection?.removeListener(event, lookSoon)
    }
    callback(problem, found)
  }
  const lookSoon = () => queueMicrotask(look)
  for (const event of events) {
    connection?.on(event, lookSoon)
  }
  look()
}

/**
 * @param {Mongoose} mongoose
 * @param {{ name: string, collection: string, db?: string }} options
 */
function registerModel({ owner, Schema, connection }, { name, collection, db }) {
  const elsewhere = db !== undefined && db !== databaseOf(connection())
  // `useCache`: one connection for all stores there.
  const home = (elsewhere && connection()?.useDb(db, { useCache: true })) || owner
  if (Object.hasOwn(home.models, name)) {
    return home.models[name]
  }
  const fields = { _id: String, data: Object, updatedAt: Date, expiresAt: Date }
  // The store alone makes the collection and its index; what it stores is what the model shows.
  const options = { autoCreate: false, autoIndex: false, minimize: false, versionKey: false }
  try {
    return home.model(name, new Schema(fields, options), collection)
  } catch (error) {
    throw optionsError(`the Mongoose model '${name}' cannot be registered`, error)
  }
}

module.exports = { readConnection }
