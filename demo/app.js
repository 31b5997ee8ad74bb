'use strict'

// The demo: a page with six promises at work, and the Koa applications that it sends its requests to.
//
//   app.js        who answers which address
//   device.js     one device of a user: a Koa application with koa-session, as any other
//   routes.js     what a device can ask for
//   sockets.js    open WebSockets, which end with their session
//   events.js     what happens, as a stream to the page
//   load.js       a thousand visitors, and what they cost
//   page/         the page itself, as it is served

const { randomBytes } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const Koa = require('koa')
const MongooseStore = require('koa-session-mongoose')
const { createDevice } = require('./device')
const { Events } = require('./events')
const { Load } = require('./load')
const { Sockets } = require('./sockets')

const PAGE = path.join(__dirname, 'page')

/** Not every browser takes 'self' to mean WebSockets as well. */
const CSP = "default-src 'self'; connect-src 'self' ws:; img-src data:; frame-ancestors 'none'"

/** By their address; each is a cookie jar of its own, since a cookie goes to its path only. */
const DEVICES = { laptop: 'Laptop', phone: 'Phone', tablet: 'Tablet', desktop: 'Desktop' }

/**
 * @param {object} parts
 * @param {typeof import('mongoose')} parts.mongoose connected, or about to be
 * @param {any} parts.SessionStore
 * @param {{ description: string, start?: () => Promise<void>, stop?: () => Promise<void> }} parts.mongodb
 *   which MongoDB this is, for people; `start` and `stop` where it is the demo's own
 * @param {number} [parts.briefMS] the life of a session that is to be seen to end
 */
function createApp({ mongoose, SessionStore, mongodb, briefMS = 20_000 }) {
  const events = new Events()
  const common = { connection: mongoose, serverSelectionTimeoutMS: 3000 }
  const store = new SessionStore({
    ...common,
    collection: 'navigation',
    expires: 86400,
    name: 'session',
    indexes: ['userInfo.id'],
  })
  // Without `expires`: koa-session's maxAge decides.
  const brief = new SessionStore({ ...common, collection: 'brief', name: 'brief' })
  // What any store does that writes sessions whole.
  const whole = new MongooseStore({
    connection: mongoose,
    collection: 'whole',
    name: 'whole',
    expires: 86400,
  })

  // An application of your own has a fixed secret: a new one makes every cookie invalid.
  const keys = [randomBytes(32).toString('hex')]
  const CONFIG = {
    key: 'koa:sess',
    maxAge: 86400000,
    overwrite: true,
    httpOnly: true,
    signed: true,
    rolling: false,
    store,
  }
  const device = (
    /** @type {string} */ place,
    /** @type {string} */ title,
    own = {},
    name = 'navigation',
  ) =>
    createDevice({
      config: { ...CONFIG, path: place, ...own },
      keys,
      title,
      documents: () => mongoose.connection.collection(name),
    })
  const devices = new Map(
    Object.entries(DEVICES).map(([name, title]) => [
      `/device/${name}`,
      device(`/device/${name}`, title),
    ]),
  )
  devices.set('/visitor', device('/visitor', 'Visitor'))
  devices.set('/brief', device('/brief', 'Brief', { store: brief, maxAge: briefMS }, 'brief'))
  devices.set('/whole', device('/whole', 'Whole', { store: whole }, 'whole'))

  const sockets = new Sockets({ store, devices, events })
  const load = new Load({ store, events })
  events.follow(store)
  events.follow(brief)

  /** @type {Record<string, (ctx: any) => any>} */
  const routes = {
    'GET /events': (ctx) => events.stream(ctx),
    'GET /about': (ctx) => {
      const own = Boolean(mongodb.stop)
      ctx.body = { mongodb: mongodb.description, own, devices: DEVICES, briefMS }
    },
    'POST /mongodb/stop': (ctx) => switchTo(ctx, mongodb.stop, false),
    'POST /mongodb/start': (ctx) => switchTo(ctx, mongodb.start, true),
    'POST /load': (ctx) => load.begin(ctx),
  }

  const app = new Koa()
  app.silent = true
  app.use(async (ctx, next) => {
    const [place, one] = [...devices].find(([at]) => ctx.path.startsWith(`${at}/`)) ?? []
    if (!one || !place) return next()
    ctx.respond = false
    await one.callback()(ctx.req, ctx.res)
  })
  app.use(async (ctx) => {
    const route = routes[`${ctx.method} ${ctx.path}`]
    await (route ? route(ctx) : servePage(ctx))
  })

  async function switchTo(ctx, work, running) {
    if (!work) ctx.throw(409, 'This MongoDB is not the demo\u2019s own, so it stays as it is.')
    await work()
    events.tell({ from: 'mongodb', type: running ? 'started' : 'stopped' })
    ctx.body = { running }
  }

  return {
    app,
    store,
    sockets,
    close: async () => {
      load.end()
      events.end()
      sockets.end()
      await Promise.all([store.close(), brief.close()])
    },
  }
}

/** Only what is in the folder, and nothing above it. */
async function servePage(ctx) {
  const name = ctx.path === '/' ? 'index.html' : ctx.path.slice(1)
  const file = path.join(PAGE, name)
  const known = ctx.method === 'GET' && /^[\w-]+\.(html|css|js)$/.test(name) && fs.existsSync(file)
  if (!known) ctx.throw(404)
  ctx.set('Content-Security-Policy', CSP)
  ctx.set('Cache-Control', 'no-cache')
  ctx.type = path.extname(name)
  ctx.body = fs.createReadStream(file)
}

module.exports = { createApp }
