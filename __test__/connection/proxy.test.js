'use strict'

// Through a SOCKS5 proxy, which alone knows the way to the server.

const assert = require('node:assert/strict')
const { after, afterEach, before, describe, it } = require('node:test')
const { MongoClient } = require('mongodb')
const { SessionStore } = require('../..')
const { startServer } = require('../../scripts/servers/mongodb')
const { causeOf } = require('../support/outcome')
const { SocksProxy } = require('../support/socks')

const HOST = 'only-the-proxy-knows.invalid:4711'
const URI = `mongodb://${HOST}/?directConnection=true`
const SIGNED_IN = { proxyUsername: 'proxy user', proxyPassword: 'p@ss:w/rd&' }

describe('a SOCKS proxy', { timeout: 60_000 }, () => {
  let server
  const proxies = []

  before(async () => {
    server = await startServer()
  })

  after(() => server.remove())

  afterEach(async () => {
    await Promise.all(proxies.splice(0).map((proxy) => proxy.close()))
  })

  async function openProxy(options) {
    const proxy = await SocksProxy.open(server.port, options)
    proxies.push(proxy)
    return proxy
  }

  async function assertWorks(proxy, options) {
    const store = new SessionStore({ connection: URI, ...options })
    await store.set('id', { a: 1 })
    assert.deepEqual(await store.get('id'), { a: 1 })
    await store.close()
    assert.ok(proxy.asked.length > 0)
    assert.deepEqual([...new Set(proxy.asked)], [HOST])
  }

  it('is gone through by a connection string', async () => {
    const proxy = await openProxy()
    const address = `proxyHost=127.0.0.1&proxyPort=${proxy.port}`
    await assertWorks(proxy, { connection: `${URI}&${address}` })
  })

  it('is gone through by options', async () => {
    const proxy = await openProxy()
    await assertWorks(proxy, { proxyHost: '127.0.0.1', proxyPort: proxy.port })
  })

  it('is gone through by a MongoClient, with its user', async () => {
    const proxy = await openProxy({ password: true })
    const address = { proxyHost: '127.0.0.1', proxyPort: proxy.port }
    const connection = new MongoClient(URI, { ...address, ...SIGNED_IN })
    await assertWorks(proxy, { connection })
    const { proxyUsername, proxyPassword } = SIGNED_IN
    assert.deepEqual([...new Set(proxy.signedIn)], [`${proxyUsername}:${proxyPassword}`])
  })

  it('is signed in to by a connection string', async () => {
    const proxy = await openProxy({ password: true })
    const address = { proxyHost: '127.0.0.1', proxyPort: String(proxy.port) }
    const parameters = new URLSearchParams({ ...address, ...SIGNED_IN })
    await assertWorks(proxy, { connection: `${URI}&${parameters}` })
  })

  it('that is not there is what is said of the server', async () => {
    const proxy = await openProxy()
    const { port } = proxy
    await proxies.pop().close()
    const options = { connection: URI, proxyHost: '127.0.0.1', proxyPort: port }
    assert.match(await causeOf(options), /only-the-proxy-knows\.invalid:4711: .*refused|proxy/i)
  })

  it('is refused where what is said of it contradicts itself', () => {
    const parts = [
      { proxyPort: 1080 },
      { proxyUsername: 'user', proxyPassword: 'a password' },
      { proxyHost: 'proxy', proxyUsername: 'user' },
      { proxyHost: 'proxy', proxyPassword: 'a password' },
    ]
    for (const options of parts) {
      assert.throws(() => new SessionStore({ connection: URI, ...options }), {
        code: 'ERR_OPTIONS',
        message: /proxy/i,
      })
    }
  })
})
