'use strict'

const { BsonReader } = require('./bson-reader')

/** @typedef {import('./bson-classes').BsonClasses} BsonClasses */

/** The one key of a capsule; no key of a session holds a NUL. */
const KEY = '\0'

/**
 * Puts each value that came in a capsule in the place of the capsule, which Rust has made
 * (`crates/session-bytes/src/codec/capsule.rs`).
 * @param {any[]} parsed the session, then the path to each capsule: keys and indices
 * @param {() => BsonClasses} classes
 * @returns {Record<string, any>}
 */
function openCapsules(parsed, classes) {
  const session = parsed[0]
  for (let index = 1; index < parsed.length; index++) {
    const path = parsed[index]
    const last = path.length - 1
    let holder = session
    for (let step = 0; step < last; step++) {
      holder = holder?.[path[step]]
    }
    const contained = holder?.[path[last]]?.[KEY]
    // Of a key that repeats, JSON.parse has kept the last value: other capsules are gone.
    if (contained !== undefined) {
      holder[path[last]] =
        typeof contained === 'number' ? new Date(contained) : open(contained, classes())
    }
  }
  return session
}

/**
 * @param {string} contained a value other than a date as BSON, in hex
 * @param {BsonClasses} classes
 */
function open(contained, classes) {
  return new BsonReader(Buffer.from(contained, 'hex'), classes).session()['']
}

exports.openCapsules = openCapsules
