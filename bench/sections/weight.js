const fs = require('node:fs')
const path = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { root, runQuietly } = require('../../scripts/command')
const { Child } = require('../child')
const { median } = require('../statistics')

const MODULES = { ours: '.', driver: 'mongodb', mongoose: 'mongoose' }

async function measureWeight({ uri, db, plan, log }) {
  const { starts, idleMs } = plan.weight
  const addon = fs.readdirSync(root).find((name) => name.endsWith('.node'))
  const addonBytes = fs.statSync(path.join(root, addon)).size
  log(`  addon: ${(addonBytes / 1e6).toFixed(2)} MB`)
  const start = measureStarts(starts, log)
  const idle = {}
  for (const name of ['driver', 'koa-session-mongoose', 'ours']) {
    idle[name] = await measureIdle(name, { uri, db, collection: `weight-${name}` }, idleMs)
    const { memory, threads } = idle[name]
    log(`  ${name}: ${(memory / 2 ** 20).toFixed(1)} MB and ${threads} threads more when idle`)
  }
  return { addonBytes, start, idle }
}

/** The time that each module takes to load and the first store of it to be made, in fresh processes. */
function measureStarts(starts, log) {
  const measured = Object.fromEntries(
    Object.keys(MODULES).map((name) => [name, { ms: [], firstMs: [] }]),
  )
  for (let round = 0; round < starts; round++) {
    for (const [name, module] of Object.entries(MODULES)) {
      const args = [path.join(__dirname, '..', 'child', 'start-up.js'), module]
      const { ok, stdout, stderr } = runQuietly(process.execPath, args)
      if (!ok) throw new Error(stderr)
      const { ms, firstMs, drivers } = JSON.parse(stdout)
      measured[name].ms.push(ms)
      measured[name].firstMs.push(firstMs)
      measured[name].drivers = drivers
    }
  }
  for (const [name, { ms, firstMs }] of Object.entries(measured)) {
    const times = [ms, firstMs].map((each) => `${median(each).toFixed(1)} ms`)
    log(`  loading ${name}: ${times[0]}, the first store ${times[1]}`)
  }
  return measured
}

/** What a process has more of once a store is open, has answered once, and rests. */
async function measureIdle(name, place, idleMs) {
  const child = new Child('store-worker.js', name)
  try {
    const before = await child.ask('footprint')
    await child.ask('open', { peer: name, place })
    await child.ask('fill', { size: 1024, count: 1 })
    await sleep(idleMs)
    const after = await child.ask('footprint')
    await child.ask('close')
    return { memory: after.memory - before.memory, threads: after.threads - before.threads }
  } finally {
    await child.close()
  }
}

module.exports = { measureWeight }
