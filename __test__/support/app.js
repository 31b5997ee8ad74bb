'use strict'

// A Koa app with the store, served over HTTP, and visitors who keep their cookies.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { createServer } = require('node:http')
const Koa2 = require('koa-2')
const Koa3 = require('koa')

const KOAS = { 'koa 2': Koa2, 'koa 3': Koa3 }
const SESSIONS = {
  'koa-session 5': require('koa-session-5'),
  'koa-session 6': require('koa-session-6'),
  'koa-session 7': require('koa-session-7').default,
}

/** Every koa-session on every Koa. */
const combinations = Object.entries(SESSIONS).flatMap(([sessionName, session]) =>
  Object.entries(KOAS).map(([koaName, Koa]) => ({
    name: `${sessionName} on ${koaName}`,
    Koa,
    session,
  })),
)

/** Every koa-session, on the Koa of its time. */
const versions = [
  { name: 'koa-session 5', Koa: Koa2, session: SESSIONS['koa-session 5'] },
  { name: 'koa-session 6', Koa: Koa2, session: SESSIONS['koa-session 6'] },
  { name: 'koa-session 7', Koa: Koa3, session: SESSIONS['koa-session 7'] },
]

/** Those that pass `ctx` to the store, and have `regenerate()`. */
const versionsWithCtx = versions.slice(1)

const KEY = 'koa:sess'

/** Serves an app until the test ends; resolves to its address. */
async function serve(t, app) {
  const server = createServer(app.callback())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${server.address().port}`
}

/** An app in which each visit runs a function of its own; `config` is koa-session's. */
async function startApp(t, { Koa, session }, config) {
  const visits = new Map()
  const app = new Koa()
  app.keys = ['some secret hurr']
  app.use((ctx, next) => {
    ctx.visit = visits.get(ctx.get('visit'))
    return ctx.visit.beforeSession(ctx, next)
  })
  app.use(session({ key: KEY, ...config }, app))
  app.use(async (ctx) => {
    ctx.visit.value = await ctx.visit.handler(ctx)
    ctx.body = 'done'
  })
  app.on('error', (error, ctx) => {
    ctx.visit.error = error
  })
  return { origin: await serve(t, app), visits }
}

let lastVisit = 0

class Visitor {
  cookies = new Map()
  /** The Set-Cookie headers of the last response. */
  setCookies = []

  /** @param app what startApp made; may be replaced */
  constructor(app) {
    this.app = app
  }

  /** The id of this visitor's session. */
  get id() {
    return this.cookies.get(KEY)
  }

  set id(id) {
    this.cookies.set(KEY, id)
  }

  /**
   * A request whose session middleware is followed by `handler`. Resolves to what `handler` returns
   * when the response, a 200, has come; rejects with what failed in the app.
   */
  async visit(handler, { beforeSession = (_ctx, next) => next() } = {}) {
    const number = String(++lastVisit)
    const visit = { handler, beforeSession }
    this.app.visits.set(number, visit)
    const response = await this.fetch(this.app.origin, { visit: number })
    await response.arrayBuffer()
    this.app.visits.delete(number)
    if (visit.error) {
      assert.equal(response.status, 500)
      throw visit.error
    }
    assert.equal(response.status, 200)
    return visit.value
  }

  /** What a request finds in the session. */
  read() {
    return this.visit((ctx) => ctx.session.toJSON())
  }

  /** A request that changes the session. */
  change(values) {
    return this.visit((ctx) => {
      Object.assign(ctx.session, values)
    })
  }

  /** As a browser that never looks at the clock. */
  async fetch(url, headers) {
    const cookie = Array.from(this.cookies, (pair) => pair.join('=')).join('; ')
    const response = await fetch(url, { headers: { ...headers, cookie } })
    this.setCookies = response.headers.getSetCookie()
    for (const header of this.setCookies) {
      const [, name, value] = header.match(/^([^=]+)=([^;]*)/)
      if (value === '') this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return response
  }
}

module.exports = { Visitor, combinations, serve, startApp, versions, versionsWithCtx }
