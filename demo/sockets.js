'use strict'

// A WebSocket per signed-in device. It ends when its session does, whichever process ended that: the
// store watches the collection.

const { ServerResponse } = require('node:http')
const { WebSocketServer } = require('ws')
const { short } = require('./routes')

/** Of the range that is for applications. */
const SIGNED_OUT = 4001

class Sockets {
  #server = new WebSocketServer({ noServer: true })
  /** By the id of their session. @type {Map<string, Set<import('ws').WebSocket>>} */
  #open = new Map()
  #store
  #devices
  #events

  constructor({ store, devices, events }) {
    this.#store = store
    this.#devices = devices
    this.#events = events
  }

  /** @param {import('node:http').Server} http */
  listen(http) {
    http.on('upgrade', (request, socket, head) => {
      this.#accept(request, socket, head).catch(() => socket.destroy())
    })
    this.#watch().catch((error) =>
      this.#events.tell({
        from: 'watch',
        type: 'warning',
        code: error.code,
        message: error.message,
      }),
    )
  }

  async #accept(request, socket, head) {
    const device = this.#devices.get(request.url.replace(/\/socket$/, ''))
    // An upgrade has no response; cookies are read as in any other request.
    const ctx = device?.createContext(request, new ServerResponse(request))
    const id = ctx?.cookies.get('koa:sess', { signed: true })
    const session = id && (await this.#store.get(id))
    if (!session?.userInfo) {
      socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n')
      return
    }
    this.#server.handleUpgrade(request, socket, head, (opened) => {
      const sockets = this.#open.get(id) ?? new Set()
      this.#open.set(id, sockets.add(opened))
      opened.once('close', () => {
        sockets.delete(opened)
        if (sockets.size === 0) this.#open.delete(id)
      })
    })
  }

  async #watch() {
    for await (const change of this.#store.watch()) {
      if (change.type === 'gap') await this.#lookAgain()
      if (change.type === 'destroy' || change.type === 'expire') this.#close(change.id)
      if (!this.#events.quiet) {
        this.#events.tell({ from: 'watch', type: change.type, id: short(change.id) })
      }
    }
  }

  /** Something may have been missed. */
  async #lookAgain() {
    for (const id of this.#open.keys()) {
      if ((await this.#store.get(id)) === undefined) this.#close(id)
    }
  }

  #close(id) {
    for (const socket of this.#open.get(id) ?? []) socket.close(SIGNED_OUT, 'signed out')
  }

  end() {
    for (const sockets of this.#open.values()) for (const socket of sockets) socket.terminate()
  }
}

module.exports = { Sockets }
