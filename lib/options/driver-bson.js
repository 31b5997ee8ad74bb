'use strict'

// Whose `bson` an application uses, where all that is known of it is a client of its driver.

const { isBson } = require('../values/bson-classes')

/**
 * What the driver exports that this client is from, or as much as can be known of its classes.
 * @param {any} client a MongoClient
 * @returns {any} undefined if nothing can be known
 */
function bsonOfDriver(client) {
  return loadedDriver(client) ?? defaultIdClass(client)
}

/**
 * The driver is a CommonJS module, so it is among the loaded ones, unless the application was made
 * into a single file with it, or its modules are loaded in a way of their own.
 * @param {any} client
 */
function loadedDriver(client) {
  for (const file in require.cache) {
    const driver = require.cache[file]?.exports
    if (isDriverOf(driver, client)) {
      return driver
    }
  }
  return undefined
}

/**
 * @param {any} driver
 * @param {any} client
 */
function isDriverOf(driver, client) {
  try {
    const { MongoClient } = driver
    // A module of the application's may hand the client on, and no classes.
    return typeof MongoClient === 'function' && client instanceof MongoClient && isBson(driver)
  } catch {
    return false
  }
}

/**
 * The one class that a client shows: of the ids that it makes where the application says nothing
 * else.
 * @param {any} client
 */
function defaultIdClass(client) {
  try {
    const { pkFactory } = client.db('admin', { pkFactory: undefined }).s
    return { ObjectId: pkFactory.createPk().constructor }
  } catch {
    return undefined
  }
}

module.exports = { bsonOfDriver }
