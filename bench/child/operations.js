// What is measured: each operation calls a store as koa-session does.

const { MAX_AGE } = require('./sessions')

/** koa-session gives the store ten seconds more than the cookie. */
const STORE_MAX_AGE = MAX_AGE + 10_000

/** Of ten requests of the web mix, all read, two change something, two only renew the session. */
const CHANGES = new Set([3, 8])
const RENEWALS = new Set([0, 5])

/**
 * @param {any} store
 * @param {(number: number) => { id: string, data: any }} session
 * @returns {Record<string, (number: number) => Promise<unknown>>}
 */
function operations(store, session) {
  // A renewal is one only for a request that knows what is stored.
  const contexts = new Map()

  const readAs = (ctx, id) => store.get(id, MAX_AGE, { ctx, rolling: false })
  const change = (ctx, id, data) =>
    store.set(id, data, STORE_MAX_AGE, { ctx, changed: true, rolling: false })
  const renew = (ctx, id, data) => {
    const renewed = { ...data, _expire: Date.now() + MAX_AGE }
    return store.set(id, renewed, STORE_MAX_AGE, { ctx, changed: false, rolling: true })
  }

  return {
    get: (number) => readAs({}, session(number).id),

    set(number) {
      const { id, data } = session(number)
      data.views++
      return change({}, id, data)
    },

    async touch(number) {
      const { id, data } = session(number)
      let known = contexts.get(id)
      if (!known) {
        known = { ctx: {}, data }
        known.data = await readAs(known.ctx, id)
        contexts.set(id, known)
      }
      return renew(known.ctx, id, known.data)
    },

    /** What most pages do: of twenty requests all read, one changes something. */
    async visit(number) {
      const ctx = {}
      const { id } = session(number)
      const data = await readAs(ctx, id)
      return number % 20 === 7 ? change(ctx, id, { ...data, views: data.views + 1 }) : data
    },

    async web(number) {
      const ctx = {}
      const { id } = session(number)
      const data = await readAs(ctx, id)
      if (CHANGES.has(number % 10)) {
        return change(ctx, id, { ...data, views: data.views + 1 })
      }
      return RENEWALS.has(number % 10) ? renew(ctx, id, data) : data
    },
  }
}

module.exports = { STORE_MAX_AGE, operations }
