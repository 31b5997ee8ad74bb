'use strict'

const { fromBson } = require('./bson-values')

/** The one key of a capsule; no key of a session holds a NUL. */
const KEY = '\0'

/**
 * Puts each value that came in a capsule in the capsule's place: `src/codec/capsule.rs` made them.
 * @param {any[]} parsed the session, then the path to each capsule: keys and indices
 * @returns {Record<string, any>}
 */
function openCapsules(parsed) {
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
      holder[path[last]] = open(contained)
    }
  }
  return session
}

/** @param {number | string} contained milliseconds of a date, or any other value as BSON in hex */
function open(contained) {
  return typeof contained === 'number'
    ? new Date(contained)
    : fromBson(Buffer.from(contained, 'hex'))['']
}

exports.openCapsules = openCapsules
