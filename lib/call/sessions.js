'use strict'

const { loadBinary } = require('../binary')
const { SessionStoreError } = require('../errors')
const { toError } = require('./operation')

const { Sessions } = loadBinary()

/** @typedef {InstanceType<typeof Sessions> & import('../../native').Calls} Sessions */
/** @typedef {import('./under-way').UnderWay} UnderWay */
/** @typedef {import('../options/options').Options} Options */
/** @typedef {import('../options/options').Address} Address */

/**
 * Who is told what belongs to no operation.
 * @typedef {object} Background
 * @property {() => object | undefined} store unless it was collected
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
 * @returns {Sessions}
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
    const sessions = new Sessions({ ...where, ...how, ...stored }, stats.counts, told)
    return Object.assign(sessions, sessions.calls())
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
   * @param {number} firstReadNumber the others follow
   * @param {number[] | null} outdated places in the others, in ascending order
   * @param {number[] | null} expiry null without `touchAfter`
   * @param {number[] | null} together null while nobody traces
   * @param {any[]} told of each operation its token, then its outcome
   */
  return (firstReadNumber, outdated, expiry, together, ...told) => {
    let outcome = told[1]
    let place = 0 // in `outdated`
    for (let index = 0; 2 * index < told.length; index++) {
      const token = told[2 * index]
      if (told[2 * index + 1] !== SAME) {
        outcome = told[2 * index + 1]
      }
      if (token === NO_OPERATION) {
        outcome.code === undefined ? destroyed(outcome.ids) : warn(toError(outcome))
      } else {
        const isOutdated = outdated?.[place] === index
        place += isOutdated ? 1 : 0
        const readNumber = firstReadNumber + index
        const expiresAt = expiry?.[index]
        underWay.settle(token, outcome, readNumber, expiresAt, isOutdated, together?.[index])
      }
    }
  }
}

exports.openSessions = openSessions
