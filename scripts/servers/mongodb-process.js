'use strict'

// One throwaway MongoDB: a process with storage of its own, which never outlives this process.

const { spawn } = require('node:child_process')
const { randomBytes } = require('node:crypto')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { MongoClient } = require('mongodb')
const { Problem, isWindows } = require('../command')

const START_MS = 60_000
const STOP_MS = 10_000

class ThrowawayServer {
  #candidate
  #settings
  #auth
  #folder
  #guard
  #child

  /** Known once the server runs. */
  version = ''

  /**
   * @param {object} candidate what to run, from mongodb-find.js
   * @param {object} [options]
   * @param {number} [options.port] a free one where not given
   * @param {{ username: string, password: string }} [options.auth] makes this user (role root) and
   *   lets nobody in without a password
   * @param {string} [options.storagePath] kept when the server goes; a temporary one where not given
   * @param {boolean} [options.replicaSet] a replica set of one (the default), or a standalone server
   * @param {{ certificateFile: string, keyFile: string, bothFile: string, authorityFile: string,
   *   clientFile?: string }} [options.tls] PEM files: it speaks nothing but TLS, with this
   *   certificate; `clientFile` is one by which a client can sign on, which it then asks for
   * @param {string[]} [options.args] further arguments for the program
   */
  constructor(candidate, { port = 0, auth, storagePath, replicaSet = true, tls, args = [] } = {}) {
    this.#candidate = candidate
    this.#settings = { port, storagePath, replicaSet, tls, args }
    this.#auth = auth
  }

  get kind() {
    return this.#candidate.kind
  }

  get port() {
    return this.#settings.port
  }

  get pid() {
    return this.#child?.pid
  }

  get uri() {
    const { keyFile, tls } = this.#settings
    const parameters = []
    let credentials = ''
    if (this.#auth && keyFile) {
      const { username, password } = this.#auth
      credentials = `${encodeURIComponent(username)}:${encodeURIComponent(password)}@`
      parameters.push('authSource=admin')
    }
    if (tls) {
      parameters.push('tls=true', `tlsCAFile=${encodeURIComponent(tls.authorityFile)}`)
      if (tls.clientFile) {
        parameters.push(`tlsCertificateKeyFile=${encodeURIComponent(tls.clientFile)}`)
      }
    }
    const query = parameters.length > 0 ? `?${parameters.join('&')}` : ''
    return `mongodb://${credentials}127.0.0.1:${this.port}/${query}`
  }

