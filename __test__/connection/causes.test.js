'use strict'

// Who is told that MongoDB is away is told why, for each server.

const assert = require('node:assert/strict')
const { after, before, describe, it } = require('node:test')
const { SessionStore } = require('../..')
const { startServer } = require('../../scripts/servers/mongodb')
const { freePort, openHttp, openSilence, openTls } = require('../support/front')
const { issue, useCertificates } = require('../support/certificates')
const { ReplicaSet } = require('../support/deployment')
const { causeOf, failure, next } = require('../support/outcome')
const { TcpProxy, faults } = require('../support/proxy')

/** Too long for a name in the DNS, so that nobody needs to be asked. */
const UNRESOLVABLE = `${'x'.repeat(64)}.invalid`

useCertificates()

describe('the cause of ERR_UNAVAILABLE', { timeout: 120_000 }, () => {
  let server
  const opened = []

  before(async () => {
    server = await startServer()
  })

  after(async () => {
    await Promise.all(opened.map(({ close }) => close()))
    await server.remove()
  })

  async function open(opening) {
    const front = await opening
    opened.push(front)
    return front.port
  }

  it('names a refused port', async () => {
    const port = await freePort()
    assert.equal(
      await causeOf({ connection: `mongodb://127.0.0.1:${port}/` }),
      `127.0.0.1:${port}: refused the connection (ECONNREFUSED)`,
    )
  })

  it('names a host that is unknown', async () => {
    assert.equal(
      await causeOf({ connection: `mongodb://${UNRESOLVABLE}/` }),
      `${UNRESOLVABLE}:27017: its name does not resolve (DNS)`,
    )
  })

  it('names an IPv6 address as a connection string does', async () => {
    const port = await freePort()
    const cause = await causeOf({ connection: `mongodb://[::1]:${port}/` })
    assert.ok(cause.startsWith(`[::1]:${port}: `), cause)
  })

  it('names each of several servers', async () => {
    const [one, other] = [await freePort(), await freePort()].sort()
    const hosts = `127.0.0.1:${one},127.0.0.1:${other},${UNRESOLVABLE}`
    assert.equal(
      await causeOf({ connection: `mongodb://${hosts}/?replicaSet=set` }),
      `127.0.0.1:${one}: refused the connection (ECONNREFUSED); ` +
        `127.0.0.1:${other}: refused the connection (ECONNREFUSED); ` +
        `${UNRESOLVABLE}:27017: its name does not resolve (DNS)`,
    )
  })

  for (const parameters of ['replicaSet=another', 'replicaSet=another&directConnection=true']) {
    it(`names the replica set that a server belongs to instead, with ${parameters}`, async () => {
      const cause = await causeOf({
        connection: `mongodb://127.0.0.1:${server.port}/?${parameters}`,
      })
      assert.match(cause, /^127\.0\.0\.1:\d+: (belongs|does not belong) to .*another.*replicaSet/)
    })
  }

  it('names a server that belongs to no replica set', async () => {
    const standalone = await startServer({ replicaSet: false })
    opened.push({ close: () => standalone.remove() })
    assert.match(
      await causeOf({ connection: `mongodb://127.0.0.1:${standalone.port}/?replicaSet=set` }),
      /belongs to no replica set, so not to "set"/,
    )
  })

  it('names a server that expects no TLS', async () => {
    assert.match(
      await causeOf({
        connection: `mongodb://127.0.0.1:${server.port}/?tls=true`,
        connectTimeoutMS: 500,
      }),
      /expects? no TLS|does not speak TLS/,
    )
  })

  it('names a server that expects TLS', async () => {
    const certificate = issue({ name: 'server', hosts: ['127.0.0.1'] })
    const port = await open(openTls(certificate, server.port))
    assert.match(
      await causeOf({ connection: `mongodb://127.0.0.1:${port}/` }),
      /closed the connection without an answer, as servers do that expect TLS \(`tls=true`\)$/,
    )
  })

  it('names another program', async () => {
    const port = await open(openHttp())
    for (const parameters of ['', '?directConnection=true']) {
      assert.match(
        await causeOf({ connection: `mongodb://127.0.0.1:${port}/${parameters}` }),
        /another program|closed the connection without an answer/,
      )
    }
  })

  it('names silence', async () => {
    const port = await open(openSilence())
    assert.equal(
      await causeOf({ connection: `mongodb://127.0.0.1:${port}/`, connectTimeoutMS: 200 }),
      `127.0.0.1:${port}: did not answer within 200 ms (\`connectTimeoutMS\`)`,
    )
  })

  it('says that nothing is known yet, where nothing is', async () => {
    const port = await open(openSilence())
    const connection = `mongodb://127.0.0.1:${port}/`
    const store = new SessionStore({ connection, serverSelectionTimeoutMS: 100 })
    store.on('warning', () => {})
    assert.equal((await failure(store.get('id'))).cause.message, `127.0.0.1:${port}: no answer yet`)
    await store.close()
  })

  it('names a primary that said it is none when it was asked to work', async () => {
    const proxy = await TcpProxy.open(server.port)
    opened.push({ close: () => proxy.close() })
    proxy.inject((exchange) => {
      proxy.mute()
      return faults.fail({ errorCode: 10107 })(exchange)
    })
    const cause = await causeOf({ connection: proxy.uri })
    assert.match(cause, /^127\.0\.0\.1:\d+: is not the primary, or is stopping \(.*code 10107\)$/)
  })

  it('names a primary that knows of no later election than others do', async () => {
    const set = new ReplicaSet()
    await set.open(3)
    try {
      const store = set.store({ serverSelectionTimeoutMS: 1500, timeoutMS: 1500 })
      store.on('warning', () => {})
      set.elect(0)
      await store.set('id', {})
      set.forgetElections()
      for (const proxy of set.proxies) proxy.reset()
      let error
      do
        error = await store.set('id', {}).then(
          () => undefined,
          (reason) => reason,
        )
      while (error === undefined)
      assert.equal(error.code, 'ERR_UNAVAILABLE')
      assert.ok(
        error.cause.message.includes(`${set.hosts[0]}: is a former primary`),
        error.cause.message,
      )
    } finally {
      await set.close()
    }
  })

  it('names what is wrong when it is told, also where the write broke off long before', async () => {
    const proxy = await TcpProxy.open(server.port)
    const connection = proxy.uri
    // Until its time has passed it is not known whether the write may be repeated.
    proxy.inject(faults.cut, { commands: ['findAndModify'], times: Infinity })
    const store = new SessionStore({ connection, serverSelectionTimeoutMS: 3000, timeoutMS: 3000 })
    store.on('warning', () => {})
    await store.get('id')
    const breakOff = (exchange) => {
      proxy.close()
      return faults.cut(exchange)
    }
    const brokenOff = proxy.inject(breakOff, { commands: ['update'] })
    const failing = failure(store.set('id', {}))
    await brokenOff.struck
    // The driver's monitors look again only where somebody looks for a server.
    store.get('id').catch(() => {})
    const error = await failing
    assert.equal(error.code, 'ERR_UNAVAILABLE')
    assert.match(error.cause.message, /^127\.0\.0\.1:\d+: refused the connection/)
    await store.close()
  })

  it('names what was wrong last, with every operation', async () => {
    const own = await startServer()
    opened.push({ close: () => own.remove() })
    const store = new SessionStore({
      connection: `mongodb://127.0.0.1:${own.port}/`,
      serverSelectionTimeoutMS: 2000,
    })
    store.on('warning', () => {})
    await store.set('id', { a: 1 })
    await own.kill()
    for (const call of [
      () => store.get('id'),
      () => store.set('id', {}),
      () => store.destroy('id'),
    ]) {
      const error = await failure(call())
      assert.equal(error.code, 'ERR_UNAVAILABLE')
      assert.match(error.cause.message, /^127\.0\.0\.1:\d+: refused the connection/)
    }
    await store.close()
  })

  it('shows no credentials', async () => {
    const port = await freePort()
    const connection = `mongodb://somebody:kept-to-myself@127.0.0.1:${port}/`
    assert.doesNotMatch(await causeOf({ connection }), /somebody|kept-to-myself/)
  })
})

