const { withStores } = require('./stores')

const SIZE = 1024
const AT_A_TIME = 256

/** How many operations are measured in one go. */
const STRETCH = 500_000

/**
 * Memory of one process, after ever more visits. At its few thousand operations a second, the driver
 * store would need an hour for this.
 */
async function measureMemory({ uri, db, plan, log }) {
  const place = () => ({ uri, db, collection: 'memory' })
  const points = await withStores('store-worker.js', ['ours'], place, async ({ ours }) => {
    await ours.ask('fill', { size: SIZE, count: 1000 })
    const points = []
    let done = 0
    for (const goal of plan.memory.operations) {
      while (done < goal) {
        const fewest = Math.min(STRETCH, goal - done)
        const how = { size: SIZE, count: 1000, atATime: AT_A_TIME, ms: 0, fewest }
        done += (await ours.ask('round', { operation: 'visit', ...how })).operations
        if (done % (2 * STRETCH) < STRETCH) log(`  ${done / 1e6} million operations …`)
      }
      const { memory, heapUsed } = await ours.ask('footprint')
      log(`  after ${done / 1e6} million operations: ${(memory / 2 ** 20).toFixed(1)} MB`)
      points.push({ operations: goal, memory, heapUsed })
    }
    return points
  })
  return { points }
}

module.exports = { measureMemory }
