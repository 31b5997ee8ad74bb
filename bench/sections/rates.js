const { summary } = require('../report/lines')
const { alternate, together } = require('../rounds')
const { withApplications } = require('./pages')
const { withRedis } = require('./redis')
const { readers } = require('./stores')

/** The pages of the applications at fixed rates: most servers are idle for most of the day. */
async function measureRates({ uri, db, server, plan, log }) {
  const cases = plan.rates
  const place = (name) => ({ uri, db, collection: `rates-${name}` })
  const rows = await withRedis(readers(cases.stores, server), place, log, (stores, place) =>
    withApplications(stores, place, cases.connections, (round) =>
      measureAll({ ...cases, stores }, round, log),
    ),
  )
  return { rows }
}

async function measureAll({ stores, pages, rates, connections, rounds, ms, warmUpMs }, round, log) {
  const rows = []
  for (const page of pages) {
    log(`  warming up ${page} …`)
    await alternate(stores, 1, (name) => round(name, 'saturate', { page, ms: warmUpMs }))
    for (const rate of rates) {
      const seeds = Object.fromEntries(stores.map((name) => [name, 0]))
      // The first round only gets used to the rate. In each the stores get the same requests.
      const keep = (name) =>
        round(name, 'keepRate', { page, perSecond: rate, ms, seed: seeds[name]++ })
      await alternate(stores, 1, keep)
      const measured = together(await alternate(stores, rounds, keep))
      const row = { page, rate, connections, ...measured }
      log(`  ${summary(row)}`)
      rows.push(row)
    }
  }
  return rows
}

module.exports = { measureRates }
