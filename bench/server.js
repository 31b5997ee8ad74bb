// The MongoDB of a run: the one that MONGODB_URI names, else the Rust server of SecantusDB, which
// is fast enough to keep the stores busy and the same on every machine, else a mongod.

const fs = require('node:fs')
const path = require('node:path')
const os = require('node:os')
const { elapsed, root, run, runQuietly } = require('../scripts/command')

const VERSION = '0.5.3-beta.196'
const CACHE = path.join(root, '.mongodb', `secantus-mdb-${VERSION}`)
const TOOLS = ['cmake', 'ninja', 'clang']

async function startServer(log) {
  // Only now: before the set-up there are no packages to load.
  const { startMongoDB } = require('../scripts/mongodb')
  if (process.env.MONGODB_URI) return startMongoDB({ log })
  const program = await findSecantus(log)
  return program ? startSecantus(program) : startMongoDB({ log })
}

async function findSecantus(log) {
  const known = ['secantusd-rs', inFolder(cargoHome()), inFolder(CACHE)]
  const found = known.find((program) => runQuietly(program, ['--help']).ok)
  return found ?? (await installSecantus(log))
}

function cargoHome() {
  return process.env.CARGO_HOME ?? path.join(os.homedir(), '.cargo')
}

function inFolder(folder) {
  return path.join(folder, 'bin', 'secantusd-rs')
}

async function installSecantus(log) {
  const missing = TOOLS.filter((tool) => !runQuietly(tool, ['--version']).ok)
  if (missing.length > 0) {
    log(`SecantusDB (Rust) cannot be built here without ${missing.join(', ')}; trying a mongod.`)
    log('On Debian and Ubuntu: apt-get install cmake ninja-build clang libclang-dev zlib1g-dev')
    return undefined
  }
  const start = performance.now()
  log(`Building SecantusDB ${VERSION}, a server, into .mongodb; this takes 5 to 10 minutes …`)
  const timer = setInterval(() => log(`… still building after ${elapsed(start)}`), 30_000)
  const args = ['install', 'secantus-mdb', '--version', VERSION, '--ignore-rust-version']
  const code = await run('cargo', [...args, '--root', CACHE]).finally(() => clearInterval(timer))
  if (code === 0) {
    log(`SecantusDB built in ${elapsed(start)}`)
    return inFolder(CACHE)
  }
  log('SecantusDB could not be built (the message of cargo is above); trying a mongod.')
  fs.rmSync(CACHE, { recursive: true, force: true })
  return undefined
}

async function startSecantus(program) {
  const { ThrowawayServer } = require('../scripts/mongodb-process')
  const kind = 'SecantusDB (Rust)'
  const server = new ThrowawayServer({ kind, program, stopSignal: 'SIGTERM', arguments: settings })
  await server.start()
  const description = `${kind} ${VERSION}, started for this run`
  return { uri: server.uri, kind, description, stop: () => server.remove() }
}

/** As a mongod by default: a write is acknowledged before it is on the disk. */
function settings({ port, storagePath }) {
  const place = ['--port', port, '--storage-path', storagePath]
  return [...place, '--cache-size', '1G', '--log-level', 'WARNING']
}

module.exports = { startServer }
