'use strict'

// A connection of Mongoose: it may be opened after the store was made, closed, and opened again
// elsewhere, and takes its store along.

const { clientOf, readClient } = require('./client')
const { has } = require('./kinds')
const { registerModel } = require('./model')

/** @typedef {import('./client').Found} Found */

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
  const owner = isModule(value?.default) ? value.default : value
  if (isModule(owner)) {
    const { mongo: driver, Schema } = owner
    return { owner, driver, Schema, connection: () => owner.connection }
  }
  if (isConnection(owner)) {
    const { mongo: driver, Schema } = owner.base ?? {}
    return { owner, driver, Schema, connection: () => owner }
  }
  return undefined
}

/** @param {any} value */
function isModule(value) {
  return has(value, 'connect', 'createConnection', 'model', 'Schema')
}

/** @param {any} value */
function isConnection(value) {
  return has(value, 'model', 'getClient', 'useDb', 'openUri')
}

/**
 * @param {Mongoose} mongoose
 * @param {import('./connection').Wanted} wanted
 * @returns {import('./connection').Source<Found>}
 */
function mongooseSource(mongoose, wanted) {
  const { db } = wanted
  const connection = () => mongoose.connection()
  return {
    model: registerModel(mongoose, { ...wanted, its: databaseOf(connection()) }),
    bson: () => mongoose.driver,
    address: () => addressOf(connection(), db),
    watch: (look) => watch(connection(), look),
  }
}

const CONNECTING = 2

/**
 * @param {any} connection
 * @param {string | undefined} db the option
 * @returns {Found | 'opening' | undefined}
 */
function addressOf(connection, db) {
  const origin = originOf(connection)
  const client = origin?.getClient()
  if (!client) {
    return undefined
  }
  const isConnected = clientOf(origin.db) === client
  const isOwnName = db === undefined && connection === origin
  if (origin.readyState === CONNECTING) {
    const isOfBefore = client === watched.get(connection)?.clientBefore
    // Where it is opened once more, `dbName` may be that of the time before, until it is connected.
    if (isOfBefore || (origin.db && isOwnName && origin.$dbName !== undefined)) {
      return 'opening'
    }
  } else if (origin._closeCalled) {
    return undefined
  }
  const name = isOwnName && !isConnected ? origin.$dbName : connection.name
  return readClient(client, { db: db ?? name ?? undefined })
}

/**
 * What useDb() makes has its name at once, and gets the client of its origin only when that is
 * connected.
 * @param {any} connection
 */
function originOf(connection) {
  return opened(connection) ?? connection?.otherDbs?.find(opened) ?? connection
}

/** @param {any} connection itself, if it was given an address of its own */
function opened(connection) {
  return connection?._connectionString === undefined ? undefined : connection
}

/**
 * The database of a connection, where it does not leave that to its client. `$dbName` is what was
 * given as `dbName`.
 * @param {any} connection
 * @returns {string | undefined}
 */
function databaseOf(connection) {
  return connection?.name ?? connection?.$dbName ?? undefined
}

const EVENTS = ['connected', 'open', 'disconnected']

/**
 * Those who watch a connection share its listeners, since Node warns of more than ten.
 * @typedef {object} Watched
 * @property {Set<() => void>} looks
 * @property {any} clientBefore the client that it had when it was last opened
 * @property {() => void} stop
 */

/** @type {WeakMap<object, Watched>} */
const watched = new WeakMap()

/**
 * @param {any} connection
 * @param {() => void} look
 */
function watch(connection, look) {
  const { looks, stop } = watched.get(connection) ?? startWatch(connection)
  looks.add(look)
  return () => {
    looks.delete(look)
    if (looks.size === 0 && watched.delete(connection)) {
      stop()
    }
  }
}

/** @param {any} connection */
function startWatch(connection) {
  const tell = () => {
    for (const look of [...one.looks]) {
      look()
    }
  }
  const opening = () => {
    one.clientBefore = originOf(connection)?.getClient()
    tell()
    // The client is made after this event, in the same turn of the event loop.
    queueMicrotask(tell)
  }
  const stop = () => {
    connection.removeListener('connecting', opening)
    for (const event of EVENTS) {
      connection.removeListener(event, tell)
    }
  }
  connection.on('connecting', opening)
  for (const event of EVENTS) {
    connection.on(event, tell)
  }
  /** @type {Watched} */
  const one = { looks: new Set(), clientBefore: undefined, stop }
  watched.set(connection, one)
  return one
}

module.exports = { mongooseOf, mongooseSource }
