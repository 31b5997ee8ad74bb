'use strict'

// Writes that MongoDB executes, and whose answers are lost: by then others have written the same
// sessions, and were told so. A repetition would undo that.

const assert = require('node:assert/strict')
const { GONE } = require('./network')

const MINE = { mine: true }
const THEIRS = { theirs: true }

/** Each writes a session that was there before, but for the first. */
const writes = {
  'a new session': (store, id) => store.set(id, MINE),
  'a whole session': (store, id) => store.set(id, MINE),
  'a difference': (store, id) => change(store, id, MINE),
  'a swap': (store, id) => change(store, id, { ...MINE, 'a.b': 1 }),
  'a destroy': (store, id) => store.destroy(id),
}
const ids = Object.keys(writes)

async function change(store, id, changes) {
  const request = { ctx: {} }
  const session = await store.get(id, undefined, request)
  return store.set(id, { ...session, ...changes }, undefined, request)
}

class LostWrites {
  #network
  /** How often each session was written. */
  #sent = new Map()

  constructor(network) {
    this.#network = network
  }

  async prepare(store) {
    await this.#network.collection.deleteMany({})
    for (const id of ids.slice(1)) await store.set(id, { before: true })
  }

  /**
   * Each of these writes loses its answer and fails, is sent no second time, and what others did
   * meanwhile stays.
   * @param {import('../..').SessionStore} store
   * @param {(exchange: object) => Promise<void>} loss what happens instead of the answer
   * @param {object} [which]
   * @param {string[]} [which.lost]
   * @param {string[]} [which.codes] what each may fail with
   */
  async assertNotRepeated(store, loss, { lost = ids, codes = GONE } = {}) {
    this.#sent.clear()
    const lose = (exchange) => this.#lose(exchange, loss)
    const struck = this.#network.proxy.inject(lose, {
      commands: ['update', 'delete'],
      when: (exchange) => exchange.names(lost),
      times: Infinity,
    })
    const results = await Promise.allSettled(lost.map((id) => writes[id](store, id)))
    struck.end()
    const stored = await this.#network.stored(lost)
    for (const id of lost) assert.deepEqual([id, stored.get(id)], [id, theirs(id)])
    for (const { reason } of results) assert.ok(codes.includes(reason?.code), String(reason))
    for (const id of lost) assert.deepEqual([id, this.#sent.get(id)], [id, 1])
  }

  async #lose(exchange, loss) {
    const fresh = exchange.ids.filter((id) => !this.#sent.has(id))
    for (const id of exchange.ids) this.#sent.set(id, (this.#sent.get(id) ?? 0) + 1)
    await exchange.send()
    const reply = await exchange.reply()
    if (fresh.length === 0) return exchange.answer(reply)
    for (const id of fresh) await this.#byOthers(id)
    return loss(exchange)
  }

  async #byOthers(id) {
    const { collection } = this.#network
    const data = theirs(id)
    if (!data) return collection.deleteOne({ _id: id })
    return collection.updateOne({ _id: id }, { $set: { data } }, { upsert: true })
  }
}

/** What others leave of a session: the two that are written whole they destroy. */
function theirs(id) {
  return ids.indexOf(id) < 2 ? undefined : THEIRS
}

module.exports = { LostWrites, MINE }
