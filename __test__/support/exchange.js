'use strict'

// What a fault of the network can do to one command and its reply.

const { once } = require('node:events')
const net = require('node:net')
const { bodyOf, commandOf, messages, replyTo, withBody } = require('./messages')

/** A command and its reply on their way. */
class Exchange {
  #client
  #server
  #replies
  #message
  #body
  #hangUp
  #port
  #disguise

  constructor({ client, server, message, replies, hangUp, port, disguise }) {
    this.command = commandOf(message)
    this.#client = client
    this.#server = server
    this.#message = message
    this.#replies = replies
    this.#hangUp = hangUp
    this.#port = port
    this.#disguise = disguise
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
    this.#body ??= bodyOf(this.#message)
    return this.#body
  }

  /** What a write consists of. */
  get statements() {
    return this.body.updates ?? this.body.deletes ?? []
  }

  /** The ids of the sessions that an operation's command names, each once, in its order. */
  get ids() {
    const { filter } = this.body
    if (filter) return filter._id?.$in ?? [filter._id]
    return [...new Set(this.statements.map(({ q }) => q._id))]
  }

  /** Whether it names one of these sessions: a command of the store's own may name none. */
  names(ids) {
    return this.ids.some((id) => ids.includes(id))
  }

  /** The driver's session, by which MongoDB knows a command that it has had; undefined without. */
  get lsid() {
    return this.body.lsid?.id.toString()
  }

  /** The command's number in the driver's session; undefined without. */
  get number() {
    const { txnNumber } = this.body
    return txnNumber === undefined ? undefined : Number(txnNumber)
  }

  /**
   * Sends the command to the server, the first half of it, or what `change` makes of its body.
   * @param {{ half?: boolean, change?: (body: any) => any }} [how]
   */
  send({ half = false, change } = {}) {
    const message = change ? withBody(this.#message, change) : this.#message
    return write(this.#server, part(this.#disguised('command', message), half))
  }

  /** Resolves to the server's reply: then it has executed the command. */
  async reply() {
    const { value, done } = await this.#replies.next()
    if (done) throw new Error('the server has hung up')
    return value
  }

  /**
   * Sends the reply to the client, the first half of it, or what `change` makes of its body.
   * @param {Buffer} reply
   * @param {{ half?: boolean, change?: (body: any) => any, options?: object }} [how] `options` are
   *   those of `withBody`
   */
  answer(reply, { half = false, change, options } = {}) {
    const disguised = this.#disguised('reply', reply)
    const message = change ? withBody(disguised, change, options) : disguised
    return write(this.#client, part(message, half))
  }

  /** What the server that the proxy pretends to be makes of a message. */
  #disguised(kind, message) {
    const change = this.#disguise[kind]
    return change ? withBody(message, (body) => change(body, this)) : message
  }

  /** Sends the client a reply that no server has made. */
  pretend(body) {
    return write(this.#client, replyTo(this.#message, body))
  }

  /** The command arrives at the server by itself, whatever became of its connection. */
  async arrive() {
    const socket = net.connect(this.#port, '127.0.0.1')
    await once(socket, 'connect')
    await write(socket, this.#disguised('command', this.#message))
    const { value } = await messages(socket).next()
    socket.destroy()
    return bodyOf(value)
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
    this.resetClient()
    this.#server.destroy()
  }

  resetClient() {
    resetSocket(this.#client)
  }
}

/**
 * Node never closes the handle of a socket that is reset while it is being shut down, and its process
 * then does not end.
 * @param {net.Socket} socket
 */
function resetSocket(socket) {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

function part(message, half) {
  return half ? message.subarray(0, message.length >> 1) : message
}

function write(socket, bytes) {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

module.exports = { Exchange, resetSocket }
