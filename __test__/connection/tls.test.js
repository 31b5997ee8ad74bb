'use strict'

// TLS with a private authority: each kind of `connection` works, with and without a client
// certificate, and each way in which it can fail says which it is.

const assert = require('node:assert/strict')
const { after, before, describe, it } = require('node:test')
const { MongoClient } = require('mongodb')
const { Mongoose } = require('mongoose')
const { SessionStore } = require('../..')
const { startServer } = require('../../scripts/servers/mongodb')
const { file, issue, useCertificates } = require('../support/certificates')
const { openTls } = require('../support/front')
const { causeOf, failure } = require('../support/outcome')

useCertificates()

const HOST = '127.0.0.1'
const authority = issue({ name: 'authority', isAuthority: true })
const stranger = issue({ name: 'stranger', isAuthority: true })
const ofServer = issue({ name: 'server', issuer: authority, hosts: [HOST, 'localhost'] })
const ofClient = issue({ name: 'client', issuer: authority, purpose: 'clientAuth' })

describe('a server with TLS', { timeout: 120_000 }, () => {
  for (const client of [undefined, ofClient]) {
    describe(client ? 'that asks for a client certificate' : 'without client certificates', () => {
      const files = {
        tlsCAFile: authority.certificateFile,
        ...(client && { tlsCertificateKeyFile: client.bothFile }),
      }
      let server
      let address

      before(async () => {
        const { certificateFile, keyFile, bothFile } = ofServer
        const authorityFile = authority.certificateFile
        const clientFile = client?.bothFile
        server = await startServer({
          tls: { certificateFile, keyFile, bothFile, authorityFile, clientFile },
        })
        address = `mongodb://${HOST}:${server.port}/app`
      })

      after(() => server.remove())

      async function assertWorks(connection, options) {
        const store = new SessionStore({ connection, ...options })
        await store.set('id', { a: 1 })
        assert.deepEqual(await store.get('id'), { a: 1 })
        await store.destroy('id')
        await store.close()
      }

      it('is reached by a connection string', async () => {
        const parameters = new URLSearchParams({ tls: 'true', ...files })
        await assertWorks(`${address}?${parameters}`)
      })

      it('is reached by options', async () => {
        await assertWorks(address, { tls: true, ...files })
      })

      it('is reached through a MongoClient', async () => {
        const application = new MongoClient(address, { tls: true, ...files })
        await assertWorks(application)
        await application.connect()
        await assertWorks(application)
        await assertWorks(application.db('other'))
        await application.close()
      })

      it('is reached through Mongoose', async () => {
        const mongoose = new Mongoose()
        await mongoose.connect(address, { tls: true, ...files })
        await assertWorks(mongoose)
        await assertWorks(mongoose.connection)
        await mongoose.disconnect()
      })

      it('is not reached without TLS, and says so', async () => {
        assert.match(await causeOf({ connection: address }), /closed .* expect TLS|another program/)
      })

      if (client) {
        it('is not reached without a client certificate, and says so', async () => {
          const cause = await causeOf({
            connection: address,
            tls: true,
            tlsCAFile: files.tlsCAFile,
          })
          assert.match(cause, /client certificate \(`tlsCertificateKeyFile`\)/)
        })
      }
    })
  }
})

