'use strict'

// Sessions as express-session and connect-mongo write them, the real packages, today's and an old one.

const { once } = require('node:events')
const { createServer } = require('node:http')
const { promisify } = require('node:util')
const expressSession = require('express-session')
const { MongoStore } = require('connect-mongo')
const OldMongoStore = require('connect-mongo-3')(expressSession)

const SECRET = 'some secret hurr'

/** Each makes a store of its version over a collection. */
const VERSIONS = {
  'connect-mongo 6': ({ uri, db, collection, ...options }) =>
    new MongoStore({ mongoUrl: uri, dbName: db, collectionName: collection, ...options }),
  'connect-mongo 3': ({ uri, db, collection, crypto, timestamps, ...options }) =>
    new OldMongoStore({
      url: uri,
      dbName: db,
      collection,
      mongoOptions: { useNewUrlParser: true, useUnifiedTopology: true },
      ...crypto,
      ...options,
    }),
}

/**
 * connect-mongo's store, with its index, and with promises in place of callbacks.
 * @param {keyof typeof VERSIONS} version
 * @param {{ uri: string, db: string, collection: string }} options and connect-mongo's own
 */
async function connectMongo(version, options) {
  const store = VERSIONS[version](options)
  await (store.collectionP ?? store.collectionReady())
  const promised = (name) => promisify(store[name]).bind(store)
  return {
    store,
    get: promised('get'),
    set: promised('set'),
    destroy: promised('destroy'),
    close: () => store.close(),
  }
}

/** What express-session hands to its store: a session with its cookie. */
function expressSessionOf(content, cookie = { maxAge: 3_600_000 }) {
  const request = { sessionStore: new expressSession.MemoryStore(), sessionID: 'any' }
  request.sessionStore.generate = () => {}
  const session = new expressSession.Session(request, content)
  session.cookie = new expressSession.Cookie(cookie)
  return session
}

/** An application on express-session, over HTTP; each visit is handled by `visit(session, query)`. */
async function startExpress(t, store, visit, options) {
  const middleware = expressSession({
    secret: SECRET,
    store,
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 3_600_000 },
    ...options,
  })
  const server = createServer((request, response) => {
    middleware(request, response, async () => {
      const query = Object.fromEntries(new URL(request.url, 'http://localhost').searchParams)
      const answer = await visit(request.session, query)
      response.end(JSON.stringify(answer ?? null))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${server.address().port}`
}

module.exports = { SECRET, VERSIONS, connectMongo, expressSessionOf, startExpress }
