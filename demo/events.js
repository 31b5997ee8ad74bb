'use strict'

// What happens, told to every open page as server-sent events.

const { PassThrough } = require('node:stream')
const { short } = require('./routes')

const OF_SESSIONS = ['create', 'update', 'touch', 'destroy', 'dropped']

class Events {
  /** @type {Set<PassThrough>} */
  #pages = new Set()
  /** A thousand visitors would hide what else happens. */
  quiet = false

  /** What this process did with sessions, and what it is warned of. */
  follow(store) {
    for (const type of OF_SESSIONS) {
      store.on(type, (/** @type {string} */ id) => {
        if (!this.quiet) this.tell({ from: 'store', type, id: short(id) })
      })
    }
    store.on('warning', (/** @type {any} */ { code, message }) =>
      this.tell({ from: 'store', type: 'warning', code, message }),
    )
  }

  /** @param {Record<string, any>} event */
  tell(event) {
    const text = `data: ${JSON.stringify({ at: Date.now(), ...event })}\n\n`
    for (const page of this.#pages) page.write(text)
  }

  stream(ctx) {
    const page = new PassThrough()
    ctx.type = 'text/event-stream'
    ctx.set('Cache-Control', 'no-store')
    ctx.body = page
    page.write('retry: 1000\n\n')
    this.#pages.add(page)
    ctx.req.once('close', () => this.#pages.delete(page))
  }

  end() {
    for (const page of this.#pages) page.end()
  }
}

module.exports = { Events }
