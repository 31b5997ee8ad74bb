'use strict'

const { loadBinary } = require('../binary')
const { SessionStoreError } = require('../errors')
const { toError } = require('./operation')

const { Sessions } = loadBinary()

/** @typedef {InstanceType<typeof Sessions>} Sessions */
/** @typedef {import('./operations').Operations} Operations */
/** @typedef {import('../options/options').Options} Options */
/** @typedef {import('../options/options').Address} Address */

/** As `src/binding.rs` says that an outcome is that of the operation before: a session found by many. */
const SAME = 7

/**
 * The Rust side of a store, connecting in the background.
 * @param {Address} address
 * @param {Options} options
 * @param {Operations} operations where those that were sent are found again
 * @param {(warning: SessionStoreError) => void} warn
 * @throws {SessionStoreError} where the driver cannot do what the address says
 */
function openSessions({ uri, db, serverApi }, options, operations, warn) {
  const { collection, timeoutMS: timeoutMs, touchAfter } = options
  const touchAfterMs = touchAfter * 1000
  try {
    return new Sessions(
      { uri, db, collection, timeoutMs, touchAfterMs, serverApi },
      settler(operations, warn),
    )
  } catch (error) {
    throw connectionError(error)
  }
}

/**
 * Only what Rust wrote itself may be shown: other errors of the binding repeat its arguments, and
 * so the password.
 * @param {{ code: string, message: string }} error
 */
function connectionError({ code, message }) {
  const written = code === 'GenericFailure'
  return new SessionStoreError('ERR_OPTIONS', written ? message : 'the options cannot be used')
}

/**
 * What Rust calls. It holds no store, so that a store nobody uses any more can be collected.
 * @param {Operations} operations
 * @param {(warning: SessionStoreError) => void} warn
 */
function settler(operations, warn) {
  /**
   * @param {number[]} tokens
   * @param {import('./operation').Outcome[]} outcomes
   * @param {number} firstReadNumber
   * @param {number[]} expiry
   */
  return (tokens, outcomes, firstReadNumber, expiry) => {
    let outcome = outcomes[0]
    for (let index = 0; index < tokens.length; index++) {
      if (outcomes[index] !== SAME) {
        outcome = outcomes[index]
      }
      if (tokens[index] === 0) {
        warn(toError(/** @type {import('./operation').Failure} */ (outcome)))
      } else {
        operations.settle(tokens[index], outcome, firstReadNumber + index, expiry[index])
      }
    }
  }
}

exports.openSessions = openSessions
