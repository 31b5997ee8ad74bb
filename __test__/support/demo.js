'use strict'

// The demo with a MongoDB of its own, and a browser that looks at it.

const { once } = require('node:events')
const { createServer } = require('node:http')
const { chromium } = require('playwright-core')
const { Mongoose } = require('mongoose')
const { createApp } = require('../../demo/app')
const { findChromium } = require('../../scripts/browser')
const { startServer } = require('../../scripts/servers/mongodb')
const { SessionStore } = require('../..')

const SWITCHES = [
  '--no-sandbox',
  '--disable-gpu',
  // In a container it may be too small.
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

class Demo {
  #parts = []

  /** @param {{ briefMS?: number }} [options] */
  async open(options) {
    const server = await startServer()
    this.#parts.push(() => server.remove())
    const mongoose = new Mongoose()
    const settings = { dbName: 'koa-session-demo', serverSelectionTimeoutMS: 3000 }
    await mongoose.connect(server.uri, settings)
    this.#parts.push(() => mongoose.disconnect())
    const mongodb = {
      description: `${server.kind} ${server.version}`,
      start: () => server.start(),
      stop: () => server.stop(),
    }
    const demo = createApp({ mongoose, SessionStore, mongodb, ...options })
    this.#parts.push(() => demo.close())
    const http = createServer(demo.app.callback()).listen(0, '127.0.0.1')
    await once(http, 'listening')
    demo.sockets.listen(http)
    this.#parts.push(async () => {
      http.close()
      http.closeAllConnections()
    })
    this.origin = `http://127.0.0.1:${http.address().port}`
    this.mongoose = mongoose
    this.browser = await chromium.launch({ executablePath: findChromium(), args: SWITCHES })
    this.#parts.push(() => this.browser.close())
  }

  /**
   * The page, in a browser that has not seen it before; it is closed with its test. What goes wrong in
   * it is in `page.faults`.
   */
  async visit(t, options) {
    const context = await this.browser.newContext(options)
    t.after(() => context.close())
    const page = await context.newPage()
    page.faults = []
    page.on('pageerror', (error) => page.faults.push(error.message))
    await page.goto(this.origin)
    await page.waitForSelector('html[data-ready=true]')
    return page
  }

  async close() {
    for (const end of this.#parts.reverse()) await end()
  }
}

module.exports = { Demo, hasBrowser: findChromium() !== undefined }
