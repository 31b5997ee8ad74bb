'use strict'

// mongodb+srv://: the hosts and some settings come from the DNS, which may be late, or wrong.

const assert = require('node:assert/strict')
const { after, before, describe, it } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { MongoClient } = require('mongodb')
const { startServer } = require('../../scripts/servers/mongodb')
const { issue, useCertificates } = require('../support/certificates')
const { DnsServer, obstacle } = require('../support/dns')

const DOMAIN = 'sessions.test'
const skip = obstacle() ?? false

useCertificates()

describe('a mongodb+srv:// address', { skip, timeout: 120_000 }, () => {
  let server
  let dns
  let child

  before(async () => {
    server = await startServer()
    dns = await DnsServer.open()
    dns.records[`A host.${DOMAIN}`] = ['127.0.0.1']
    child = dns.process()
  })

  after(async () => {
    await dns.close()
    await server.remove()
  })

  /** The DNS knows this host: its SRV records name the server, its TXT records say `texts`. */
  function announce(host, { texts = [], port = server.port, target = `host.${DOMAIN}` } = {}) {
    dns.records[`SRV _mongodb._tcp.${host}`] = [{ target, port, priority: 0, weight: 0 }]
    dns.records[`TXT ${host}`] = texts.map((text) => [text])
  }

  const run = (step, ...args) => child.run('connect.js', step, ...args)

  /** What a store says that is told such an address. */
  async function attempt(
    host,
    { kind = 'string', query = 'tls=false', credentials = '', ...options },
  ) {
    const uri = `mongodb+srv://${credentials}${host}/app?${query}`
    await run('connect', host, kind, uri, options)
    const { failure, read } = await run('attempt', host)
    await run('disconnect', host)
    return failure ?? read
  }

  const causeOf = async (host) => {
    const { code, cause } = await attempt(host, { serverSelectionTimeoutMS: 500 })
    assert.equal(code, 'ERR_UNAVAILABLE')
    return cause
  }

  for (const kind of ['string', 'client', 'mongoose']) {
    it(`is resolved, given as a ${kind}`, async () => {
      const host = `${kind}.${DOMAIN}`
      announce(host)
      assert.deepEqual(await attempt(host, { kind }), { a: 1 })
    })
  }

  it('turns TLS on', async (t) => {
    const authority = issue({ name: 'authority', isAuthority: true })
    const hosts = ['127.0.0.1', `host.${DOMAIN}`]
    const certificate = issue({ name: 'server', issuer: authority, hosts })
    const authorityFile = authority.certificateFile
    const secured = await startServer({ tls: { ...certificate, authorityFile } })
    t.after(() => secured.remove())
    const host = `secured.${DOMAIN}`
    announce(host, { port: secured.port })
    const options = { query: '', tlsCAFile: authorityFile }
    assert.deepEqual(await attempt(host, options), { a: 1 })
  })

  it('is left at once by close(), although the driver looks at the DNS every minute', async () => {
    const host = `left.${DOMAIN}`
    announce(host)
    await run('connect', host, 'string', `mongodb+srv://${host}/app?tls=false`, {})
    assert.deepEqual((await run('attempt', host)).read, { a: 1 })
    const first = await Promise.race([run('disconnect', host), sleep(1500, 'the time is up')])
    assert.equal(first, undefined)
  })

  it('takes authSource from the TXT record', async (t) => {
    const guarded = await startServer({ auth: { username: 'root', password: 'r' } })
    t.after(() => guarded.remove())
    const client = await new MongoClient(guarded.uri).connect()
    const roles = [{ role: 'readWrite', db: 'app' }]
    const user = { createUser: 'visitor', pwd: 'p@ss', roles, mechanisms: ['SCRAM-SHA-256'] }
    await client.db('people').command(user)
    await client.close()
    const host = `guarded.${DOMAIN}`
    announce(host, { port: guarded.port, texts: ['authSource=people'] })
    const credentials = 'visitor:p%40ss@'
    for (const kind of ['string', 'client']) {
      const options = { kind, credentials, authMechanism: 'SCRAM-SHA-256' }
      assert.deepEqual(await attempt(host, options), { a: 1 }, kind)
    }
    // What the address says goes before the record.
    const query = 'tls=false&authSource=admin'
    const { code } = await attempt(host, { query, credentials, authMechanism: 'SCRAM-SHA-256' })
    assert.equal(code, 'ERR_AUTH')
  })

  it('takes the replica set from the TXT record', async () => {
    const host = `set.${DOMAIN}`
    announce(host, { texts: ['replicaSet=another'] })
    assert.match(await causeOf(host), /^host\.sessions\.test:\d+: belongs to .* not "another"/)
  })

  it('says that a name does not resolve, and works as soon as it does', async () => {
    const host = `late.${DOMAIN}`
    const options = { serverSelectionTimeoutMS: 500 }
    await run('connect', host, 'string', `mongodb+srv://${host}/app?tls=false`, options)
    const { failure } = await run('attempt', host)
    assert.equal(failure.code, 'ERR_UNAVAILABLE')
    assert.equal(failure.cause, `${host}: it has no SRV record (DNS)`)
    announce(host)
    let outcome
    do outcome = await run('attempt', host)
    while (outcome.failure)
    assert.deepEqual(outcome.read, { a: 1 })
    const isAboutAbsence = ([code]) => code === 'ERR_UNAVAILABLE' || code === 'INFO_AVAILABLE'
    assert.deepEqual(outcome.warned.filter(isAboutAbsence), [
      ['ERR_UNAVAILABLE', failure.cause],
      ['INFO_AVAILABLE', undefined],
    ])
    await run('disconnect', host)
  })

  it('says that a host in the SRV record does not resolve', async () => {
    const host = `nowhere.${DOMAIN}`
    announce(host, { target: `unknown.${DOMAIN}` })
    assert.match(
      await causeOf(host),
      /^unknown\.sessions\.test:\d+: its name does not resolve \(DNS\)$/,
    )
  })

  it('says that the DNS does not answer', async () => {
    const host = `silent.${DOMAIN}`
    dns.silent.add(`_mongodb._tcp.${host}`)
    assert.match(
      await causeOf(host),
      /^silent\.sessions\.test: (no answer of the DNS yet|the DNS does not answer)$/,
    )
  })

  it('says that the SRV record leads to another domain', async () => {
    const host = `led.astray.${DOMAIN}`
    announce(host, { target: 'host.elsewhere.test' })
    assert.equal(await causeOf(host), `${host}: its SRV record names a host of another domain`)
  })

  it('says that the TXT record has what it must not', async () => {
    for (const [index, texts] of [
      ['tlsAllowInvalidCertificates=true'],
      ['authSource'],
      ['authSource=a', 'replicaSet=b'],
    ].entries()) {
      const host = `text${index}.${DOMAIN}`
      announce(host, { texts })
      assert.match(
        await causeOf(host),
        /^text\d\.sessions\.test: its TXT record has what it must not/,
      )
    }
  })
})
