// The MongoDB of a run: the one that MONGODB_URI names, else the Rust server of SecantusDB, which
// is fast enough to keep the stores busy and the same on every machine, else a mongod.

const os = require('node:os')
const {
  VERSION,
  findSecantusRust,
  installSecantusRust,
} = require('../scripts/servers/secantus-rust')

async function startServer(log) {
  // Only now: before the set-up there are no packages to load.
  const { startMongoDB } = require('../scripts/servers/mongodb')
  if (process.env.MONGODB_URI) return startMongoDB({ log })
  const program = findSecantusRust() ?? (await installSecantusRust(log))
  return program ? startSecantus(program) : startMongoDB({ log })
}

async function startSecantus(program) {
  const { ThrowawayServer } = require('../scripts/servers/mongodb-process')
  const kind = 'SecantusDB (Rust)'
  const server = new ThrowawayServer({ kind, program, stopSignal: 'SIGTERM', arguments: settings })
  await server.start()
  const description = `${kind} ${VERSION}, started for this run`
  return { uri: server.uri, kind, description, stop: () => server.remove() }
}

/**
 * As a mongod by default: a write is acknowledged before it is on the disk, and the cache takes half
 * of the memory.
 */
function settings({ port, storagePath }) {
  const place = ['--port', port, '--storage-path', storagePath]
  const cache = Math.max(1, Math.floor(os.totalmem() / 2 ** 30 / 2) - 1)
  return [...place, '--cache-size', `${cache}G`, '--log-level', 'WARNING']
}

module.exports = { startServer }
