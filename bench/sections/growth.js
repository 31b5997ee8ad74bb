const { Child } = require('../child')
const { alternate } = require('../rounds')
const { summary } = require('../report/lines')
const { fillCollection } = require('./fill')
const { withStores } = require('./stores')

const SIZE = 1024
const AT_A_TIME = 64

/** How many operations are measured in one go while memory is watched. */
const STRETCH = 500_000

async function measureGrowth({ uri, db, plan, log }) {
  const { stored, stores, memoryAt } = plan.growth
  for (const count of stored) {
    await fillCollection({ uri, db, collection: collectionOf(count), size: SIZE, count, log })
  }
  const rows = await measureStored({ uri, db, plan: plan.growth, log })
  const memory = {}
  // At its few thousand operations a second, the driver store would need an hour for this.
  if (memoryAt.length > 0) memory.ours = await watchMemory({ uri, db, memoryAt, log })
  return { rows, memory, stored, stores }
}

const collectionOf = (count) => `growth-${count}`

/** get and set; rounds alternate between the numbers of sessions as well as between the stores. */
async function measureStored({ uri, db, plan, log }) {
  const { stored, stores, rounds, ms, warmUpMs } = plan
  const sides = stores.flatMap((name) => stored.map((count) => ({ name, count })))
  const children = {}
  try {
    for (const { name, count } of sides) {
      const child = new Child('store-worker.js', name)
      children[`${name} ${count}`] = child
      await child.ask('open', { peer: name, place: { uri, db, collection: collectionOf(count) } })
    }
    const rows = []
    for (const operation of ['get', 'set']) {
      const round = (length) => (key) => {
        const count = Number(key.split(' ')[1])
        const how = { size: SIZE, count, atATime: AT_A_TIME, ms: length, warmUpMs: 50 }
        return children[key].ask('round', { operation, ...how })
      }
      await alternate(Object.keys(children), 1, round(warmUpMs))
      const measured = await alternate(Object.keys(children), rounds, round(ms))
      for (const count of stored) {
        const byStore = stores.map((name) => [name, measured[`${name} ${count}`]])
        const row = { operation, stored: count, stores: Object.fromEntries(byStore) }
        log(`  ${summary(row)}`)
        rows.push(row)
      }
    }
    return rows
  } finally {
    for (const child of Object.values(children)) await child.close()
  }
}

/** Memory of one process, after ever more operations of the web mix. */
function watchMemory({ uri, db, memoryAt, log }) {
  const place = () => ({ uri, db, collection: 'growth-memory' })
  return withStores('store-worker.js', ['ours'], place, async ({ ours }) => {
    await ours.ask('fill', { size: SIZE, count: 1000 })
    const points = []
    let done = 0
    for (const goal of memoryAt) {
      while (done < goal) {
        const fewest = Math.min(STRETCH, goal - done)
        const how = { size: SIZE, count: 1000, atATime: AT_A_TIME, ms: 0, fewest }
        done += (await ours.ask('round', { operation: 'web', ...how })).operations
        if (done % (2 * STRETCH) < STRETCH) log(`  ${done / 1e6} million operations …`)
      }
      const { memory, heapUsed } = await ours.ask('footprint')
      log(`  after ${done / 1e6} million operations: ${(memory / 2 ** 20).toFixed(1)} MB`)
      points.push({ operations: goal, memory, heapUsed })
    }
    return points
  })
}

module.exports = { measureGrowth }
