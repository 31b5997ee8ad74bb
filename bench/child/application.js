// A Koa application with one of the stores. It measures its own CPU time between two questions.

const Koa = require('koa')
const { createSession } = require('koa-session-7')
const { answer } = require('./answer')
const { makeSession, MAX_AGE } = require('./sessions')
const { openers } = require('./stores')
const { cpuTimes } = require('./usage')

const SIZE = 1024

let opened
let http
let visitors = 0

const pages = {
  '/sign-in'(ctx) {
    const { _expire, _maxAge, ...values } = makeSession(SIZE, visitors++)
    Object.assign(ctx.session, values)
    return { views: ctx.session.views }
  },
  '/read': (ctx) => ({ views: ctx.session.views }),
  '/change': (ctx) => ({ views: ++ctx.session.views }),
}

answer({
  /** @returns {Promise<number>} the port */
  async open({ peer, place }) {
    opened = await openers[peer](place)
    const app = new Koa()
    app.keys = ['a key for the signature of the cookie']
    app.use(createSession({ store: opened.store, maxAge: MAX_AGE }, app))
    app.use((ctx) => {
      ctx.body = pages[ctx.path](ctx)
    })
    http = app.listen(0, '127.0.0.1')
    // Between its rounds a store waits for those of the others; its connections are to stay.
    http.keepAliveTimeout = 0
    await new Promise((resolve) => http.once('listening', resolve))
    return http.address().port
  },

  usage: () => ({ ...cpuTimes(), rss: process.memoryUsage.rss() }),

  async close() {
    http.close()
    http.closeAllConnections()
    await opened.close()
  },
})