  /** Resolves when the server answers. After `stop` or `kill`: the same port, the same data. */
  async start() {
    this.#prepareStorage()
    await this.#launch()
    if (this.#auth && !this.#settings.keyFile) await this.#requireAuth(this.#auth)
  }

  /** Resolves when the server has ended, with all its writes kept. `start` brings it back. */
  async stop() {
    await this.#end(this.#candidate.stopSignal)
  }

  /** Ends the server as a power cut would. `start` brings it back. */
  async kill() {
    await this.#end('SIGKILL')
  }

  /** The end of it, and of its storage unless that was given. */
  async remove() {
    await this.#end('SIGKILL')
    this.#guard?.kill('SIGKILL')
    if (this.#folder) fs.rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 })
    this.#guard = this.#folder = undefined
  }

  #prepareStorage() {
    if (this.#folder) return
    this.#folder = fs.mkdtempSync(path.join(os.tmpdir(), 'koa-session-mongodb-'))
    this.#settings.storagePath ??= path.join(this.#folder, 'data')
    fs.mkdirSync(this.#settings.storagePath, { recursive: true })
    this.#guard = startGuard(this.#folder)
  }

  async #launch() {
    const { port } = this.#settings
    for (let attempt = 1; ; attempt++) {
      this.#settings.port = await freePort(port)
      try {
        return await this.#spawn()
      } catch (error) {
        await this.kill()
        // Between finding a free port and using it, another process may take it.
        if (port !== 0 || attempt === 3 || !/in use/i.test(error.message)) throw error
      }
    }
  }

  async #spawn() {
    const { program } = this.#candidate
    const logFile = path.join(this.#folder, 'server.log')
    const output = fs.openSync(logFile, 'w')
    const args = [...this.#candidate.arguments(this.#settings), ...this.#settings.args].map(String)
    // Detached: Ctrl-C in a terminal is for the application, which then stops its MongoDB.
    const child = spawn(program, args, { stdio: ['ignore', output, output], detached: true })
    fs.closeSync(output)
    this.#child = child
    const ended = new Promise((_, reject) => {
      child.once('error', reject)
      child.once('exit', () => {
        if (this.#child === child) this.#child = undefined
        const words = fs.existsSync(logFile) ? fs.readFileSync(logFile, 'utf8').slice(-2000) : ''
        reject(new Problem(`${this.kind} ended while it was starting.`, words.trim()))
      })
    })
    ended.catch(() => {})
    this.#guard.stdin.write(`${child.pid}\n`)
    const { replicaSet, initiated } = this.#settings
    await Promise.race([ready(this.uri, this.port, replicaSet && !initiated), ended])
    this.#settings.initiated = true
    child.unref()
  }

  /** Users can only be made before the server asks for a password. */
  async #requireAuth({ username, password }) {
    await withClient(this.uri, (client) =>
      client.db('admin').command({ createUser: username, pwd: password, roles: ['root'] }),
    )
    await this.stop()
    this.#settings.keyFile = path.join(this.#folder, 'key')
    fs.writeFileSync(this.#settings.keyFile, randomBytes(48).toString('base64'), { mode: 0o600 })
    await this.#launch()
  }

  async #end(signal) {
    const child = this.#child
    if (!child?.pid) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.ref()
    // A process that a test has stopped would not hear of it. Windows has no such signal.
    if (!isWindows) child.kill('SIGCONT')
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await gone
    clearTimeout(timer)
    this.#guard?.stdin.write('\n')
  }
}

/**
 * Ends the server and removes the folder when this process ends in whatever way: then the pipe
 * closes. It is told the server's process id, or an empty line when there is none to end.
 */
function startGuard(folder) {
  const script =
    'while read -r line; do pid=$line; done; [ -z "$pid" ] || kill -9 "$pid"; sleep 0.2; rm -rf "$1"'
  const guard = spawn('sh', ['-c', script, 'sh', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  guard.on('error', () => {})
  const pipe = /** @type {net.Socket} */ (guard.stdin)
  pipe.on('error', () => {})
  pipe.unref()
  guard.unref()
  return guard
}

async function freePort(wanted) {
  const probe = net.createServer()
  await new Promise((resolve, reject) => {
    probe.once('error', reject)
    probe.listen(wanted, '127.0.0.1', () => resolve(undefined))
  })
  const { port } = /** @type {net.AddressInfo} */ (probe.address())
  await new Promise((resolve) => probe.close(resolve))
  return port
}

/** Waits until the server takes writes; makes it a replica set first where that is wanted. */
async function ready(uri, port, initiate) {
  const deadline = Date.now() + START_MS
  while (!(await listens(port))) await pause(deadline)
  await withClient(uri, async (client) => {
    const admin = client.db('admin')
    let hello = await admin.command({ hello: 1 })
    if (initiate && hello.isreplicaset) {
      const members = [{ _id: 0, host: `127.0.0.1:${port}` }]
      await admin.command({ replSetInitiate: { _id: 'rs0', members } })
    }
    while (!hello.isWritablePrimary) {
      await pause(deadline)
      hello = await admin.command({ hello: 1 })
    }
  })
}

async function pause(deadline) {
  if (Date.now() > deadline) throw new Problem('The MongoDB server does not answer.')
  await sleep(50)
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    const done = (answer) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => done(true))
    socket.once('error', () => done(false))
  })
}

async function withClient(uri, use) {
  const client = new MongoClient(uri, { directConnection: true, serverSelectionTimeoutMS: 10_000 })
  try {
    return await use(client)
  } finally {
    await client.close()
  }
}

module.exports = { ThrowawayServer }
