'use strict'

// An open WebSocket ends when its user signs out elsewhere: in another process, of which this one
// learns by `watch`.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const { createServer } = require('node:http')
const { describe, it } = require('node:test')
const Koa = require('koa')
const { createSession } = require('koa-session-7')
const { WebSocket, WebSocketServer } = require('ws')
const { useDatabase } = require('../support/database')
const { OtherProcess } = require('../support/process')

const KEYS = ['some secret hurr']

let other
const database = useDatabase({
  setUp: () => {
    other = new OtherProcess(database.options)
  },
  tearDown: () => other.end(),
})

/** An app whose sockets end with the session that they were opened in. */
async function start(t) {
  const store = database.store()
  const app = new Koa()
  app.keys = KEYS
  app.use(createSession({ key: 'koa:sess', signed: false, store }, app))
  app.use((ctx) => {
    ctx.session.userInfo = { id: 42 }
    ctx.body = 'signed in'
  })
  const server = createServer(app.callback())
  const sockets = new WebSocketServer({ server })
  const bySession = new Map()
  sockets.on('connection', async (socket, request) => {
    const [, id] = /koa:sess=([^;]+)/.exec(request.headers.cookie)
    bySession.set(id, [...(bySession.get(id) ?? []), socket])
    // It may have ended before it was listed here.
    if (!(await store.get(id))) socket.close(4001)
    else socket.send('ready')
  })
  const changes = store.watch({ 'userInfo.id': 42 })
  await changes.opened
  const watching = (async () => {
    for await (const { type, id } of changes) {
      const ids = type === 'gap' ? [...bySession.keys()] : [id]
      for (const ended of ids) {
        if (
          type === 'destroy' ||
          type === 'expire' ||
          (type === 'gap' && !(await store.get(ended)))
        ) {
          for (const socket of bySession.get(ended) ?? []) socket.close(4001, 'signed out')
          bySession.delete(ended)
        }
      }
    }
  })()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(async () => {
    await changes.return()
    await watching
    for (const socket of sockets.clients) socket.terminate()
    server.close()
    server.closeAllConnections()
  })
  return server.address().port
}

async function signIn(port) {
  const response = await fetch(`http://127.0.0.1:${port}`)
  await response.text()
  return response.headers.getSetCookie()[0].split(';')[0]
}

async function open(port, cookie) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers: { cookie } })
  const closed = once(socket, 'close').then(([code]) => code)
  await once(socket, 'message')
  return { socket, closed, id: cookie.split('=')[1] }
}

describe('a WebSocket', { timeout: 60_000 }, () => {
  it('ends when its session is signed out in another process, and no other', async (t) => {
    const port = await start(t)
    const mine = await open(port, await signIn(port))
    const laptop = await open(port, await signIn(port))
    await other.destroy(laptop.id)
    assert.equal(await laptop.closed, 4001)
    assert.equal(mine.socket.readyState, WebSocket.OPEN)
    await other.destroy(mine.id)
    assert.equal(await mine.closed, 4001)
  })

  it('ends when its user signs out everywhere else', async (t) => {
    const port = await start(t)
    const cookies = [await signIn(port), await signIn(port), await signIn(port)]
    const [mine, ...devices] = await Promise.all(cookies.map((cookie) => open(port, cookie)))
    const store = database.store()
    assert.equal(await store.destroyMany({ 'userInfo.id': 42 }, { except: mine.id }), 2)
    assert.deepEqual(await Promise.all(devices.map(({ closed }) => closed)), [4001, 4001])
    assert.equal(mine.socket.readyState, WebSocket.OPEN)
  })
})
