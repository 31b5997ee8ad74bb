const { fork } = require('node:child_process')
const path = require('node:path')

/** A process of its own, so that no peer disturbs the heap of another. It ends with this one. */
class Child {
  #process
  #name

  /**
   * @param {string} file of bench/child/
   * @param {string} name for the message of an error
   */
  constructor(file, name) {
    this.#name = name
    this.#process = fork(path.join(__dirname, 'child', file), {
      execArgv: ['--expose-gc'],
      // Ctrl-C reaches every process of a terminal; the children end when their parent does.
      detached: true,
    })
  }

  /** @returns {Promise<any>} what the task of bench/child/ resolves to */
  ask(task, question = {}) {
    return new Promise((resolve, reject) => {
      const child = this.#process
      const end = () => reject(new Error(`${this.#name} ended while it was busy with '${task}'`))
      child.once('exit', end)
      child.once('message', ({ result, problem }) => {
        child.off('exit', end)
        if (problem) reject(new Error(`${this.#name}: ${problem}`))
        else resolve(result)
      })
      if (child.connected) child.send({ task, ...question })
      else end()
    })
  }

  async close() {
    if (!this.#process.connected) return
    const gone = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.disconnect()
    await gone
  }
}

module.exports = { Child }
