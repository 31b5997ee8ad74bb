'use strict'

/** Makes the stores that the other tasks use. */
module.exports = async ({ SessionStore, stores }, options) => {
  for (const [number, own] of Object.entries(options)) stores[number] = new SessionStore(own)
}
