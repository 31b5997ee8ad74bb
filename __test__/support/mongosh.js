'use strict'

// Runs code that a page has for mongosh, whose calls wait for their answers: here they are made in order,
// after the code has run.

/**
 * @param {string} code that speaks of `db.sessions`
 * @param {any} database of useDatabase
 * @param {string} name of the collection that is meant
 */
async function runInShell(code, database, name) {
  const collection = database.collection(name)
  const calls = []
  const call =
    (method) =>
    (...args) =>
      calls.push(() => collection[method](...args))
  const found = await collection.find().toArray()
  const sessions = {
    // All that is there: the filters of the pages take whatever is a session.
    find: () => found,
    ...Object.fromEntries(
      ['updateOne', 'updateMany', 'dropIndex'].map((name) => [name, call(name)]),
    ),
  }
  new Function('db', code)({ sessions })
  for (const each of calls) await each()
}

module.exports = { runInShell }
