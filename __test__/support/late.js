'use strict'

// Commands that a network holds back while the client gives up on them, and delivers later: MongoDB
// then executes each, unless a later command of the same driver's session has shut it out.

const { EventEmitter, once } = require('node:events')
const { Gate } = require('./gate')
const { named } = require('./network')
const { faults } = require('./proxy')

class Late {
  #meanwhile
  #arrivals = new EventEmitter()
  /** Those that are held back. */
  exchanges = []

  /**
   * @param {(exchange: object) => Promise<void>} [meanwhile] what the client sees of each: by default
   *   nothing
   */
  constructor(meanwhile = (exchange) => exchange.abandoned()) {
    this.#meanwhile = meanwhile
  }

  /** The fault that holds back a command. */
  hold = async (exchange) => {
    this.exchanges.push(exchange)
    this.#arrivals.emit('held')
    await this.#meanwhile(exchange)
  }

  /** Resolves when so many of them are held back. */
  async held(count) {
    while (this.exchanges.length < count) await once(this.#arrivals, 'held')
  }

  /** Resolves when the client has hung up on so many of them. */
  async abandoned(count) {
    await this.held(count)
    await Promise.all(this.exchanges.map((exchange) => exchange.abandoned()))
  }

  /** Whether one of them is not executed any more, once MongoDB has got this command. */
  isShutOutBy({ lsid, number }) {
    return this.exchanges.some((lost) => lost.lsid === lsid && number > lost.number)
  }

  /** They arrive, in their order. */
  async arrive() {
    for (const exchange of this.exchanges) await exchange.arrive()
  }

  /**
   * Writes of other sessions go in the driver's sessions that these commands went in, and stay on
   * their way until the result is called. Otherwise the next write may go there by luck, with a higher
   * number, and so shut out what should have been shut out before.
   * @param {import('./proxy').TcpProxy} proxy
   * @param {import('../..').SessionStore} store
   * @param {string} name of those sessions
   */
  async occupy(proxy, store, name) {
    const lost = new Set(this.exchanges.map(({ lsid }) => lsid))
    const gates = new Map(named(`beside ${name}`, 5).map((id) => [id, new Gate()]))
    const { end } = proxy.inject(
      (exchange) => faults.holdCommand(gates.get(exchange.ids[0]))(exchange),
      {
        commands: ['update'],
        when: ({ lsid, ids }) => lost.has(lsid) && gates.has(ids[0]),
        times: Infinity,
      },
    )
    const others = []
    for (const [id, gate] of gates) {
      // It may run out of time while it is held.
      const other = store.set(id, { id }).catch(() => {})
      others.push(other)
      await Promise.race([other, gate.reached])
    }
    return async () => {
      end()
      for (const gate of gates.values()) gate.open()
      await Promise.all(others)
    }
  }
}

module.exports = { Late }
