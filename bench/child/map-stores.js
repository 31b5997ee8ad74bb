// The limit: a Map in the process itself. No copies, no expiry, no other process.

const openers = {
  async Map() {
    return { store: new MapStore(), close: async () => {} }
  },

  async 'Map-in-bunches'() {
    return { store: new BunchedMapStore(), close: async () => {} }
  },
}

class MapStore {
  #sessions = new Map()

  async get(id) {
    return this.#sessions.get(id)
  }

  async set(id, data) {
    this.#sessions.set(id, data)
    return data
  }

  async destroy(id) {
    this.#sessions.delete(id)
  }
}

/**
 * The same, but its answers come as those of a database do: later, and all that were asked for in one
 * turn of the event loop together. So requests that arrive together are also answered together.
 */
class BunchedMapStore {
  #sessions = new Map()
  #waiting = []

  get(id) {
    return this.#later(this.#sessions.get(id))
  }

  set(id, data) {
    this.#sessions.set(id, data)
    return this.#later(data)
  }

  destroy(id) {
    this.#sessions.delete(id)
    return this.#later(undefined)
  }

  #later(value) {
    return new Promise((resolve) => {
      this.#waiting.push({ resolve, value })
      if (this.#waiting.length === 1) setImmediate(() => this.#answer())
    })
  }

  #answer() {
    const answered = this.#waiting
    this.#waiting = []
    for (const { resolve, value } of answered) resolve(value)
  }
}

module.exports = { openers }
