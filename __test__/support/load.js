'use strict'

// A steady load of reads and writes, which knows at any moment what has to be there.

const { TaskProcess } = require('./tasks')

/** How many requests are under way at once, each on sessions of its own. */
const CALLERS = 6
const SESSIONS = 4

class Load {
  #ended = false
  #callers
  /** What was acknowledged, by id. */
  acknowledged = new Map()
  /** What a write that failed may have left there, by id. */
  possible = new Map()
  operations = 0
  /** How many operations failed, by code. */
  failures = {}
  /** Reads that did not find what was acknowledged. */
  losses = []

  constructor(store, name) {
    this.store = store
    this.#callers = Promise.all(
      Array.from({ length: CALLERS }, (_, caller) => this.#call(`${name} ${caller}`)),
    )
  }

  /** Resolves to what it did, once all that is under way has ended. */
  async end() {
    this.#ended = true
    await this.#callers
    const { acknowledged, possible, operations, failures, losses } = this
    return { acknowledged, possible, operations, failures, losses }
  }

  async #call(name) {
    for (let round = 0; !this.#ended; round++) {
      const id = `${name} ${round % 3 === 0 ? `once ${round}` : round % SESSIONS}`
      await this.#request(id, round)
    }
  }

  /** As koa-session: reads, changes, writes. */
  async #request(id, round) {
    const request = { ctx: {} }
    const found = await this.#count(this.store.get(id, undefined, request))
    if (found === FAILED) return
    if (!this.#mayBe(id, found)) this.losses.push(id)
    const data = { ...found, id, round }
    this.#add(id, data)
    if ((await this.#count(this.store.set(id, data, undefined, request))) !== FAILED) {
      this.acknowledged.set(id, data)
      this.possible.delete(id)
    }
  }

  #add(id, data) {
    this.possible.set(id, [...(this.possible.get(id) ?? []), data])
  }

  #mayBe(id, found) {
    return allowed(this, id).some((data) => JSON.stringify(data) === JSON.stringify(found))
  }

  async #count(operation) {
    this.operations++
    try {
      return await operation
    } catch ({ code }) {
      this.failures[code] = (this.failures[code] ?? 0) + 1
      return FAILED
    }
  }
}

const FAILED = Symbol('failed')

/** What may be stored under an id. */
function allowed({ acknowledged, possible }, id) {
  return [acknowledged.get(id), ...(possible.get(id) ?? [])]
}

/**
 * A load from several processes. `end` resolves to what they did together, checked one by one
 * against what MongoDB has.
 */
class Loads {
  #processes = []

  static async start(name, count, options) {
    const loads = new Loads()
    for (let number = 0; number < count; number++) {
      const child = new TaskProcess()
      loads.#processes.push(child)
      await child.run('open', { 0: options })
      await child.run('load', `${name} ${number}`)
    }
    return loads
  }

  /** @param {import('mongodb').Collection} collection */
  async end(collection) {
    const total = { operations: 0, acknowledged: 0, failures: {}, losses: [] }
    for (const child of this.#processes) {
      const seen = await child.run('load')
      await child.run('close')
      await child.end()
      total.operations += seen.operations
      total.acknowledged += seen.acknowledged.size
      for (const [code, count] of Object.entries(seen.failures)) {
        total.failures[code] = (total.failures[code] ?? 0) + count
      }
      total.losses.push(...seen.losses)
      for (const id of seen.acknowledged.keys()) {
        const record = await collection.findOne({ _id: id })
        const stored = JSON.stringify(record?.data)
        if (!allowed(seen, id).some((data) => JSON.stringify(data) === stored)) {
          total.losses.push(id)
        }
      }
    }
    return total
  }
}

/** Resolves after so many writes have come to the collection: the load goes on. */
async function writesTo(collection, count) {
  const enough = (await collection.estimatedDocumentCount()) + count
  while ((await collection.estimatedDocumentCount()) < enough) await new Promise(setImmediate)
}

module.exports = { Load, Loads, writesTo }
