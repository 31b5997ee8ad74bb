const net = require('node:net')

/** A visitor of an application: a keep-alive connection with one request under way, and its cookies. */
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

  static async connect(port) {
    const socket = net.connect(port, '127.0.0.1').setNoDelay()
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    return new Visitor(socket)
  }

  async signIn() {
    const reply = await this.visit('/sign-in')
    const cookies = Array.from(reply.matchAll(/^set-cookie: ([^;]+)/gim), ([, cookie]) => cookie)
    this.#cookie = `Cookie: ${cookies.join('; ')}\r\n`
    const views = viewsOf(reply)
    const changed = viewsOf(await this.visit('/change'))
    const read = viewsOf(await this.visit('/read'))
    if (changed !== views + 1 || read !== changed) throw new Error('the session is not kept')
  }

  /** @returns {Promise<string>} the reply */
  visit(page) {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed) return reject(new Error('the connection is closed'))
      this.#settle = { resolve, reject }
      this.#socket.write(`GET ${page} HTTP/1.1\r\nHost: localhost\r\n${this.#cookie}\r\n`)
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

module.exports = { Visitor }
