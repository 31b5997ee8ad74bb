'use strict'

// Other processes with a store.

const { fork, spawn } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { text } = require('node:stream/consumers')

const root = path.join(__dirname, '..', '..')

/** A child that does not end by itself is ended after this time, and has no exit code then. */
const TIME_LIMIT = 60_000

/**
 * Runs `body({ SessionStore, options })` in a process of its own, which has to end by itself.
 * @param {Function} body is sent as text: it sees nothing of the test file
 * @param {object} options of the store
 */
async function runInProcess(body, options) {
  const script = `
    const { SessionStore } = require('.');
    (${body})({ SessionStore, options: ${JSON.stringify(options)} })`
  const child = spawn(process.execPath, ['-e', script], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIME_LIMIT,
    killSignal: 'SIGKILL',
  })
  const [[code], stdout, stderr] = await Promise.all([
    once(child, 'close'),
    text(child.stdout),
    text(child.stderr),
  ])
  return { code, stdout, stderr }
}

/** A store in another process, which ends sessions when it is told to. */
class OtherProcess {
  #child

  constructor(options) {
    this.#child = fork(path.join(__dirname, 'other-process.js'), [], {
      env: { ...process.env, STORE_OPTIONS: JSON.stringify(options) },
    })
  }

  async destroy(id) {
    this.#child.send(id)
    await once(this.#child, 'message')
  }

  async end() {
    this.#child.disconnect()
    await once(this.#child, 'exit')
  }
}

module.exports = { OtherProcess, runInProcess }
