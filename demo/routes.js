'use strict'

// What a device can ask for. Changing the session is all that a route does: storing it is
// koa-session's and the store's affair.

const { setTimeout: sleep } = require('node:timers/promises')

/** Nobody. */
const USER = { id: 42, name: 'Somebody', email: 'somebody@example.com' }

const LONGEST_WAIT_MS = 5000

/** @type {Record<string, (ctx: any, body: any) => any>} by method and path; each gives the answer */
const routes = {
  /** The session as the application sees it, and the dates of its document in MongoDB. */
  'GET /state': async (ctx) => {
    const { session, device } = ctx
    // A document may outlive its session: then a cookie of the demo's own knows its id.
    const id = session.isNew ? ctx.cookies.get('seen', { signed: true }) : session.externalKey
    if (!session.isNew) ctx.cookies.set('seen', id, { signed: true, path: device.place })
    const document = id && (await device.documents().findOne({ _id: id }))
    return {
      now: Date.now(),
      id: short(id),
      session: session.isNew ? null : session.toJSON(),
      sessionUntil: session.isNew ? null : document?.data._expire,
      documentUntil: document?.expiresAt ?? null,
    }
  },

  /** Reads the session, takes its time, and changes one key. */
  'POST /change': async (ctx, { key, value, wait = 0 }) => {
    check(ctx, isText(key, 40) && !key.startsWith('_'), 'That is no key.')
    check(ctx, wait >= 0 && wait <= LONGEST_WAIT_MS, 'That takes too long.')
    // koa-session reads the session when it is first looked at.
    const { session } = ctx
    await sleep(wait)
    session[key] = value
  },

  'POST /sign-in': async (ctx) => {
    await ctx.session.regenerate()
    ctx.session.userInfo = USER
    ctx.session.device = ctx.device.title
    ctx.session.since = new Date()
  },

  'POST /sign-out': (ctx) => {
    ctx.session = null
  },

  /** Where this user is signed in; never an id. */
  'GET /devices': async (ctx) => {
    const { userInfo, externalKey } = ctx.session
    if (!userInfo) return { devices: [] }
    const devices = []
    for await (const { id, data } of ctx.device.store.all({ 'userInfo.id': userInfo.id })) {
      devices.push({ device: data?.device, since: data?.since, current: id === externalKey })
    }
    return { devices }
  },

  'POST /sign-out-others': async (ctx) => {
    const { userInfo, externalKey } = ctx.session
    check(ctx, userInfo, 'Nobody is signed in here.')
    const filter = { 'userInfo.id': userInfo.id }
    return { ended: await ctx.device.store.destroyMany(filter, { except: externalKey }) }
  },

  'POST /visit': (ctx) => {
    ctx.session.visits = (ctx.session.visits ?? 0) + 1
    return { visits: ctx.session.visits }
  },

  /** Nothing but the expiry changes: a touch. */
  'POST /renew': async (ctx) => {
    check(ctx, !ctx.session.isNew, 'The session has ended.')
    await ctx.session.save()
  },
}

/** Enough to tell sessions apart, too little to take one over. */
function short(id) {
  return id?.slice(0, 6)
}

function check(ctx, holds, message) {
  if (!holds) ctx.throw(400, message)
}

function isText(value, limit) {
  return typeof value === 'string' && value.trim() !== '' && value.length <= limit
}

module.exports = { routes, short }
