// Koa with koa-session over each store, each in a process of its own, and the visitors in another.

const { Child } = require('../child')
const { summary } = require('../report/lines')
const { alternate, together } = require('../rounds')
const { withStores } = require('./stores')

/**
 * @param {string[]} names
 * @param {(name: string) => object} place
 * @param {number} connections to each, every one with a visitor who has signed in
 * @param {(round: (name: string, task: string, question: object) => Promise<object>) => Promise<T>} use
 *   `task` is one of the load
 * @returns {Promise<T>}
 * @template T
 */
async function withApplications(names, place, connections, use) {
  const load = new Child('load.js', 'the load')
  try {
    return await withStores('application.js', names, place, async (children, ports) => {
      for (const name of names) await load.ask('connect', { port: ports[name], connections })
      return use((name, task, question) =>
        roundOf(children[name], load, task, { port: ports[name], ...question }),
      )
    })
  } finally {
    await load.close()
  }
}

async function roundOf(application, load, task, question) {
  const before = await application.ask('usage')
  const { requests, ...figures } = await load.ask(task, question)
  const after = await application.ask('usage')
  return {
    ...figures,
    operations: requests,
    mainCpu: (after.main - before.main) / requests,
    processCpu: (after.process - before.process) / requests,
    rss: after.rss,
  }
}

/** Every page at saturation: each visitor asks again as soon as it has an answer. */
async function measurePages({ stores, pages, connections, rounds, ms }, place, log) {
  return withApplications(stores, place, connections, async (round) => {
    const rows = []
    for (const page of pages) {
      const saturate = (length) => (name) => round(name, 'saturate', { page, ms: length })
      log(`  warming up ${page} …`)
      await alternate(stores, 1, saturate(Math.max(ms, 1000)))
      const measured = together(await alternate(stores, rounds, saturate(ms)))
      const row = { page, connections, ...measured }
      log(`  ${summary(row)}`)
      rows.push(row)
    }
    return rows
  })
}

module.exports = { measurePages, withApplications }
