'use strict'

// What a call is given, before anything is sent.

const { SessionStoreError } = require('../errors')

/**
 * @param {unknown} id
 * @returns {asserts id is string}
 */
function checkString(id) {
  if (typeof id !== 'string') {
    throw new SessionStoreError('ERR_SESSION_ID', 'a session id has to be a string')
  }
}

/**
 * Stores of Express take one behind the other arguments, and whoever passes it would wait for ever.
 * @param {unknown} given
 */
function refuseCallback(given) {
  if (typeof given === 'function') {
    const message =
      'the store takes no callback: its calls return promises (util.callbackify gives the other form)'
    throw new SessionStoreError('ERR_OPTIONS', message)
  }
}

/**
 * The request that a call is part of.
 * @param {{ ctx?: object } | undefined} request
 */
function ctxOf(request) {
  refuseCallback(request)
  try {
    return request?.ctx
  } catch {
    // Its words are the application's.
    const message = 'the `ctx` of the request cannot be read: it threw an error'
    throw new SessionStoreError('ERR_SESSION_VALUE', message)
  }
}

module.exports = { checkString, ctxOf, refuseCallback }
