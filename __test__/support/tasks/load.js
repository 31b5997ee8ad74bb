'use strict'

const { Load } = require('../load')

let load

/** Starts a steady load on the first store of this process, or ends it: resolves to what it saw. */
module.exports = async ({ stores }, name) => {
  if (name === undefined) return load.end()
  load = new Load(Object.values(stores)[0], name)
}
