// What the benchmark needs beyond the project's own set-up: the peers, the proxy, and a server in memory.

const fs = require('node:fs')
const path = require('node:path')
const { Problem, elapsed, run } = require('../scripts/command')

/** The stores that only the benchmark needs; the others are among the project's packages. */
async function installPeers(log) {
  const wanted = readJson('package-lock.json').packages
  const installed = readJson('node_modules/.package-lock.json')?.packages ?? {}
  const current = Object.entries(wanted).every(
    ([place, { version }]) => place === '' || installed[place]?.version === version,
  )
  if (current) return
  const start = performance.now()
  log('Installing the peers that only the benchmark needs (npm ci in bench/) …')
  const code = await run('npm', ['ci', '--prefix', 'bench', '--no-audit', '--no-fund'])
  if (code !== 0) throw new Problem('npm ci failed in bench/; its own message is above.')
  log(`Peers installed in ${elapsed(start)}`)
}

const buildProxy = (log) =>
  build('proxy', 'round-trip-proxy', 'the proxy that adds round trips', log)

const buildInstant = (log) =>
  build('instant', 'instant-server', 'the server in memory that takes hardly any time', log)

/** @returns {Promise<string>} the program; cargo knows whether there is anything to do */
async function build(folder, name, what, log) {
  // An environment that keeps all that cargo builds in one place is for the project, not for this.
  const target = path.join(__dirname, folder, 'target')
  const program = path.join(target, 'release', name)
  if (!fs.existsSync(program)) log(`Building ${what} …`)
  const manifest = path.join(__dirname, folder, 'Cargo.toml')
  const args = ['build', '--release', '--quiet', '--locked', '--manifest-path', manifest]
  const code = await run('cargo', [...args, '--target-dir', target])
  if (code !== 0) {
    throw new Problem(`${name} could not be built; the message of cargo is above.`)
  }
  return program
}

function readJson(name) {
  try {
    return JSON.parse(fs.readFileSync(path.join(__dirname, name), 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

module.exports = { buildInstant, buildProxy, installPeers }
