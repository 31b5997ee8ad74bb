'use strict'

// What an operation of a store that cannot reach MongoDB fails with, and what the store warns of.

const assert = require('node:assert/strict')
const { on } = require('node:events')
const { inspect } = require('node:util')
const { SessionStore, SessionStoreError } = require('../..')

/** @returns {Promise<SessionStoreError>} what the promise is rejected with */
async function failure(promise) {
  const error = await promise.then(
    () => assert.fail('the operation succeeded'),
    (reason) => reason,
  )
  assert.ok(error instanceof SessionStoreError, inspect(error))
  return error
}

/**
 * The cause that a store names for MongoDB being away, once it has found one for every server.
 * @param {object} options
 * @returns {Promise<string>}
 */
async function causeOf(options) {
  const store = new SessionStore({ serverSelectionTimeoutMS: 600, ...options })
  store.on('warning', () => {})
  try {
    for (;;) {
      const error = await failure(store.get('id'))
      assert.equal(error.code, 'ERR_UNAVAILABLE', inspect(error))
      assert.ok(error.cause instanceof Error, inspect(error))
      if (!error.cause.message.includes('no answer yet')) return error.cause.message
    }
  } finally {
    await store.close()
  }
}

/**
 * Resolves to the first argument of the next event that fits. A store that is idle would let the
 * process end.
 */
async function next(emitter, event, fits = (_argument) => true) {
  const alive = setInterval(() => {}, 1000)
  try {
    for await (const [argument] of on(emitter, event)) if (fits(argument)) return argument
  } finally {
    clearInterval(alive)
  }
}

module.exports = { causeOf, failure, next }
