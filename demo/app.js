'use strict'

// A small Koa application that keeps its sessions in MongoDB: the original's CONFIG, a page that
// shows the session and its document, and what the page needs to change them.

const { randomBytes } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const Koa = require('koa')
// In an application of your own: require('koa-session')
const { createSession } = require('koa-session-7')
const { addApi } = require('./api')

const PAGE = { '/': 'page.html', '/page.css': 'page.css', '/page.js': 'page.js' }

/**
 * @param {object} parts
 * @param {typeof import('mongoose')} parts.mongoose connected, or about to be
 * @param {new (options: any) => any} parts.SessionStore
 * @param {string} parts.mongodb which MongoDB this is, for people
 */
function createApp({ mongoose, SessionStore, mongodb }) {
  const app = new Koa()
  // An application of your own has a fixed secret: a new one makes every cookie invalid.
  app.keys = [randomBytes(32).toString('hex')]

  const store = new SessionStore({
    collection: 'navigation',
    connection: mongoose,
    expires: 86400,
    name: 'session',
  })
  const CONFIG = {
    key: 'koa:sess',
    maxAge: 86400000,
    overwrite: true,
    httpOnly: true,
    signed: true,
    rolling: false,
    store,
  }

  app.use(answerErrors)
  // The page comes before the session, so that it can say that MongoDB is away.
  app.use(servePage)
  app.use(createSession(CONFIG, app))
  addApi(app, { model: mongoose.model('session'), collection: 'navigation', mongodb })
  return { app, store }
}

/** Every error becomes an answer that the page can show. */
async function answerErrors(ctx, next) {
  try {
    await next()
  } catch (error) {
    const away = /^(ERR_UNAVAILABLE|ERR_TIMEOUT)$/.test(error.code) || /^Mongo/.test(error.name)
    ctx.status = away ? 503 : (error.status ?? 500)
    const message = ctx.status === 500 ? 'Something went wrong; see the terminal.' : error.message
    ctx.body = { error: { code: error.code ?? error.name, message } }
    if (ctx.status === 500) console.error(error)
  }
}

async function servePage(ctx, next) {
  const file = PAGE[ctx.path]
  if (!file) return next()
  ctx.set('Content-Security-Policy', "default-src 'self'; img-src data:; frame-ancestors 'none'")
  ctx.type = path.extname(file)
  ctx.body = fs.createReadStream(path.join(__dirname, file))
}

module.exports = { createApp }
