const { buildProxy } = require('../prepare')
const { canBeProxied, startProxy } = require('../proxy')
const { measureCases } = require('./operations')
const { readers, withStores } = require('./stores')

/** The operations again, through a proxy that adds a round trip. */
async function measureNetworks({ uri, db, server, plan, log }) {
  if (!canBeProxied(uri)) {
    log('  left out: a proxy can only stand in front of one server without TLS')
    return undefined
  }
  const program = await buildProxy(log)
  const { roundTrips, ...cases } = plan.networks
  const rows = []
  for (const roundTrip of roundTrips) {
    const proxy = await startProxy(program, uri, roundTrip)
    const place = (name) => ({ uri: proxy.uri, db, collection: `networks-${name}` })
    try {
      const measured = await withStores('store-worker.js', cases.stores, place, (children) =>
        measureCases(
          children,
          { ...cases, readers: readers(cases.stores, server), roundTrip },
          log,
        ),
      )
      rows.push(...measured)
    } finally {
      proxy.stop()
    }
  }
  return { rows }
}

module.exports = { measureNetworks }
