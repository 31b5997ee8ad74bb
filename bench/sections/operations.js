const { summary } = require('../report/lines')
const { alternate, together } = require('../rounds')
const { readers, withStores } = require('./stores')

/** Sessions that take part in a round: more than are ever under way at a time. */
const COUNT = 1000

const READING = new Set(['get', 'web'])

/** get, set, touch and the mix of a web request: sizes × operations × how many at a time. */
async function measureOperations({ uri, db, server, plan, log }) {
  const { stores, operations: cases } = plan
  const place = (name) => ({ uri, db, collection: `operations-${name}` })
  const rows = await withStores('store-worker.js', stores, place, (children) =>
    measureCases(
      children,
      { ...cases, stores, readers: readers(stores, server), roundTrip: 0 },
      log,
    ),
  )
  return { rows }
}

/**
 * `readers`: those of the stores whose reads are measured.
 *
 * @returns {Promise<object[]>} a row for each case, with the rounds of each store
 */
async function measureCases(children, { stores, readers, roundTrip, ...cases }, log) {
  const total = cases.sizes.length * cases.operations.length * cases.atATime.length
  const rows = []
  for (const size of cases.sizes) {
    log(`  storing ${COUNT} sessions of ${size / 1024} KB in each …`)
    for (const name of stores) await children[name].ask('fill', { size, count: COUNT })
    for (const operation of cases.operations) {
      const compared = READING.has(operation) ? readers : stores
      await warmUp(children, compared, { operation, size, ms: cases.warmUpMs })
      for (const atATime of cases.atATime) {
        const question = { operation, size, count: COUNT, atATime, ms: cases.ms, warmUpMs: 30 }
        const rounds = await alternate(compared, cases.rounds, (name) =>
          children[name].ask('round', question),
        )
        const row = { operation, size, atATime, roundTrip, ...together(rounds) }
        rows.push(row)
        log(`  ${rows.length} of ${total}: ${summary(row)}`)
      }
    }
  }
  return rows
}

/**
 * Code is compiled and pools are filled before anything is measured. A touch also has to know its
 * session: so each takes part once.
 */
async function warmUp(children, stores, { operation, size, ms }) {
  const fewest = operation === 'touch' ? COUNT : 1
  for (const name of stores) {
    await children[name].ask('round', { operation, size, count: COUNT, atATime: 64, ms, fewest })
  }
}

module.exports = { measureCases, measureOperations }
