'use strict'

/** Holds a request at one point until it is opened. */
class Gate {
  #arrive
  #opened

  constructor() {
    /** Resolves when the request stands before the gate. */
    this.reached = new Promise((resolve) => {
      this.#arrive = resolve
    })
    this.#opened = new Promise((resolve) => {
      this.open = resolve
    })
  }

  /** Resolves when the gate is opened. */
  pass() {
    this.#arrive()
    return this.#opened
  }
}

module.exports = { Gate }
