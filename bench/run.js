// npm run bench: everything but what takes longest, a million sessions and ten million operations.
// npm run bench -- --full: that, too.
// npm run bench -- SECTION …: weight, applications, rates, operations, instant, networks, values,
// encryption, growth, lookups, memory.
// npm run bench -- --quick: a short look at everything, in about four minutes.

const path = require('node:path')
const { Problem, elapsed, fail, root } = require('../scripts/command')
const { setUp } = require('../scripts/setup')
const { plans } = require('./plan')
const { installPeers } = require('./prepare')
const { startServer } = require('./server')

const RESULTS = path.join(__dirname, 'results')

const sections = {
  weight: async (bench) => require('./sections/weight').measureWeight(bench),
  applications: async (bench) => require('./sections/applications').measureApplications(bench),
  rates: async (bench) => require('./sections/rates').measureRates(bench),
  operations: async (bench) => require('./sections/operations').measureOperations(bench),
  instant: async (bench) => require('./sections/instant').measureInstant(bench),
  networks: async (bench) => require('./sections/networks').measureNetworks(bench),
  values: async (bench) => require('./sections/values').measureValues(bench),
  encryption: async (bench) => require('./sections/encryption').measureEncryption(bench),
  growth: async (bench) => require('./sections/growth').measureGrowth(bench),
  lookups: async (bench) => require('./sections/lookups').measureLookups(bench),
  memory: async (bench) => require('./sections/memory').measureMemory(bench),
}

const log = (line) => console.log(line)

async function main() {
  const { names, quick, plan } = readArguments(process.argv.slice(2))
  const start = performance.now()
  await setUp({ log })
  await installPeers(log)
  log('Looking for a MongoDB …')
  const server = await startServer(log)
  const db = `koa-session-bench-${process.pid}`
  const folder = quick ? path.join(RESULTS, 'quick') : RESULTS
  stopOnSignal(server)
  try {
    log(`MongoDB: ${server.description}`)
    const bench = { uri: server.uri, db, server: server.description, plan, log }
    await measure(names, bench, { folder, quick })
  } finally {
    await dropDatabase(server.uri, db).catch((error) => log(`${db} is left: ${error.message}`))
    await server.stop()
  }
  const goals = require('./report').report(folder)
  log(`\n${goals.join('\n')}`)
  log(`\n✓ Measured in ${elapsed(start)}; tables and charts: ${path.relative(root, folder)}/`)
}

function readArguments(words) {
  const flags = words.filter((word) => word.startsWith('--'))
  const chosen = words.filter((word) => !word.startsWith('--'))
  const unknown =
    flags.find((flag) => !['--quick', '--full'].includes(flag)) ??
    chosen.find((name) => !sections[name])
  if (unknown) {
    throw new Problem(
      `'${unknown}' is neither a section nor a flag.`,
      `npm run bench -- [--quick | --full] [${Object.keys(sections).join(' ')}]`,
    )
  }
  const quick = flags.includes('--quick')
  const plan = structuredClone(quick ? plans.quick : plans.whole)
  if (chosen.length > 0) return { names: chosen, quick, plan }
  const all = Object.keys(sections)
  if (quick || flags.includes('--full')) return { names: all, quick, plan }
  plan.growth.stored.pop()
  plan.lookups.stored.pop()
  return { names: all.filter((name) => name !== 'memory'), quick, plan }
}

async function measure(names, bench, { folder, quick }) {
  const { circumstances } = require('./report/machine')
  const { save } = require('./report')
  for (const name of names) {
    const start = performance.now()
    log(`\n▶ ${name}`)
    const where = circumstances()
    const result = await sections[name](bench)
    if (result) {
      const { server = bench.server, ...figures } = result
      save(folder, name, { circumstances: { ...where, server }, quick, ...figures })
    }
    log(`✓ ${name}: ${elapsed(start)}`)
  }
}

async function dropDatabase(uri, db) {
  const { MongoClient } = require('mongodb')
  const client = await MongoClient.connect(uri)
  await client.db(db).dropDatabase()
  await client.close()
}

function stopOnSignal(server) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, async () => {
      log('\nStopping …')
      await server.stop()
      process.exit(1)
    })
  }
}

main().catch(fail)
