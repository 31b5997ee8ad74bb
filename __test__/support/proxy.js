'use strict'

// A network between the store and MongoDB that fails at will. It knows MongoDB's messages, so that
// a fault can strike a certain command, in its middle or in the middle of its reply.

const { once } = require('node:events')
const net = require('node:net')
const { Exchange, resetSocket } = require('./exchange')
const { faults } = require('./faults')
const { bodyOf, messages } = require('./messages')

/** The commands of the store's own operations: not the heartbeats, nor the index. */
const OPERATIONS = ['find', 'update', 'delete']

/** Those by which the driver's monitors, and new connections, learn of the server. */
const GREETINGS = ['hello', 'isMaster', 'ismaster']

class TcpProxy {
  #port
  #uri
  #listener = net.createServer((socket) => this.#serve(socket))
  #sockets = new Set()
  #faults = new Set()
  #disguise = {}
  /** How many commands of each name have passed. */
  passed = {}

  /** @param {number} port of the server, on this machine */
  static async open(port) {
    const proxy = new TcpProxy()
    proxy.#port = port
    proxy.#listener.listen(0, '127.0.0.1')
    await once(proxy.#listener, 'listening')
    return proxy
  }

  /** A replica set would tell the client its own address, and the client go round the proxy. */
  get uri() {
    if (!this.#listener.listening) return this.#uri
    return `mongodb://127.0.0.1:${this.#listener.address().port}/?directConnection=true`
  }

  /**
   * What happens to the next messages, or to all from now on.
   * @param {(exchange: Exchange) => Promise<void>} fault one of those below, or another
   * @param {object} [where]
   * @param {string[] | null} [where.commands] which commands, null for all; by default those of operations
   * @param {(exchange: Exchange) => boolean} [where.when] which of these; by default each
   * @param {number} [where.times] how many; by default one
   * @returns {{ struck: Promise<void>, end: () => void }} `struck` resolves when the fault is over
   *   for the last of them; `end` lets the rest pass
   */
  inject(fault, { commands = OPERATIONS, when = () => true, times = 1 } = {}) {
    let left = times
    let over = 0
    const injected = {}
    injected.end = () => this.#faults.delete(entry)
    const entry = {
      strikes: (exchange) =>
        (commands === null || commands.includes(exchange.command)) && when(exchange),
      take: () => {
        left--
        if (left === 0) injected.end()
        return async (exchange) => {
          try {
            await fault(exchange)
          } finally {
            // Also where the client hung up meanwhile: who waits for it would wait forever.
            over++
            if (over === times) injected.strike()
          }
        }
      },
    }
    injected.struck = new Promise((resolve) => {
      injected.strike = resolve
    })
    this.#faults.add(entry)
    return injected
  }

  /**
   * From now on the server behaves as another would, whatever the network does.
   * @param {object} as
   * @param {(exchange: Exchange) => object | undefined} [as.refusal] its reply to a command that it does
   *   not execute
   * @param {(body: any, exchange: Exchange) => void} [as.command] changes what it takes a command for
   * @param {(body: any, exchange: Exchange) => void} [as.reply] changes what it replies
   */
  disguise(as) {
    this.#disguise = as
  }

  /** Connections are accepted and nothing is ever answered, until the end of the result is called. */
  mute() {
    return this.inject(faults.silence, { commands: null, times: Infinity })
  }

  /** Whether an exchange is on one of the connections that there are now. */
  known() {
    const known = new Set(this.#sockets)
    return (exchange) => exchange.isOf(known)
  }

  /** The same for connections that are opened from now on. */
  muteNew() {
    const isKnown = this.known()
    const fault = (exchange) => (isKnown(exchange) ? faults.none : faults.silence)(exchange)
    return this.inject(fault, { commands: null, times: Infinity })
  }

  /** Breaks every connection. */
  reset() {
    for (const socket of this.#sockets) resetSocket(socket)
  }

  /** Breaks every connection, and refuses new ones until `accept` is called. */
  async refuse() {
    const closed = once(this.#listener, 'close')
    this.#uri = this.uri
    this.#listener.close()
    this.reset()
    await closed
  }

  async accept() {
    this.#listener.listen(Number(new URL(this.uri).port), '127.0.0.1')
    await once(this.#listener, 'listening')
  }

  async close() {
    if (this.#listener.listening) await this.refuse()
  }

  async #serve(client) {
    const server = net.connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
    client.setNoDelay(true)
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
    }
    const hangUp = () => server.destroy()
    client.on('close', hangUp)
    server.on('close', () => client.destroy())
    try {
      const replies = messages(server)
      for await (const message of messages(client)) {
        const [port, disguise] = [this.#port, this.#disguise]
        const exchange = new Exchange({ client, server, message, replies, hangUp, port, disguise })
        const { command } = exchange
        await this.#faultFor(exchange)(exchange)
        this.passed[command] = (this.passed[command] ?? 0) + 1
      }
    } catch {
      // The connection has ended; both sides see it.
    }
    client.destroy()
    server.destroy()
  }

  #faultFor(exchange) {
    const refusal = this.#disguise.refusal?.(exchange)
    if (refusal) return (exchange) => exchange.pretend(refusal)
    for (const fault of this.#faults) {
      if (fault.strikes(exchange)) return fault.take()
    }
    return faults.none
  }
}

module.exports = { GREETINGS, OPERATIONS, TcpProxy, bodyOf, faults }
