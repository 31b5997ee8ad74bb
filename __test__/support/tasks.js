'use strict'

// Other processes that do what they are told, until the end of the test.

const { fork } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')

class TaskProcess {
  #child
  #calls = 0
  /** @type {Map<number, { resolve: Function, reject: Function }>} */
  #waiting = new Map()

  /** @param {import('node:child_process').ForkOptions} [options] */
  constructor(options) {
    const script = path.join(__dirname, 'task-process.js')
    this.#child = fork(script, [], { serialization: 'advanced', ...options })
    this.#child.on('message', ({ number, result, error }) => {
      const { resolve, reject } = this.#waiting.get(number)
      this.#waiting.delete(number)
      if (error) reject(error)
      else resolve(result)
    })
    this.#child.on('exit', (code, signal) => {
      const error = new Error(`the other process ended: ${code ?? signal}`)
      for (const { reject } of this.#waiting.values()) reject(error)
    })
  }

  /** Calls a function of this folder there: see tasks/. */
  run(task, ...args) {
    return new Promise((resolve, reject) => {
      const number = ++this.#calls
      this.#waiting.set(number, { resolve, reject })
      this.#child.send({ number, task: `./tasks/${task}`, args })
    })
  }

  /** Ends it in whatever it is doing. What it was told to do rejects. */
  async kill() {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }

  /** Resolves to its exit code. */
  async end() {
    this.#child.disconnect()
    const [code] = await once(this.#child, 'exit')
    return code
  }
}

module.exports = { TaskProcess }
