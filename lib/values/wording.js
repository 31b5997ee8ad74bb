'use strict'

/** Of a longer key, messages show the beginning. */
const LONGEST_KEY = 64

/**
 * @param {(string | number)[]} path keys and indices
 * @param {string} root where it begins
 */
function formatPath(path, root) {
  const steps = path.map((key) => {
    if (typeof key === 'number') {
      return `[${key}]`
    }
    const shown = key.length > LONGEST_KEY ? `${key.slice(0, LONGEST_KEY)}…` : key
    return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(shown)
      ? `.${shown}`
      : `[${JSON.stringify(shown)}]`
  })
  return `${root}${steps.join('')}`
}

/** @param {string} noun */
function withArticle(noun) {
  return /^([aeio]|un)/i.test(noun) ? `an ${noun}` : `a ${noun}`
}

/**
 * The class of what an application gave, or threw, which may be anything.
 * @param {any} value
 * @param {string} [otherwise] where the class has no name
 */
function nameOfClass(value, otherwise = 'value') {
  try {
    const { name } = value.constructor
    return typeof name === 'string' && name !== '' ? name : otherwise
  } catch {
    return otherwise
  }
}

module.exports = { formatPath, nameOfClass, withArticle }
