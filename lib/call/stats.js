'use strict'

const { loadBinary } = require('../binary')

const { Stats: Counts } = loadBinary()

/** What a store has done since it was made, at whichever addresses. */
class Stats {
  #counts = new Counts()
  #since = new Date()

  /** What Rust counts by. */
  get counts() {
    return this.#counts
  }

  /** @param {number} held operations that wait here */
  read(held) {
    const { calls, waiting, ...rest } = this.#counts.read()
    const entries = calls.map(({ name, outcomes, seconds }) => {
      const counts = Object.fromEntries(outcomes.map(({ name, count }) => [name, count]))
      return [name, { outcomes: counts, seconds }]
    })
    return {
      since: this.#since,
      calls: Object.fromEntries(entries),
      waiting: waiting + held,
      ...rest,
    }
  }

  /**
   * A call has failed before it crossed to Rust.
   * @param {string} call its name
   * @param {string} code
   * @param {number} time that it waited, in milliseconds
   */
  fail(call, code, time) {
    this.#counts.fail(call, code, time)
  }

  /** @param {boolean} isTraced whether Rust is to say how many operations travel together */
  trace(isTraced) {
    this.#counts.trace(isTraced)
  }
}

exports.Stats = Stats
