'use strict'

const { optionsError } = require('../errors')

/**
 * The Mongoose model `name` over the collection of the sessions.
 * @param {import('./mongoose').Mongoose} mongoose
 * @param {import('./connection').Wanted & { its?: string }} options
 *   `db` as the option says, `its` as the connection does
 */
function registerModel({ owner, Schema, connection }, { name, collection, db, its, timestamps }) {
  // `useCache`: one connection for all stores there.
  const elsewhere = db !== undefined && db !== its
  const home = (elsewhere && connection()?.useDb(db, { useCache: true })) || owner
  if (Object.hasOwn(home.models, name)) {
    const model = home.models[name]
    checkTaken(model, home === owner ? connection() : home, { name, collection })
    return model
  }
  const createdAt = timestamps && { createdAt: Date }
  const fields = { _id: String, data: Object, updatedAt: Date, expiresAt: Date, ...createdAt }
  // The store alone makes the collection and its index; what it stores is what the model shows.
  const options = { autoCreate: false, autoIndex: false, minimize: false, versionKey: false }
  try {
    const schema = new Schema(fields, options)
    schema.static('diffIndexes', noDifference)
    return home.model(name, schema, collection)
  } catch (error) {
    throw optionsError(`the Mongoose model '${name}' cannot be registered`, error)
  }
}

/**
 * In the place of what Mongoose's syncIndexes() and cleanIndexes() go by, also those of a whole
 * connection. They drop what the schema does not name, and the indexes are the store's own.
 * @param {...any} given options; in Mongoose 6 there may be a callback behind them
 */
async function noDifference(...given) {
  const difference = { toDrop: [], toCreate: [] }
  const callback = given.find((one) => typeof one === 'function')
  callback?.(null, difference)
  return difference
}

/**
 * A model that is there already is left alone, and must be over these sessions: whoever signs
 * somebody out by `store.session` must not delete what belongs to others.
 * @param {any} model
 * @param {any} connection of the store
 * @param {{ name: string, collection: string }} options
 */
function checkTaken(model, connection, { name, collection }) {
  const theirs = model.collection?.collectionName ?? model.collection?.name
  const isElsewhere = model.db !== undefined && model.db !== connection
  if (theirs !== collection || isElsewhere) {
    const where = isElsewhere ? ' of another connection' : ''
    throw optionsError(
      `the name '${name}' is taken by a Mongoose model over the collection '${theirs}'${where}, ` +
        `while the sessions are in '${collection}': give the store another 'name'`,
    )
  }
}

module.exports = { registerModel }
