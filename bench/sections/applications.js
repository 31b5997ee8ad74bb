const { Child } = require('../child')
const { alternate } = require('../rounds')
const { summary } = require('../report/lines')
const { withStores } = require('./stores')

/** Koa with koa-session over each store, under the load of another process. */
async function measureApplications({ uri, db, plan, log }) {
  const { pages, connections, rounds, ms } = plan.applications
  const place = (name) => ({ uri, db, collection: `applications-${name}` })
  const load = new Child('load.js', 'the load')
  try {
    const rows = await withStores('application.js', plan.stores, place, async (children, ports) => {
      for (const name of plan.stores) await load.ask('connect', { port: ports[name], connections })
      const rows = []
      for (const page of pages) {
        const round = (length) => (name) =>
          roundOf(children[name], load, { port: ports[name], page, ms: length })
        log(`  warming up ${page} …`)
        await alternate(plan.stores, 1, round(Math.max(ms, 1000)))
        const row = { page, connections, stores: await alternate(plan.stores, rounds, round(ms)) }
        log(`  ${summary(row)}`)
        rows.push(row)
      }
      return rows
    })
    return { rows }
  } finally {
    await load.close()
  }
}

async function roundOf(application, load, question) {
  const before = await application.ask('usage')
  const { requests, ...figures } = await load.ask('round', question)
  const after = await application.ask('usage')
  return {
    ...figures,
    operations: requests,
    mainCpu: (after.main - before.main) / requests,
    processCpu: (after.process - before.process) / requests,
    rss: after.rss,
  }
}

module.exports = { measureApplications }
