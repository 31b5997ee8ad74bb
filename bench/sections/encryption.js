const { measureCases } = require('./operations')
const { withStores } = require('./stores')

/** What `encryption` and `hashIds` cost, beside the same store without them. */
async function measureEncryption({ uri, db, plan, log }) {
  const { stores, ...cases } = plan.encryption
  const place = (name) => ({ uri, db, collection: `encryption-${name}` })
  const rows = await withStores('store-worker.js', stores, place, (children) =>
    measureCases(children, { ...cases, stores, readers: stores, roundTrip: 0 }, log),
  )
  return { rows }
}

module.exports = { measureEncryption }
