'use strict'

// What the store is tried against: a MongoDB, and the same one behind TLS.

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const tls = require('node:tls')
const { Problem } = require('../../command')
const { startServer } = require('../../servers/mongodb')

const CA_FILE = 'authority.pem'

/**
 * @param {string} folder where the application is, which gets the authority's certificate
 * @param {(line: string) => void} log
 */
async function startServers(folder, log) {
  const mongodb = await startServer({ log })
  const front = await startTls(folder, mongodb.port)
  return {
    description: `${mongodb.kind} ${mongodb.version}`,
    settings: {
      uri: `${mongodb.uri}?directConnection=true`,
      tlsUri: `mongodb://127.0.0.1:${front.port}/?directConnection=true&tls=true`,
      caFile: CA_FILE,
      unreachable: 'mongodb://127.0.0.1:1/',
      srv: 'mongodb+srv://sessions.invalid/',
    },
    async stop() {
      front.server.close()
      await mongodb.remove()
    },
  }
}

/** Ends TLS in front of a server that does without: the store sees no difference. */
async function startTls(folder, behind) {
  const server = tls.createServer(makeCertificates(folder), (client) => {
    const plain = net.connect(behind, '127.0.0.1')
    for (const [one, other] of [
      [client, plain],
      [plain, client],
    ]) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
    client.pipe(plain).pipe(client)
  })
  // A client that does not trust the certificate hangs up.
  server.on('tlsClientError', () => {})
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  return { server, port: /** @type {net.AddressInfo} */ (server.address()).port }
}

/** A private authority and a certificate of it for this machine's loopback address. */
function makeCertificates(folder) {
  const file = (name) => path.join(folder, name)
  const openssl = (...args) => {
    try {
      return execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    } catch (error) {
      throw new Problem(
        'openssl cannot make a certificate.',
        error.stderr?.toString() ?? error.message,
      )
    }
  }
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl(
    ...['req', '-x509', ...key, '-keyout', 'authority.key', '-out', CA_FILE, '-days', '2'],
    ...['-subj', '/CN=A private authority'],
  )
  openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=127.0.0.1')
  fs.writeFileSync(file('names'), 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n')
  openssl(
    ...['x509', '-req', '-in', 'server.csr', '-CA', CA_FILE, '-CAkey', 'authority.key'],
    ...['-CAcreateserial', '-out', 'server.pem', '-days', '2', '-extfile', 'names'],
  )
  const made = {
    cert: fs.readFileSync(file('server.pem')),
    key: fs.readFileSync(file('server.key')),
  }
  for (const name of ['authority.key', 'server.key']) fs.rmSync(file(name))
  return made
}

module.exports = { startServers }
