const { buildInstant } = require('../prepare')
const { startProgram } = require('../program')
const { INSTANT } = require('../report/words')
const { measureCases } = require('./operations')
const { measurePages } = require('./pages')
const { withRedis } = require('./redis')
const { withStores } = require('./stores')

/**
 * What the client's side can do: the operations and the applications again, with a server in memory that
 * takes hardly any time instead of MongoDB.
 */
async function measureInstant({ db, plan, log }) {
  const { operations, applications } = plan.instant
  const program = await buildInstant(log)
  const instant = await startProgram(INSTANT, program)
  const uri = `mongodb://${instant.address}/`
  const placeIn = (what) => (name) => ({ uri, db, collection: `${what}-${name}` })
  try {
    const { stores } = operations
    const rows = await withStores('store-worker.js', stores, placeIn('operations'), (children) =>
      measureCases(children, { ...operations, readers: stores, roundTrip: 0 }, log),
    )
    const pages = await withRedis(
      applications.stores,
      placeIn('applications'),
      log,
      (stores, place) => measurePages({ ...applications, stores }, place, log),
    )
    return { server: INSTANT, rows: [...rows, ...pages] }
  } finally {
    instant.stop()
  }
}

module.exports = { measureInstant }
