// Debian's redis-server, each on a port and in a folder of its own.

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { Problem, runQuietly } = require('../scripts/command')

const PROGRAM = 'redis-server'
const START_MS = 10_000

/** What a server keeps on the disk, by the ending of the names of the stores that use it. */
const PERSISTENCE = {
  none: ['--appendonly', 'no'],
  everysec: ['--appendonly', 'yes', '--appendfsync', 'everysec'],
}

// It does not end by itself when this process is killed; this does it then, since the pipe closes.
const GUARD = 'folder=$1; shift; "$@" & cat > /dev/null; kill $!; wait; rm -rf "$folder"'

/** @returns {string | undefined} the version, where it is installed */
function findRedis() {
  const { ok, stdout } = runQuietly(PROGRAM, ['--version'])
  return ok ? (/v=(\S+)/.exec(stdout)?.[1] ?? 'of an unknown version') : undefined
}

/**
 * @param {keyof typeof PERSISTENCE} persistence
 * @returns {Promise<{ port: number, stop: () => Promise<void> }>}
 */
async function startRedis(persistence) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'koa-session-redis-'))
  const port = await freePort()
  const place = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder]
  const settings = [...place, '--save', '', ...PERSISTENCE[persistence]]
  const guard = spawn('sh', ['-c', GUARD, 'sh', folder, PROGRAM, ...settings], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  const gone = new Promise((resolve) => guard.once('exit', resolve))
  const stop = async () => {
    guard.stdin.end()
    await gone
  }
  const deadline = Date.now() + START_MS
  while (!(await answers(port))) {
    if (Date.now() > deadline) {
      await stop()
      throw new Problem('redis-server does not answer.')
    }
    await sleep(20)
  }
  return { port, stop }
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    const done = (answer) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('data', (reply) => done(reply.toString().startsWith('+PONG')))
    socket.once('error', () => done(false))
  })
}

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', () => resolve(undefined)))
  const { port } = /** @type {net.AddressInfo} */ (probe.address())
  await new Promise((resolve) => probe.close(resolve))
  return port
}

module.exports = { PERSISTENCE, findRedis, startRedis }
