'use strict'

// What listens where MongoDB should be: a TLS front before a real one, another program, or nobody who
// answers.

const { once } = require('node:events')
const fs = require('node:fs')
const http = require('node:http')
const net = require('node:net')
const tls = require('node:tls')

/**
 * @param {net.Server} server
 * @returns {Promise<{ port: number, close: () => Promise<void> }>}
 */
async function listen(server) {
  const sockets = new Set()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return { port: server.address().port, close }
}

/** Ends TLS, with this certificate, before the server on a port of this machine. */
function openTls(certificate, port, { clientAuthority, ...options } = {}) {
  const server = tls.createServer({
    cert: fs.readFileSync(certificate.certificateFile),
    key: fs.readFileSync(certificate.keyFile),
    requestCert: clientAuthority !== undefined,
    rejectUnauthorized: clientAuthority !== undefined,
    ca: clientAuthority && fs.readFileSync(clientAuthority.certificateFile),
    ...options,
  })
  server.on('secureConnection', (socket) => {
    const inner = net.connect(port, '127.0.0.1')
    for (const [one, other] of [
      [socket, inner],
      [inner, socket],
    ]) {
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
    socket.pipe(inner).pipe(socket)
  })
  return listen(server)
}

/** A web server. */
const openHttp = () => listen(http.createServer((_, response) => response.end('hello')))

/** Accepts connections, and never says a word. */
const openSilence = () => listen(net.createServer())

/** A port on which nobody listens. */
async function freePort() {
  const { port, close } = await openSilence()
  await close()
  return port
}

module.exports = { freePort, listen, openHttp, openSilence, openTls }
