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
 * The request that a call is part of.
 * @param {{ ctx?: object } | undefined} request
 */
function ctxOf(request) {
  try {
    return request?.ctx
  } catch {
    // Its words are the application's.
    const message = 'the `ctx` of the request cannot be read: it threw an error'
    throw new SessionStoreError('ERR_SESSION_VALUE', message)
  }
}

module.exports = { checkString, ctxOf }
