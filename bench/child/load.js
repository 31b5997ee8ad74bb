// The visitors of the applications: keep-alive connections, each with one request under way.
// Sockets and little else, so that the load leaves the processors to what is measured.

const net = require('node:net')
const { answer } = require('./answer')

/** The connections to each port, each with the cookies of its visitor. */
const visitors = new Map()

answer({
  /** Opens the connections; every visitor signs in. */
  async connect({ port, connections }) {
    const all = await Promise.all(Array.from({ length: connections }, () => connect(port)))
    for (const visitor of all) await visitor.signIn()
    visitors.set(port, all)
  },

  /** Every visitor asks for the page again and again. */
  async round({ port, page, ms }) {
    const latencies = []
    const start = performance.now()
    const end = start + ms
    await Promise.all(visitors.get(port).map((visitor) => visitor.browse(page, end, latencies)))
    const seconds = (performance.now() - start) / 1000
    const sorted = Float64Array.from(latencies).sort()
    return {
      requests: sorted.length,
      perSecond: sorted.length / seconds,
      p50: sorted[Math.floor(sorted.length * 0.5)],
      p99: sorted[Math.floor(sorted.length * 0.99)],
    }
  },
})

async function connect(port) {
  const socket = net.connect(port, '127.0.0.1').setNoDelay()
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return new Visitor(socket)
}

class Visitor {
  #socket
  #cookie = ''
  #received = ''
  #settle

  constructor(socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text) => this.#receive(text))
    const fail = (error) => this.#settle?.reject(error ?? new Error('the connection was closed'))
    socket.on('error', fail)
    socket.on('close', () => fail())
  }

  async signIn() {
    const reply = await this.#ask(this.#request('/sign-in'))
    const cookies = Array.from(reply.matchAll(/^set-cookie: ([^;]+)/gim), ([, cookie]) => cookie)
    this.#cookie = `Cookie: ${cookies.join('; ')}\r\n`
    const views = viewsOf(reply)
    const changed = viewsOf(await this.#ask(this.#request('/change')))
    const read = viewsOf(await this.#ask(this.#request('/read')))
    if (changed !== views + 1 || read !== changed) throw new Error('the session is not kept')
  }

  async browse(page, end, latencies) {
    const request = this.#request(page)
    for (;;) {
      const start = performance.now()
      if (start >= end) return
      await this.#ask(request)
      latencies.push(performance.now() - start)
    }
  }

  #request(page) {
    return `GET ${page} HTTP/1.1\r\nHost: localhost\r\n${this.#cookie}\r\n`
  }

  /** @returns {Promise<string>} */
  #ask(request) {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error('the connection is closed'))
      this.#settle = { resolve, reject }
      this.#socket.write(request)
    })
  }

  #receive(text) {
    this.#received += text
    const head = this.#received.indexOf('\r\n\r\n')
    if (head === -1) return
    const length = /content-length: (\d+)/i.exec(this.#received)
    if (!length || this.#received.length < head + 4 + Number(length[1])) return
    const reply = this.#received
    this.#received = ''
    if (reply.startsWith('HTTP/1.1 200')) this.#settle.resolve(reply)
    else this.#settle.reject(new Error(`the application answered ${reply.slice(0, 40)}`))
  }
}

function viewsOf(reply) {
  return JSON.parse(reply.slice(reply.indexOf('\r\n\r\n'))).views
}
