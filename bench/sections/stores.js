// The stores of a section, each in a process of its own with a collection of its own.

const { Child } = require('../child')

/**
 * @param {string} file of bench/child/
 * @param {string[]} names
 * @param {(name: string) => { uri: string, db: string, collection: string }} place
 * @param {(children: Record<string, Child>, opened: Record<string, any>) => Promise<T>} use
 * @returns {Promise<T>}
 * @template T
 */
async function withStores(file, names, place, use) {
  const children = {}
  const opened = {}
  try {
    for (const name of names) {
      children[name] = new Child(file, name)
      opened[name] = await children[name].ask('open', { peer: name, place: place(name) })
    }
    const result = await use(children, opened)
    for (const name of names) await children[name].ask('close')
    return result
  } finally {
    for (const child of Object.values(children)) await child.close()
  }
}

/**
 * Those whose reads can be compared. SecantusDB reads all sessions for the filter of connect-mongo's
 * `get`, so there its reads would say nothing about it.
 *
 * @param {string[]} names
 * @param {string} server as it describes itself
 */
function readers(names, server) {
  return server.startsWith('SecantusDB') ? names.filter((name) => name !== 'connect-mongo') : names
}

module.exports = { readers, withStores }
