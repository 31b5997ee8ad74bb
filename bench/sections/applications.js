const { measurePages } = require('./pages')
const { withRedis } = require('./redis')
const { readers } = require('./stores')

/** Applications over each store, on MongoDB, on Redis and in a Map, at saturation. */
async function measureApplications({ uri, db, server, plan, log }) {
  const cases = plan.applications
  const place = (name) => ({ uri, db, collection: `applications-${name}` })
  const rows = await withRedis(readers(cases.stores, server), place, log, (stores, place) =>
    measurePages({ ...cases, stores }, place, log),
  )
  return { rows }
}

module.exports = { measureApplications }
