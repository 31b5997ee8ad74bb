'use strict'

/**
 * The name that a typing error most likely meant, or undefined where none is close: one letter in
 * three may be wrong, and two in all. Names of other words are never close, however short the way
 * between them: `dbName` does not mean `name`.
 * @param {string} word
 * @param {string[]} names
 * @returns {string | undefined}
 */
function nearest(word, names) {
  const lower = word.toLowerCase()
  let least = Math.min(2, Math.floor(word.length / 3)) + 1
  let best
  for (const name of names) {
    const steps = distance(lower, name.toLowerCase(), least)
    if (steps < least && !differsByWord(lower, name)) {
      least = steps
      best = name
    }
  }
  return best
}

/**
 * Whether one is the other with a word more, before or behind it. A unit is no word of its own:
 * `timeout` means `timeoutMS`.
 * @param {string} lower
 * @param {string} name
 */
function differsByWord(lower, name) {
  const [short, long] = [lower, name.toLowerCase()].sort((a, b) => a.length - b.length)
  const isLonger = long.length - short.length > 1 && long !== `${short}ms`
  return isLonger && (long.startsWith(short) || long.endsWith(short))
}

/**
 * The number of letters to insert, delete, replace, or swap with their neighbour, to come from one
 * word to the other.
 * @param {string} from
 * @param {string} to
 * @param {number} limit a distance that is too far to matter
 */
function distance(from, to, limit) {
  if (Math.abs(from.length - to.length) >= limit) {
    return limit
  }
  const columns = to.length + 1
  let twoAbove = new Array(columns).fill(0)
  let above = twoAbove
  let row = Array.from({ length: columns }, (_, column) => column)
  for (let i = 1; i <= from.length; i++) {
    twoAbove = above
    above = row
    row = [i]
    for (let j = 1; j < columns; j++) {
      const replaced = above[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1)
      row[j] = Math.min(above[j] + 1, row[j - 1] + 1, replaced)
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        row[j] = Math.min(row[j], twoAbove[j - 2] + 1)
      }
    }
  }
  return row[to.length]
}

module.exports = { nearest }
