'use strict'

// A network between the store and MongoDB that fails at will. It knows MongoDB's messages, so that
// a fault can strike a certain command, in its middle or in the middle of its reply.

const { once } = require('node:events')
const net = require('node:net')
const { deserialize, serialize } = require('bson')

const LENGTH_OF_HEADER = 16
/** Behind the header come flags, and the kind of the one section that the driver sends. */
const START_OF_BODY = LENGTH_OF_HEADER + 4 + 1
const OP_MSG = 2013

/** The commands of the store's own operations: not the heartbeats, nor the index. */
const OPERATIONS = ['find', 'update', 'delete']

/** Those by which the driver's monitors, and new connections, learn of the server. */
const GREETINGS = ['hello', 'isMaster', 'ismaster']

/**
 * Node never closes the handle of a socket that is reset while it is being shut down, and its process
 * then does not end.
 * @param {net.Socket} socket
 */
function resetSocket(socket) {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

class TcpProxy {
  #port
  #listener = net.createServer((socket) => this.#serve(socket))
  #sockets = new Set()
  #faults = new Set()
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
    return `mongodb://127.0.0.1:${this.#listener.address().port}/?directConnection=true`
  }

  /**
   * What happens to the next messages, or to all from now on.
   * @param {(exchange: Exchange) => Promise<void>} fault one of those below, or another
   * @param {object} [where]
   * @param {string[] | null} [where.commands] which commands, null for all; by default those of operations
   * @param {number} [where.times] how many; by default one
   * @returns {{ struck: Promise<void>, end: () => void }} `struck` resolves when the fault is over
   *   for the last of them; `end` lets the rest pass
   */
  inject(fault, { commands = OPERATIONS, times = 1 } = {}) {
    let left = times
    let over = 0
    const injected = {}
    injected.end = () => this.#faults.delete(entry)
    const entry = {
      commands,
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

  async close() {
    const closed = once(this.#listener, 'close')
    this.#listener.close()
    this.reset()
    await closed
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
        const command = commandOf(message)
        const exchange = new Exchange({ client, server, message, replies, command, hangUp })
        await this.#faultFor(command)(exchange)
        this.passed[command] = (this.passed[command] ?? 0) + 1
      }
    } catch {
      // The connection has ended; both sides see it.
    }
    client.destroy()
    server.destroy()
  }

  #faultFor(command) {
    for (const fault of this.#faults) {
      if (fault.commands === null || fault.commands.includes(command)) return fault.take()
    }
    return faults.none
  }
}

/** A command and its reply on their way. */
class Exchange {
  #client
  #server
  #replies
  #message
  #hangUp

  constructor({ client, server, message, replies, command, hangUp }) {
    this.command = command
    this.#client = client
    this.#server = server
    this.#message = message
    this.#replies = replies
    this.#hangUp = hangUp
  }

  isOf(sockets) {
    return sockets.has(this.#client)
  }

  /** Of the command, in bytes. */
  get size() {
    return this.#message.length
  }

  /** The command as a document. */
  get body() {
    return bodyOf(this.#message)
  }

  /** Sends the command to the server, or the first half of it. */
  send({ half = false } = {}) {
    return write(this.#server, part(this.#message, half))
  }

  /** Resolves to the server's reply: then it has executed the command. */
  async reply() {
    const { value, done } = await this.#replies.next()
    if (done) throw new Error('the server has hung up')
    return value
  }

  /** Sends the reply to the client, or the first half of it. */
  answer(reply, { half = false } = {}) {
    return write(this.#client, part(reply, half))
  }

  /** Sends the client a reply that no server has made. */
  pretend(body) {
    return write(this.#client, replyTo(this.#message, body))
  }

  /** From now on the server does not see that the client hangs up. */
  detach() {
    this.#client.off('close', this.#hangUp)
  }

  /** Resolves when the client has hung up. */
  async abandoned() {
    if (!this.#client.closed) await new Promise((resolve) => this.#client.once('close', resolve))
  }

  reset() {
    resetSocket(this.#client)
    this.#server.destroy()
  }
}

const faults = {
  none: async (exchange) => {
    await exchange.send()
    await exchange.answer(await exchange.reply())
  },

  cutCommand: async (exchange) => {
    await exchange.send({ half: true })
    exchange.reset()
  },

  cutReply: async (exchange) => {
    await exchange.send()
    await exchange.answer(await exchange.reply(), { half: true })
    exchange.reset()
  },

  /** The command is executed; `meanwhile` others may do something; the reply never comes. */
  loseReply:
    (meanwhile = async () => {}) =>
    async (exchange) => {
      await exchange.send()
      await exchange.reply()
      await meanwhile(exchange)
      exchange.reset()
    },

  /** The second half of the command waits until `gate` is opened. */
  holdCommand: (gate) => async (exchange) => {
    await gate.pass()
    await faults.none(exchange)
  },

  /** The reply stops in its middle until `gate` is opened. */
  holdReply: (gate) => async (exchange) => {
    await exchange.send()
    const reply = await exchange.reply()
    await gate.pass()
    await exchange.answer(reply)
  },

  /** The command stays on its way while the client gives up, and arrives after `gate` is opened. */
  late: (gate) => async (exchange) => {
    exchange.detach()
    await exchange.abandoned()
    await gate.pass()
    await exchange.send()
    await exchange.reply()
    exchange.reset()
  },

  cut: async (exchange) => exchange.reset(),

  silence: () => new Promise(() => {}),
}

function part(message, half) {
  return half ? message.subarray(0, message.length >> 1) : message
}

function write(socket, bytes) {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

/** The messages of MongoDB's protocol in a stream of bytes, each as its bytes. */
async function* messages(socket) {
  let bytes = Buffer.alloc(0)
  for await (const chunk of socket) {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    while (bytes.length >= LENGTH_OF_HEADER && bytes.length >= bytes.readInt32LE(0)) {
      const length = bytes.readInt32LE(0)
      yield bytes.subarray(0, length)
      bytes = bytes.subarray(length)
    }
  }
}

/** A command or a reply as a document. */
function bodyOf(message) {
  if (message.readInt32LE(12) === OP_MSG) return deserialize(message.subarray(START_OF_BODY))
  // A new connection greets as before OP_MSG: with flags, a collection's name, and two numbers.
  const name = LENGTH_OF_HEADER + 4
  return deserialize(message.subarray(message.indexOf(0, name) + 1 + 8))
}

/** A reply to this command that no server has made. */
function replyTo(message, body) {
  const head = Buffer.alloc(START_OF_BODY)
  head.writeInt32LE(message.readInt32LE(4), 8)
  head.writeInt32LE(OP_MSG, 12)
  const reply = Buffer.concat([head, serialize(body)])
  reply.writeInt32LE(reply.length, 0)
  return reply
}

/** The first key of the body is the command's name. */
function commandOf(message) {
  if (message.readInt32LE(12) !== OP_MSG) return 'hello'
  const start = START_OF_BODY + 4 + 1
  return message.toString('utf8', start, message.indexOf(0, start))
}

module.exports = { GREETINGS, OPERATIONS, TcpProxy, bodyOf, faults }