describe('the stack of an error', () => {
  it('is that of the caller, wherever the call is awaited', async () => {
    const connection = `mongodb://127.0.0.1:${await freePort()}/`
    const store = new SessionStore({ connection, serverSelectionTimeoutMS: 100 })
    store.on('warning', () => {})
    const calls = {
      get: () => store.get('id'),
      set: () => store.set('id', {}),
      destroy: () => store.destroy('id'),
    }
    async function handlesRequest(call) {
      await call()
    }
    for (const call of Object.values(calls)) {
      const { stack } = await failure(handlesRequest(call))
      const [, first] = stack.split('\n')
      assert.match(first, /^ {4}at async handlesRequest \(.*causes\.test\.js:\d+:\d+\)$/)
      assert.doesNotMatch(stack, /operation\.js/)
    }
    const { stack } = await failure(Promise.all([handlesRequest(calls.get), calls.get()]))
    assert.match(stack, /at async Promise.all .*\n.*\n.*causes\.test\.js/)
    await store.close()
  })

  it('is that of the caller where the connection was found unusable late', async () => {
    const { Mongoose } = require('mongoose')
    const mongoose = new Mongoose()
    const store = new SessionStore({ connection: mongoose })
    store.on('warning', () => {})
    const early = failure(
      (async function readsEarly() {
        await store.get('id')
      })(),
    )
    const { lookup } = require('node:dns')
    const options = { lookup, serverSelectionTimeoutMS: 100 }
    mongoose.connect(`mongodb://127.0.0.1:${await freePort()}/`, options).catch(() => {})
    assert.match((await early).stack, /at async readsEarly/)
    const late = await failure(
      (async function readsLate() {
        await store.get('id')
      })(),
    )
    assert.equal(late.code, 'ERR_OPTIONS')
    assert.match(late.stack, /readsLate/)
    await store.close()
    await mongoose.disconnect()
  })
})

describe('behind a load balancer, where nobody monitors the servers', { timeout: 60_000 }, () => {
  it('the cause is what the operations saw', async () => {
    const port = await freePort()
    const store = new SessionStore({
      connection: `mongodb://127.0.0.1:${port}/?loadBalanced=true`,
      serverSelectionTimeoutMS: 500,
    })
    const told = next(store, 'warning')
    const error = await failure(store.get('id'))
    assert.equal(error.code, 'ERR_UNAVAILABLE')
    assert.equal(error.cause.message, `127.0.0.1:${port}: refused the connection (ECONNREFUSED)`)
    assert.equal((await told).cause.message, error.cause.message)
    await store.close()
  })
})
