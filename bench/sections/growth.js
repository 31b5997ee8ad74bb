const { Child } = require('../child')
const { summary } = require('../report/lines')
const { alternate, together } = require('../rounds')
const { fillCollection } = require('./fill')

const SIZE = 1024
const AT_A_TIME = 64

async function measureGrowth({ uri, db, plan, log }) {
  const { stored, stores } = plan.growth
  for (const count of stored) {
    await fillCollection({ uri, db, collection: collectionOf(count), size: SIZE, count, log })
  }
  const rows = await measureStored({ uri, db, plan: plan.growth, log })
  return { rows, stored, stores }
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
        const row = { operation, stored: count, ...together(Object.fromEntries(byStore)) }
        log(`  ${summary(row)}`)
        rows.push(row)
      }
    }
    return rows
  } finally {
    for (const child of Object.values(children)) await child.close()
  }
}

module.exports = { measureGrowth }
