const { makeId, makeSession, MAX_AGE } = require('../child/sessions')

const BATCH = 1000
const BATCHES_AT_ONCE = 4

/**
 * Stores many sessions the quick way; every store that is measured here reads this shape. With `users`,
 * they belong to so many, each as many.
 */
async function fillCollection({ uri, db, collection, size, count, users, log }) {
  const { MongoClient } = require('mongodb')
  const client = await MongoClient.connect(uri)
  try {
    const sessions = client.db(db).collection(collection)
    // Before the records, so that each store finds it as it would have made it.
    await sessions.createIndex({ expiresAt: 1 }, { expireAfterSeconds: 0 })
    let next = 0
    let logged = performance.now()
    const insert = async () => {
      while (next < count) {
        const first = next
        next += BATCH
        const batch = records(first, Math.min(next, count), size, users)
        await sessions.insertMany(batch, { ordered: false })
        if (performance.now() - logged > 5000) {
          logged = performance.now()
          log(`  ${next.toLocaleString('en')} of ${count.toLocaleString('en')} sessions stored …`)
        }
      }
    }
    log(`  storing ${count.toLocaleString('en')} sessions …`)
    await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, insert))
  } finally {
    await client.close()
  }
}

function records(first, end, size, users) {
  const now = Date.now()
  return Array.from({ length: end - first }, (_, index) => ({
    _id: makeId(size, first + index),
    data: sessionOf(size, first + index, users),
    updatedAt: new Date(now),
    expiresAt: new Date(now + MAX_AGE),
  }))
}

function sessionOf(size, number, users) {
  const session = makeSession(size, number)
  if (users) session.userInfo.id = number % users
  return session
}

module.exports = { fillCollection }
