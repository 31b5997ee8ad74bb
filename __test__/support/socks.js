'use strict'

// A SOCKS5 proxy that leads everything to one port of this machine, and remembers what it was asked.

const { once } = require('node:events')
const net = require('node:net')

const VERSION = 5
const NO_PASSWORD = 0
const PASSWORD = 2
const REFUSED = 0xff

class SocksProxy {
  #listener
  #sockets = new Set()
  /** As `host:port`, each as often as it was asked for. */
  asked = []
  /** As `user:password`. */
  signedIn = []

  /**
   * @param {number} port where it leads
   * @param {{ password?: boolean }} [options] whether it lets nobody in without one
   */
  static async open(port, { password = false } = {}) {
    const proxy = new SocksProxy()
    proxy.#listener = net.createServer((socket) => proxy.#serve(socket, port, password))
    proxy.#listener.listen(0, '127.0.0.1')
    await once(proxy.#listener, 'listening')
    return proxy
  }

  get port() {
    return this.#listener.address().port
  }

  async close() {
    const closed = once(this.#listener, 'close')
    this.#listener.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async #serve(socket, port, password) {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    try {
      const method = password ? PASSWORD : NO_PASSWORD
      const [, count] = await take(socket, 2)
      const offered = await take(socket, count)
      socket.write(Buffer.from([VERSION, offered.includes(method) ? method : REFUSED]))
      if (password) {
        const user = await this.#text(socket, (await take(socket, 2))[1])
        this.signedIn.push(`${user}:${await this.#text(socket, (await take(socket, 1))[0])}`)
        socket.write(Buffer.from([1, 0]))
      }
      await this.#connect(socket, port)
    } catch {
      socket.destroy()
    }
  }

  async #text(socket, length) {
    return (await take(socket, length)).toString()
  }

  async #connect(socket, port) {
    const [, , , kind] = await take(socket, 4)
    const host =
      kind === 3
        ? await this.#text(socket, (await take(socket, 1))[0])
        : [...(await take(socket, kind === 1 ? 4 : 16))].join('.')
    this.asked.push(`${host}:${(await take(socket, 2)).readUInt16BE()}`)
    const server = net.connect(port, '127.0.0.1')
    server.on('error', () => socket.destroy())
    server.on('close', () => socket.destroy())
    socket.on('close', () => server.destroy())
    await once(server, 'connect')
    socket.write(Buffer.from([VERSION, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
    socket.pipe(server).pipe(socket)
  }
}

/** The next so many bytes. */
async function take(socket, length) {
  for (;;) {
    const bytes = length === 0 ? Buffer.alloc(0) : socket.read(length)
    if (bytes !== null) return bytes
    await once(socket, 'readable')
  }
}

module.exports = { SocksProxy }
