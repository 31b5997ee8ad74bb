// What it takes to find and to end the sessions of one user among many, with an index over the path
// and without; and how much room the sessions and their indexes take.

const { fillCollection } = require('./fill')

const SIZE = 1024
const SESSIONS_PER_USER = 5
const PATH = 'userInfo.id'

async function measureLookups({ uri, db, plan, log }) {
  const rows = []
  const rooms = []
  for (const stored of plan.lookups.stored) {
    const place = { uri, db, collection: `lookups-${stored}` }
    const users = stored / SESSIONS_PER_USER
    await fillCollection({ ...place, size: SIZE, count: stored, users, log })
    const user = inTurn(users)
    for (const [index, indexes] of [[], [PATH]].entries()) {
      const store = open({ ...place, indexes })
      try {
        const indexed = await makeIndex(store, place, indexes, log)
        const rounds = indexed ? plan.lookups.rounds : plan.lookups.scans
        for (const [operation, call] of Object.entries(CALLS)) {
          const ms = await measure(rounds, () => call(store, { [PATH]: user() }))
          rows.push({ operation, stored, indexed: index === 1, ms })
          log(
            `  ${operation}, ${stored} stored, ${indexed ? 'with' : 'without'} index: ${ms[0]} ms`,
          )
        }
      } finally {
        await store.close()
      }
    }
    rooms.push({ stored, ...(await roomOf(place)) })
  }
  return { rows, rooms }
}

const CALLS = {
  length: async (store, filter) => expectSome(await store.length(filter)),
  destroyMany: async (store, filter) => expectSome(await store.destroyMany(filter)),
}

function expectSome(count) {
  if (count !== SESSIONS_PER_USER) throw new Error(`${count} sessions of a user`)
}

/** Another user each time: the sessions of the last may be gone. */
function inTurn(users) {
  let user = 0
  return () => user++ % users
}

function open({ uri, db, collection, indexes }) {
  const { SessionStore } = require('../..')
  const store = new SessionStore({ connection: uri, db, collection, indexes, timeoutMS: 600_000 })
  store.on('warning', ({ message }) => {
    throw new Error(message)
  })
  return store
}

/** Waits until the index over the path is there, if there is to be one. */
async function makeIndex(store, place, indexes, log) {
  await store.get('nobody')
  if (indexes.length === 0) return false
  const start = performance.now()
  while (!(await indexNames(place)).includes(`data.${PATH}_1`)) {
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  log(`  index made in ${((performance.now() - start) / 1000).toFixed(1)} s`)
  return true
}

async function indexNames(place) {
  return withCollection(place, async (sessions) => {
    const indexes = await sessions.indexes()
    return indexes.map(({ name }) => name)
  })
}

async function measure(rounds, call) {
  const ms = []
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    await call()
    ms.push(performance.now() - start)
  }
  return ms
}

/** In bytes, as MongoDB counts. */
async function roomOf(place) {
  return withCollection(place, async (sessions, database) => {
    await database.admin().command({ fsync: 1 })
    const { count, size, storageSize, indexSizes } = await database.command({
      collStats: sessions.collectionName,
    })
    return { documents: count, data: size, storage: storageSize, indexes: indexSizes }
  })
}

async function withCollection({ uri, db, collection }, work) {
  const { MongoClient } = require('mongodb')
  const client = await MongoClient.connect(uri)
  try {
    return await work(client.db(db).collection(collection), client.db(db))
  } finally {
    await client.close()
  }
}

module.exports = { measureLookups }
