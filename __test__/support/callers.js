'use strict'

// A load on one store that does not slow down for those who get no answer.

const { setTimeout: sleep } = require('node:timers/promises')

/** Within this time all have begun: at once they would stay together. Milliseconds. */
const START = 500

/** Callers that each call again as soon as they have an answer, on each of their ids in turn. */
class Callers {
  #ended = false
  #callers
  answered = 0
  failed = 0
  /** By id, the round of the call that was answered last. @type {Map<string, number>} */
  latest = new Map()

  /**
   * @param {string[]} ids
   * @param {(id: string, round: number) => Promise<any>} call
   * @param {number} [count] of callers
   */
  constructor(ids, call, count = ids.length) {
    this.#callers = Array.from({ length: count }, (_, caller) => {
      const own = ids.filter((_, index) => index % count === caller)
      return this.#run(own, call, (START * caller) / count)
    })
  }

  async #run(ids, call, wait) {
    await sleep(wait)
    for (let round = 0; !this.#ended; round++) {
      const id = ids[round % ids.length]
      try {
        await call(id, round)
        this.answered++
        this.latest.set(id, round)
      } catch {
        this.failed++
      }
    }
  }

  async end() {
    this.#ended = true
    await Promise.all(this.#callers)
  }
}

module.exports = { Callers }
