// The stores that are compared, each opened as its own documentation says. All of them have the
// three methods that koa-session calls.

/**
 * @typedef {{ uri: string, db: string, collection: string, redisPort?: number }} Place
 * @typedef {{ store: any, close: () => Promise<unknown> }} Opened
 * @type {Record<string, (place: Place) => Promise<Opened>>}
 */
const openers = {
  ...require('./map-stores').openers,
  ...require('./mongodb-stores').openers,
  ...require('./redis-stores').openers,
}

module.exports = { openers }
