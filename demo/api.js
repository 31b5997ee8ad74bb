'use strict'

// The page's requests. Changing the session is all that they do: storing it is koa-session's and
// the store's affair.

const { EJSON } = require('bson')

const BODY_LIMIT = 16 * 1024

/** @param {import('koa')} app */
function addApi(app, { model, collection, mongodb }) {
  const routes = {
    'GET /api/state': async (ctx) => {
      ctx.body = await readState(ctx, model)
      ctx.body.mongodb = mongodb
      ctx.body.collection = collection
    },
    'POST /api/values': setValue,
    'POST /api/values/remove': removeValue,
    'POST /api/sign-in': signIn,
    'POST /api/sign-out': signOut,
    'POST /api/max-age': setMaxAge,
  }

  app.use(async (ctx) => {
    const route = routes[`${ctx.method} ${ctx.path}`]
    if (!route) ctx.throw(404, 'There is no such page.')
    ctx.set('Cache-Control', 'no-store')
    if (ctx.method === 'POST') ctx.body = { ok: true }
    await route(ctx, ctx.method === 'POST' ? await readJson(ctx) : undefined)
  })
}

/** The session as the application sees it, and the document as MongoDB holds it. */
async function readState(ctx, model) {
  const { session } = ctx
  // After its end a session has no id any more; `watch` is the one that the page saw last.
  const id = session.isNew ? ctx.query.watch : session.externalKey
  const document = typeof id === 'string' ? await model.findById(id).lean() : null
  return {
    now: Date.now(),
    id: session.isNew ? null : id,
    session: session.isNew ? null : session.toJSON(),
    document: document && EJSON.serialize(document, { relaxed: true }),
  }
}

function setValue(ctx, { key, value }) {
  const { session } = ctx
  check(ctx, isText(key, 100), 'A key has 1 to 100 characters.')
  check(ctx, !key.startsWith('_'), 'koa-session keeps keys that begin with _ for itself.')
  const taken = key in session && !Object.hasOwn(session.toJSON(), key)
  check(ctx, !taken, `koa-session uses the name ${key} itself.`)
  check(ctx, value !== undefined, 'There is no value.')
  session[key] = value
}

function removeValue(ctx, { key }) {
  const known = typeof key === 'string' && Object.hasOwn(ctx.session.toJSON(), key)
  check(ctx, known, 'The session has no such key any more.')
  delete ctx.session[key]
}

function signIn(ctx, { name, email, age }) {
  check(ctx, isText(name, 100), 'A name has 1 to 100 characters.')
  check(ctx, isText(email, 200) && /^\S+@\S+$/.test(email), 'That is no e-mail address.')
  check(ctx, isWhole(age, 0, 150), 'An age is a whole number from 0 to 150.')
  ctx.session.userInfo = { name, email, age }
}

function signOut(ctx) {
  ctx.session = null
}

function setMaxAge(ctx, { seconds }) {
  check(ctx, isWhole(seconds, 1, 86400), 'maxAge is a whole number of seconds from 1 to 86400.')
  check(ctx, !ctx.session.isNew, 'There is no session yet: add a value or sign in first.')
  ctx.session.maxAge = seconds * 1000
}

/** Requiring JSON also keeps forms of other sites out. */
async function readJson(ctx) {
  check(ctx, ctx.is('json'), 'The body must be JSON.')
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

function check(ctx, holds, message) {
  if (!holds) ctx.throw(400, message)
}

function isText(value, limit) {
  return typeof value === 'string' && value.trim() !== '' && value.length <= limit
}

function isWhole(value, least, most) {
  return Number.isInteger(value) && value >= least && value <= most
}

module.exports = { addApi }
