'use strict'

// Operations that are known to travel as one command.

const assert = require('node:assert/strict')
const { Gate } = require('./gate')
const { named } = require('./network')
const { faults } = require('./proxy')

const SIZE = 7

/** How many operations a command carries. */
const count = {
  find: ({ filter }) => filter._id.$in?.length ?? 1,
  update: ({ updates }) => updates.length,
  delete: ({ deletes }) => deletes.length,
}

/**
 * Sessions that each have a read under way: all in one command, whose reply is held back. What is
 * called for them waits behind it, and goes together when it is over.
 */
class Batch {
  #network
  #gate = new Gate()
  #requests
  #reads
  /** How many operations each command carried, once they were sent. @type {number[]} */
  sizes = []

  /**
   * `name` is that of the collection, `guilty` the number of the operation that is to fail,
   * `options` are those of the store, `ids` SIZE of them, in the order of the calls.
   */
  static async gather(network, name, guilty, options, ids = named(`of ${name}`, SIZE)) {
    const batch = new Batch(network, name, guilty, options, ids)
    network.proxy.inject(faults.holdReply(batch.#gate), { commands: ['find'] })
    // These gather, too, since the store has yet to connect.
    const made = batch.each((index) => batch.setInRequest(index, batch.start(index)))
    batch.#reads = batch.each((index) => batch.get(index))
    await Promise.all([...made, batch.#gate.reached])
    return batch
  }

  constructor(network, name, guilty, options, ids) {
    this.#network = network
    this.collection = network.db.collection(name)
    this.store = network.store({ ...options, collection: name, timeoutMS: 60_000 })
    this.ids = ids
    this.guilty = guilty
    this.#requests = this.each(() => ({ ctx: {} }))
  }

  each(make) {
    return this.ids.map((_, index) => make(index))
  }

  /** What is stored before the batch. */
  start(index) {
    return { session: index }
  }

  /** What the sets of the batch write. */
  changed(index) {
    return { ...this.start(index), changed: index }
  }

  get(index) {
    return this.store.get(this.ids[index])
  }

  /** Some write whole sessions, some what they changed. */
  set(index, data = this.changed(index)) {
    return index % 2 === 0 ? this.store.set(this.ids[index], data) : this.setInRequest(index, data)
  }

  /** Writes what differs from what this request wrote before. */
  setInRequest(index, data) {
    return this.store.set(this.ids[index], data, undefined, this.#requests[index])
  }

  destroy(index) {
    return this.store.destroy(this.ids[index])
  }

  /**
   * Calls `operation` for each session; gives the outcomes.
   * @param {'find' | 'update' | 'delete'} command what they travel as
   * @param {(index: number) => Promise<any>} operation
   * @param {object} [options]
   * @param {(exchange: object) => Promise<void>} [options.fault] what happens to these commands
   * @param {number} [options.sent] how many of the operations the first of them is to carry
   */
  async send(command, operation, { fault = faults.none, sent = SIZE } = {}) {
    this.sizes = []
    const look = (exchange) => {
      this.sizes.push(count[command](exchange.body))
      return fault(exchange)
    }
    const when = (exchange) => exchange.names(this.ids)
    this.#network.proxy.inject(look, { commands: [command], when, times: Infinity })
    const operations = this.each(operation)
    this.#gate.open()
    const outcomes = await Promise.allSettled(operations)
    await Promise.all(this.#reads)
    assert.equal(this.sizes[0], sent)
    return outcomes
  }

  /** Changes the guilty one's stored document, past the store. */
  async spoil(change) {
    await this.collection.updateOne({ _id: this.ids[this.guilty] }, { $set: change })
  }

  /** What MongoDB has of the sessions: undefined for none. */
  async stored() {
    const records = await this.collection.find({ _id: { $in: this.ids } }).toArray()
    const stored = new Map(records.map(({ _id, data }) => [_id, data]))
    return this.ids.map((id) => stored.get(id))
  }
}

module.exports = { Batch }
