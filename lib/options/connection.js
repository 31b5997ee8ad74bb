'use strict'

const { optionsError } = require('../errors')
const { clientOf, readClient } = require('./client')
const { bsonOfDriver } = require('./driver-bson')
const { describe, has } = require('./kinds')
const { mongooseOf, mongooseSource } = require('./mongoose')
const { SETTINGS } = require('./settings')
const { parseUri } = require('./uri')

/** @typedef {import('./client').Found} Found */

/**
 * Where the address comes from.
 * @template Address
 * @typedef {object} Source
 * @property {any} model the Mongoose model over the collection, where the connection is Mongoose's
 * @property {() => any} bson what exports the classes of the connection's own `bson`, if it has one
 * @property {() => Address | 'opening' | undefined} address
 *   as Mongoose has it now: 'opening' while it is being opened and has not told its database;
 *   undefined before, and when it is closed
 * @property {(look: () => void) => () => void} watch
 *   calls `look` whenever the address may be another, until what it returns is called
 */

/**
 * What the store's options say of the collection and of a model over it.
 * @typedef {{ name: string, collection: string, db?: string, timestamps?: boolean }} Wanted
 */

const ACCEPTED =
  'a connection string (mongodb:// or mongodb+srv://), the mongoose module, a Mongoose ' +
  'Connection, { Mongo, Schema }, or a MongoClient or Db of the mongodb package (4 to 7)'

/**
 * What the user gave as `connection`, recognised by its shape: an application may well hold several
 * copies of these packages.
 * @param {any} connection
 * @param {Wanted} wanted
 * @returns {Source<Found>}
 */
function readConnection(connection, wanted) {
  const { db } = wanted
  if (typeof connection === 'string') {
    return known(readString(connection, db), undefined)
  }
  const mongoose = mongooseOf(connection)
  if (mongoose !== undefined) {
    return mongooseSource(mongoose, wanted)
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
  const missing = connection === undefined || connection === null
  throw optionsError(
    missing
      ? `\`connection\` is missing: it must be ${ACCEPTED}`
      : `\`connection\` must be ${ACCEPTED}; given was ${describe(connection)}`,
  )
}

/**
 * @param {string} uri
 * @param {string | undefined} own the option `db`
 * @returns {Found}
 */
function readString(uri, own) {
  const { settings, ...address } = parseUri(uri)
  const { db: parameter, ...rest } = settings
  const path = address.path ?? parameter
  return { ...address, path, settings: rest, db: own ?? (path && databaseIn(path)) ?? 'test' }
}

/** @param {string} path */
function databaseIn(path) {
  const { kind } = SETTINGS.db
  const db = kind.read(path)
  if (db === undefined) {
    throw optionsError(
      `what follows the hosts in the connection string must be ${kind.expected}, unless the option ` +
        "'db' names the database",
    )
  }
  return db
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
    watch: () => () => {},
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

module.exports = { readConnection }
