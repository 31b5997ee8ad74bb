'use strict'

// One device of a user: a Koa application with koa-session. In an application of your own there is
// one of it, and its `path` is '/'.

const Koa = require('koa')
// In an application of your own: require('koa-session')
const { createSession } = require('koa-session-7')
const { routes } = require('./routes')

const BODY_LIMIT = 16 * 1024

const AWAY = /^(ERR_UNAVAILABLE|ERR_TIMEOUT)$/

/**
 * @param {object} parts
 * @param {any} parts.config koa-session's
 * @param {string[]} parts.keys
 * @param {string} parts.title for people
 * @param {() => import('mongoose').Collection} parts.documents where its sessions are
 */
function createDevice({ config, keys, title, documents }) {
  const app = new Koa()
  app.keys = keys
  app.silent = true
  app.context.device = { title, store: config.store, documents, place: config.path }
  app.use(answerErrors)
  app.use(tellCookie)
  app.use(createSession(config, app))
  app.use(async (ctx) => {
    const route = routes[`${ctx.method} ${ctx.path.slice(config.path.length)}`]
    if (!route) ctx.throw(404, 'There is no such page.')
    ctx.set('Cache-Control', 'no-store')
    ctx.body = (await route(ctx, ctx.method === 'POST' ? await readJson(ctx) : {})) ?? { ok: true }
  })
  return app
}

/** Every error becomes an answer that the page can show: a 503 while MongoDB is away. */
async function answerErrors(ctx, next) {
  try {
    await next()
  } catch (error) {
    const away = AWAY.test(error.code) || /^Mongo/.test(error.name)
    ctx.status = away ? 503 : (error.status ?? 500)
    const message = ctx.status === 500 ? 'Something went wrong; see the terminal.' : error.message
    ctx.body = { error: { code: error.code ?? error.name, message } }
    if (ctx.status === 500) console.error(error)
  }
}

/** Until when the browser keeps the cookie: the page cannot see that. */
async function tellCookie(ctx, next) {
  await next()
  const cookies = [ctx.res.getHeader('set-cookie') ?? []].flat()
  const cookie = cookies.find((one) => one.startsWith('koa:sess='))
  const expires = cookie?.match(/expires=([^;]+)/)?.[1]
  if (expires) ctx.body = { ...ctx.body, cookieUntil: Date.parse(expires) }
}

/** Requiring JSON also keeps forms of other sites out. */
async function readJson(ctx) {
  if (!ctx.is('json')) ctx.throw(400, 'The body must be JSON.')
  const chunks = []
  let size = 0
  for await (const chunk of ctx.req) {
    size += chunk.length
    if (size > BODY_LIMIT) ctx.throw(413, 'That is too long.')
    chunks.push(chunk)
  }
  try {
    return Object(JSON.parse(Buffer.concat(chunks).toString()))
  } catch {
    return ctx.throw(400, 'The body is not valid JSON.')
  }
}

module.exports = { createDevice }
