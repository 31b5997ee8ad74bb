const { Child } = require('../child')
const { valuesSummary } = require('../report/lines')

/** What sessions of other values than JSON's cost the event loop. */
async function measureValues({ uri, db, plan, log }) {
  const child = new Child('values.js', 'values')
  try {
    const place = { uri, db, collection: 'values' }
    const rows = await child.ask('measure', { place, ...plan.values })
    for (const row of rows) log(`  ${valuesSummary(row)}`)
    return { rows }
  } finally {
    await child.close()
  }
}

module.exports = { measureValues }
