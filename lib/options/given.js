'use strict'

// How the store looks at objects of the application. They may be instances of its classes, or inherit
// from its defaults, and what they say there counts as well: that an option is not seen must not
// switch a protection off. And they may throw.

const { types } = require('node:util')
const { SessionStoreError, optionsError } = require('../errors')
const { nameOfClass, withArticle } = require('../values/wording')

/**
 * @template Result
 * @param {string} what is looked at
 * @param {() => Result} look
 */
function looking(what, look) {
  try {
    return look()
  } catch (error) {
    if (types.isNativeError(error) && error instanceof SessionStoreError) {
      throw error
    }
    // Its words are the application's.
    const thrown = withArticle(nameOfClass(error))
    throw optionsError(`${what} cannot be read: ${thrown} was thrown meanwhile`)
  }
}

/**
 * What an object says, but for what is undefined: all of its own, and what of it is known where it
 * is inherited or hidden.
 * @param {Record<string, any>} object
 * @param {string[]} known
 * @returns {[string, any][]}
 */
function saidBy(object, known) {
  const own = Object.keys(object)
  const levels = levelsOf(object)
  const others = known.filter(
    (name) => !own.includes(name) && levels.some((level) => Object.hasOwn(level, name)),
  )
  const all = [...own, ...others].map((name) => /** @type {[string, any]} */ ([name, object[name]]))
  return all.filter(([, value]) => value !== undefined)
}

/**
 * The names of the fields and getters that an object inherits; not those of methods.
 * @param {object} object
 */
function inheritedBy(object) {
  const [, ...levels] = levelsOf(object)
  const names = levels.flatMap((level) => {
    const descriptors = Object.entries(Object.getOwnPropertyDescriptors(level))
    return descriptors.filter(([, descriptor]) => isField(descriptor)).map(([name]) => name)
  })
  return [...new Set(names)]
}

/** @param {PropertyDescriptor} descriptor */
function isField({ get, value, enumerable }) {
  return get !== undefined || (enumerable && typeof value !== 'function')
}

/**
 * An object and what it inherits from, without what all objects do.
 * @param {object} object
 */
function levelsOf(object) {
  const levels = []
  for (let level = object; level !== null; level = Object.getPrototypeOf(level)) {
    levels.push(level)
  }
  // Of whichever realm.
  const isOfAll = Object.hasOwn(levels[levels.length - 1], 'isPrototypeOf')
  return isOfAll ? levels.slice(0, -1) : levels
}

module.exports = { inheritedBy, looking, saidBy }