describe('TLS that fails', { timeout: 120_000 }, () => {
  const trusted = { tls: true, tlsCAFile: authority.certificateFile }
  let server
  const fronts = []

  before(async () => {
    server = await startServer()
  })

  after(async () => {
    await Promise.all(fronts.map((front) => front.close()))
    await server.remove()
  })

  async function open(certificate, options) {
    const front = await openTls(certificate, server.port, options)
    fronts.push(front)
    return `mongodb://${HOST}:${front.port}/?directConnection=true`
  }

  /** What a store says of a server with such a certificate. */
  const causeWith = async (certificate, { front, ...options } = {}) =>
    causeOf({ connection: await open(certificate, front), ...trusted, ...options })

  it('works, with nothing wrong', async () => {
    const store = new SessionStore({ connection: await open(ofServer), ...trusted })
    await store.set('id', { a: 1 })
    await store.close()
  })

  it('names an authority that is not known', async () => {
    assert.match(
      await causeWith(ofServer, { tlsCAFile: undefined }),
      /TLS: its certificate is from no well-known authority: .* `tlsCAFile`/,
    )
  })

  it('names an authority that is not the one in tlsCAFile', async () => {
    assert.match(
      await causeWith(ofServer, { tlsCAFile: stranger.certificateFile }),
      /TLS: its certificate is from none of the authorities in `tlsCAFile`$/,
    )
  })

  it('names a certificate that has expired', async () => {
    const expired = issue({ name: 'expired', issuer: authority, hosts: [HOST], days: [-9, -1] })
    assert.match(await causeWith(expired), /TLS: its certificate has expired$/)
  })

  it('names a certificate that is not valid yet', async () => {
    const early = issue({ name: 'early', issuer: authority, hosts: [HOST], days: [1, 9] })
    assert.match(await causeWith(early), /TLS: its certificate is not valid yet$/)
  })

  it('names a certificate for other hosts, and these', async () => {
    const hosts = ['db.example', '10.0.0.1']
    const elsewhere = issue({ name: 'elsewhere', issuer: authority, hosts })
    assert.match(
      await causeWith(elsewhere),
      /TLS: its certificate is for other host names: .*db\.example/,
    )
  })

  it('names a certificate that names no host', async () => {
    const nameless = issue({ name: HOST, issuer: authority })
    assert.match(await causeWith(nameless), /TLS: its certificate names no host: .*subjectAltName/)
  })

  it('names a certificate that is not for servers', async () => {
    const purpose = 'clientAuth'
    const wrong = issue({ name: 'client', issuer: authority, hosts: [HOST], purpose })
    assert.match(await causeWith(wrong), /TLS: its certificate is not for servers/)
  })

  it('names a certificate of X.509 version 1', async () => {
    const old = issue({ name: HOST, issuer: authority, version: 1 })
    assert.match(await causeWith(old), /TLS: its certificate is of X\.509 version 1/)
  })

  it('names a certificate that is signed in an old way', async () => {
    const old = issue({ name: 'old', issuer: authority, hosts: [HOST], digest: 'sha1' })
    // OpenSSL refuses to serve it otherwise.
    const front = { ciphers: 'DEFAULT@SECLEVEL=0' }
    assert.match(await causeWith(old, { front }), /TLS: its certificate is signed .* SHA-1$/)
  })

  it('names a missing client certificate', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
      const front = { clientAuthority: authority, maxVersion }
      assert.match(
        await causeWith(ofServer, { front }),
        /client certificate \(`tlsCertificateKeyFile`\)/,
        maxVersion,
      )
    }
  })

  it('names a client certificate that the server does not accept', async () => {
    const unknown = issue({ name: 'unknown', issuer: stranger, purpose: 'clientAuth' })
    const front = { clientAuthority: authority }
    assert.match(
      await causeWith(ofServer, { front, tlsCertificateKeyFile: unknown.bothFile }),
      /TLS: it does not accept the client certificate|closed the connection/,
    )
  })

  it('names a version that is too old', async () => {
    const front = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
    assert.match(
      await causeWith(ofServer, { front }),
      /TLS: it (has neither version|has no version)/,
    )
  })

  describe('a certificate that is its own authority', () => {
    it('is accepted as tlsCAFile', async () => {
      const own = issue({ name: 'own', hosts: [HOST] })
      const store = new SessionStore({
        connection: await open(own),
        tls: true,
        tlsCAFile: own.certificateFile,
      })
      await store.set('id', { a: 1 })
      await store.close()
    })

    it('is named where it says CA:TRUE, which Node accepts and rustls does not', async () => {
      const own = issue({ name: 'own', hosts: [HOST], isAuthority: true })
      const connection = await open(own)
      const client = new MongoClient(connection, { tls: true, tlsCAFile: own.certificateFile })
      await client.db('app').command({ ping: 1 })
      await client.close()
      assert.match(
        await causeWith(own, { tlsCAFile: own.certificateFile }),
        /TLS: its certificate is that of an authority \(CA:TRUE\), .*CA:FALSE$/,
      )
    })
  })

  it('accepts any certificate with tlsAllowInvalidCertificates and tlsInsecure', async () => {
    const expired = issue({ name: 'expired', days: [-9, -1], isAuthority: true })
    for (const option of ['tlsAllowInvalidCertificates', 'tlsInsecure']) {
      const store = new SessionStore({
        connection: await open(expired),
        tls: true,
        [option]: true,
      })
      await store.set('id', { a: 1 })
      await store.close()
    }
  })

  describe('files', () => {
    const encrypted = file(
      'encrypted',
      '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n',
    )
    const other = issue({ name: 'other' })
    const { readFileSync } = require('node:fs')
    const pem = (place) => readFileSync(place, 'utf8')
    const cases = {
      'a tlsCAFile that is not there': [
        { tlsCAFile: '/no/such/file.pem' },
        /tlsCAFile.*cannot be read/,
      ],
      'a tlsCAFile without a certificate': [
        { tlsCAFile: ofServer.keyFile },
        /tlsCAFile.*no certificate/,
      ],
      'a tlsCertificateKeyFile that is not there': [
        { tlsCertificateKeyFile: '/no/such/file.pem' },
        /tlsCertificateKeyFile.*cannot be read/,
      ],
      'a tlsCertificateKeyFile without a certificate': [
        { tlsCertificateKeyFile: ofServer.keyFile },
        /tlsCertificateKeyFile.*no certificate/,
      ],
      'a tlsCertificateKeyFile without a key': [
        { tlsCertificateKeyFile: ofClient.certificateFile },
        /tlsCertificateKeyFile.*no private key/,
      ],
      'a tlsCertificateKeyFile whose key is encrypted': [
        { tlsCertificateKeyFile: file('both', pem(ofClient.certificateFile) + pem(encrypted)) },
        /tlsCertificateKeyFile.*encrypted/,
      ],
      'a certificate and a key that are not a pair': [
        { tlsCertificateKeyFile: file('both', pem(ofClient.certificateFile) + pem(other.keyFile)) },
        /tlsCertificateKeyFile.*together/,
      ],
    }
    for (const [name, [options, message]] of Object.entries(cases)) {
      it(`name ${name}`, async () => {
        const connection = `mongodb://${HOST}:${server.port}/`
        const store = new SessionStore({ connection, ...trusted, ...options })
        const error = await failure(store.get('id'))
        assert.equal(error.code, 'ERR_OPTIONS')
        assert.match(error.message, message)
        await store.close()
      })
    }
  })
})
