'use strict'

/**
 * The name that a typing error most likely meant, or undefined where none is close.
 * @param {string} word
 * @param {string[]} names
 * @returns {string | undefined}
 */
function nearest(word, names) {
  let best
  let least = Math.floor(word.length / 3) + 1
  for (const name of names) {
    const steps = distance(word.toLowerCase(), name.toLowerCase(), least)
    if (steps < least) {
      least = steps
      best = name
    }
  }
  return best
}

/**
 * The number of letters to insert, delete or replace to come from one word to the other.
 * @param {string} from
 * @param {string} to
 * @param {number} limit a distance that is too far to matter
 */
function distance(from, to, limit) {
  if (Math.abs(from.length - to.length) >= limit) {
    return limit
  }
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let i = 1; i <= from.length; i++) {
    const above = row
    row = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = above[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1)
      row.push(Math.min(above[j] + 1, row[j - 1] + 1, replaced))
    }
  }
  return row[to.length]
}

module.exports = { nearest }
