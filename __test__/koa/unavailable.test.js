'use strict'

// An app that starts while its MongoDB is not there.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { createServer } = require('node:net')
const { it } = require('node:test')
const { startServer } = require('../../scripts/servers/mongodb')
const { SessionStore } = require('../..')
const { Visitor, startApp, versions } = require('../support/app')

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

it('the app starts, its requests fail in time, and work once MongoDB is there', {
  timeout: 120_000,
}, async (t) => {
  const port = await freePort()
  const store = new SessionStore({
    connection: `mongodb://127.0.0.1:${port}/app`,
    serverSelectionTimeoutMS: 2000,
  })
  t.after(() => store.close())
  const apps = await Promise.all(
    versions.map((version) => startApp(t, version, { store, signed: false })),
  )

  const unavailable = { name: 'SessionStoreError', code: 'ERR_UNAVAILABLE' }
  await Promise.all(
    apps.flatMap((app) => {
      const newcomer = new Visitor(app)
      const known = new Visitor(app)
      known.id = 'known'
      const leaving = new Visitor(app)
      leaving.id = 'leaving'
      return [
        assert.rejects(newcomer.change({ count: 1 }), unavailable),
        assert.rejects(known.read(), unavailable),
        assert.rejects(
          leaving.visit((ctx) => {
            ctx.session = null
          }),
          unavailable,
        ),
      ]
    }),
  )
  // A request that needs no session is not affected.
  for (const app of apps) assert.equal(await new Visitor(app).visit(() => 'served'), 'served')

  const server = await startServer({ port })
  t.after(() => server.remove())
  for (const app of apps) {
    const visitor = new Visitor(app)
    await visitor.change({ count: 1 })
    assert.deepEqual(await visitor.read(), { count: 1 })
  }
})
