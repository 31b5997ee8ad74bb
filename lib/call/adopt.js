'use strict'

const { WideOperation } = require('./wide')

/**
 * So often at most the collection is gone through: while servers with the former store are running, each
 * time there is something new to adopt.
 */
const MOST_PASSES = 10

/** So often a step is repeated that MongoDB did not answer in time. */
const MOST_REPETITIONS = 3

/**
 * @typedef {{ name: string, field: 'updatedAt' | 'expires', removesAfter: number }} ForeignIndex
 * @typedef {{ unreadable: number, unfit: number, other: number, busy: number }} Left
 * @typedef {{ after?: string, until?: string | null }} Place a page has an end once it was found
 * @typedef {Left & { next: Place | null, looked: number, adopted: number, ending: number }} Documents
 * @typedef {(step: () => WideOperation) => Promise<any>} Take
 */

/** @type {(keyof Left)[]} */
const REASONS = ['unreadable', 'unfit', 'other', 'busy']

/**
 * Takes over a collection of other stores. The order lets no session end early, wherever it is
 * interrupted:
 *
 * 1. Documents of stores on Mongoose gain an `expiresAt`, as their index on `updatedAt` would have it.
 * 2. That index goes. It would remove what gains an `updatedAt` only now.
 * 3. All others are adopted. connect-mongo's index on `expires` says nothing of these any more.
 * 4. That index goes, too, unless documents were left for it to remove.
 * 5. Once more, until there is nothing new.
 *
 * @param {(step: WideOperation) => Promise<any>} send
 * @param {number} lifetime of a session whose end nobody knows, in milliseconds
 */
async function adopt(send, lifetime) {
  const take = patiently(send)
  const done = { looked: 0, adopted: 0, left: nothing(), dropped: names([]), kept: names([]) }
  /** Milliseconds after `updatedAt`. @type {number | undefined} */
  let endsAfter
  for (let pass = 0; pass < MOST_PASSES; pass++) {
    const indexes = await take(foreignIndexes)
    const ofMongoose = indexes.filter(isOfMongoose)
    const onlyMongoose = ofMongoose.length > 0
    if (onlyMongoose) {
      endsAfter = Math.min(...ofMongoose.map(({ removesAfter }) => removesAfter * 1000))
    }
    const { looked, adopted, ending, left } = await adoptAll(
      take,
      onlyMongoose,
      lifetime,
      endsAfter,
    )
    const isNeeded = left.unreadable + left.unfit + left.busy + ending > 0
    const over = onlyMongoose ? ofMongoose : isNeeded ? [] : indexes
    for (const { name } of over) {
      await take(() => dropIndex(name))
    }
    done.looked = looked
    done.adopted += adopted
    done.left = left
    done.dropped.push(...names(over))
    done.kept = names(indexes.filter((index) => !over.includes(index)))
    if (adopted === 0 && over.length === 0) {
      break
    }
  }
  return done
}

/**
 * @param {Take} take
 * @param {boolean} onlyMongoose
 * @param {number} lifetime
 * @param {number} [endsAfter]
 */
async function adoptAll(take, onlyMongoose, lifetime, endsAfter) {
  const sum = { looked: 0, adopted: 0, ending: 0, left: nothing() }
  /** @type {Place | null} */
  let place = {}
  while (place) {
    const from = place
    /** @type {Documents} */
    const step = await take(() => adoptDocuments(from, onlyMongoose, lifetime, endsAfter))
    sum.looked += step.looked
    sum.adopted += step.adopted
    sum.ending += step.ending
    for (const reason of REASONS) {
      sum.left[reason] += step[reason]
    }
    place = step.next
  }
  return sum
}

/**
 * In a long run a server may once be busy with something else.
 * @param {(step: WideOperation) => Promise<any>} send
 * @returns {Take}
 */
function patiently(send) {
  return async (step) => {
    for (let repetition = 0; ; repetition++) {
      try {
        return await send(step())
      } catch (error) {
        if (error.code !== 'ERR_TIMEOUT' || repetition === MOST_REPETITIONS) {
          throw error
        }
      }
    }
  }
}

function foreignIndexes() {
  return new WideOperation('adopt', (sessions, token) => sessions.foreignIndexes(token), resultOf)
}

/** @param {string} name */
function dropIndex(name) {
  return new WideOperation(
    'adopt',
    (sessions, token) => sessions.dropForeignIndex(token, name),
    resultOf,
  )
}

/**
 * @param {Place} place
 * @param {boolean} onlyMongoose
 * @param {number} lifetime
 * @param {number} [endsAfter]
 */
function adoptDocuments({ after, until }, onlyMongoose, lifetime, endsAfter) {
  return new WideOperation(
    'adopt',
    (sessions, token) =>
      sessions.adoptDocuments(token, onlyMongoose, lifetime, endsAfter, after, until ?? undefined),
    resultOf,
  )
}

/** @param {import('../../native').FoundObject} found what a step found and did, as JSON text */
function resultOf({ done = '' }) {
  return JSON.parse(done)
}

/** @param {ForeignIndex} index */
function isOfMongoose({ field }) {
  return field === 'updatedAt'
}

/** @param {ForeignIndex[]} indexes */
function names(indexes) {
  return indexes.map(({ name }) => name)
}

/** @returns {Left} */
function nothing() {
  return { unreadable: 0, unfit: 0, other: 0, busy: 0 }
}

exports.adopt = adopt
