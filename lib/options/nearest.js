'use strict'

/**
 * The name that a typing error most likely meant: each word of it may have one letter too many, too
 * few, wrong, or swapped with its neighbour. So a name with other words is never meant, however short
 * the way between them: `dbName` is not `name`, `maxConnections` not `maxConnecting`.
 * @param {string} word
 * @param {string[]} names
 * @returns {string | undefined} undefined where there is none, or more than one
 */
function nearest(word, names) {
  const lower = word.toLowerCase()
  const same = names.find((name) => [lower, `${lower}ms`].includes(name.toLowerCase()))
  if (same !== undefined) {
    return same
  }
  const meant = names.filter((name) => isMeant(word, name) || isMeant(`${word}MS`, name))
  return meant.length === 1 ? meant[0] : undefined
}

/**
 * @param {string} word
 * @param {string} name
 */
function isMeant(word, name) {
  const [written, known] = [wordsOf(word), wordsOf(name)]
  // Who writes it all small has one word.
  return written.length === known.length
    ? written.every((one, index) => isClose(one, known[index]))
    : isClose(written.join(''), known.join(''))
}

/** @param {string} name */
function wordsOf(name) {
  return name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .split(/[ _-]/)
    .map((word) => word.toLowerCase())
}

/**
 * @param {string} one
 * @param {string} other
 */
function isClose(one, other) {
  if (one === other) {
    return true
  }
  const [short, long] = one.length < other.length ? [one, other] : [other, one]
  if (long.length < 3 || long.length - short.length > 1) {
    return false
  }
  let start = 0
  while (short[start] === long[start]) {
    start++
  }
  const [shortRest, longRest] = [short.slice(start), long.slice(start)]
  const isSwapped = shortRest[0] === longRest[1] && shortRest[1] === longRest[0]
  return short.length < long.length
    ? shortRest === longRest.slice(1)
    : shortRest.slice(1) === longRest.slice(1) ||
        (isSwapped && shortRest.slice(2) === longRest.slice(2))
}

module.exports = { nearest }
