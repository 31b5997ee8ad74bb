'use strict'

const { MongoClient } = require('mongodb')
const { Mongoose } = require('mongoose')

/** What a store has warned of, and what else ends with it: by the store. */
const warned = new Map()
const opened = new Map()

const KINDS = {
  string: async (uri) => [uri],
  client: async (uri) => {
    const client = await new MongoClient(uri).connect()
    return [client, () => client.close()]
  },
  mongoose: async (uri) => {
    const mongoose = new Mongoose()
    await mongoose.connect(uri)
    return [mongoose, () => mongoose.disconnect()]
  },
}

/** Makes the store of this name, by a connection of this kind. */
async function connect({ SessionStore, stores }, name, kind, uri, options) {
  const [connection, end = async () => {}] = await KINDS[kind](uri)
  const store = new SessionStore({ connection, ...options })
  stores[name] = store
  opened.set(store, end)
  warned.set(store, [])
  store.on('warning', ({ code, cause }) => warned.get(store).push([code, cause?.message]))
}

/** Writes and reads with a store; what that fails with, if it does. */
async function attempt({ stores }, name) {
  try {
    await stores[name].set('id', { a: 1 })
    const read = await stores[name].get('id')
    return { read, warned: warned.get(stores[name]) }
  } catch ({ code, message, cause }) {
    return { failure: { code, message, cause: cause?.message }, warned: warned.get(stores[name]) }
  }
}

async function disconnect({ stores }, name) {
  const store = stores[name]
  delete stores[name]
  await store.close()
  await opened.get(store)()
}

module.exports = (environment, step, ...args) =>
  ({ connect, attempt, disconnect })[step](environment, ...args)
