'use strict'

const MAX_AGE = 60_000

/** A request that has read a session: gives what writes its changes. */
async function request(store, id, changes) {
  const request = { ctx: {} }
  const session = await store.get(id, undefined, request)
  return () => store.set(id, { ...session, ...changes }, MAX_AGE, request)
}

module.exports = { request }
