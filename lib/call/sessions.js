'use strict'

const { loadBinary } = require('../binary')
const { SessionStoreError } = require('../errors')
const { toError } = require('./operation')

const { Sessions } = loadBinary()

/** @typedef {InstanceType<typeof Sessions>} Sessions */
/** @typedef {import('./under-way').UnderWay} UnderWay */
/** @typedef {import('../options/options').Options} Options */
/** @typedef {import('../options/options').Address} Address */

/**
 * Who is told what belongs to no operation.
 * @typedef {object} Background
 * @property {(warning: SessionStoreError) => void} warn
 * @property {(ids: string[]) => void} destroyed of sessions that `destroyMany` or `clear` ended
 */

/** The token of that, in `src/binding.rs`. */
const NO_OPERATION = 0

/** As `src/binding.rs` says that an outcome is that of the operation before: a session found by many. */
const SAME = 7

/**
 * The Rust side of a store, connecting in the background.
 * @param {Address} address
 * @param {Options} options
 * @param {UnderWay} underWay where those that were sent are found again
 * @param {import('./stats').Stats} stats
 * @param {Background} background
 * @throws {SessionStoreError} where the driver cannot do what the address says
 */
function openSessions({ uri, db, serverApi }, options, underWay, stats, background) {
  const { collection, timeoutMS: timeoutMs, timestamps, autoRemove, indexes } = options
  const touchAfterMs = options.touchAfter * 1000
  const autoRemoveIntervalMs = options.autoRemoveInterval * 60_000
  const encryptionKeys = options.encryption?.() ?? []
  const hashIdsKey = options.hashIds?.()[0]
  const where = { uri, db, collection, serverApi }
  const how = { timeoutMs, touchAfterMs, autoRemove, autoRemoveIntervalMs }
  const stored = { timestamps, indexes, encryptionKeys, hashIdsKey }
  try {
    const told = settler(underWay, background)
    return new Sessions({ ...where, ...how, ...stored }, stats.counts, told)
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
 * @param {UnderWay} underWay
 * @param {Background} background
 */
function settler(underWay, { warn, destroyed }) {
  /**
   * @param {number[]} tokens
   * @param {import('./operation').Outcome[]} outcomes
   * @param {number} firstReadNumber
   * @param {number[]} outdated places in the others
   * @param {number[]} [expiry] missing without `touchAfter`
   * @param {number[]} [together] missing while nobody traces
   */
  return (tokens, outcomes, firstReadNumber, outdated, expiry, together) => {
    let outcome = outcomes[0]
    let place = 0 // in `outdated`, which ascends
    for (let index = 0; index < tokens.length; index++) {
      if (outcomes[index] !== SAME) {
        outcome = outcomes[index]
      }
      if (tokens[index] === NO_OPERATION) {
        const told = /** @type {any} */ (outcome)
        told.code === undefined ? destroyed(told.ids) : warn(toError(told))
      } else {
        const isOutdated = outdated[place] === index
        place += isOutdated ? 1 : 0
        const expiresAt = expiry?.[index]
        const readNumber = firstReadNumber + index
        const travelled = together?.[index]
        underWay.settle(tokens[index], outcome, readNumber, expiresAt, isOutdated, travelled)
      }
    }
  }
}

exports.openSessions = openSessions
