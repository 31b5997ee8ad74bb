'use strict'

// A domain name system of the tests' own, and processes that ask it and no other: each in a mount
// namespace with a resolv.conf of its own, so that nothing of the machine changes.

const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const dgram = require('node:dgram')
const { once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const dns = require('dns-packet')
const { TaskProcess } = require('./tasks')

/** Why this machine cannot do it; undefined where it can. */
function obstacle() {
  if (process.platform !== 'linux') return 'needs mount namespaces, which Linux has'
  if (process.getuid() !== 0) return 'needs root, for a mount namespace and the port 53'
  const { status } = spawnSync('unshare', [
    '-m',
    'mount',
    '--bind',
    '/etc/hosts',
    '/etc/resolv.conf',
  ])
  return status === 0 ? undefined : 'needs unshare and a kernel that lets root mount'
}

class DnsServer {
  #socket = dgram.createSocket('udp4')
  #folder = fs.mkdtempSync(path.join(os.tmpdir(), 'koa-session-dns-'))
  #processes = []
  /** `{ 'SRV _mongodb._tcp.db.test': [data, …] }`, data as dns-packet has it. What is not there is unknown. */
  records = {}
  /** Names that are asked for in vain, without any answer. */
  silent = new Set()

  static async open() {
    const server = new DnsServer()
    server.#socket.on('message', (query, { port, address }) => {
      const answer = server.#answer(dns.decode(query))
      if (answer) server.#socket.send(dns.encode(answer), port, address)
    })
    // A loopback address for each process of the tests, since the port is always the same.
    const bytes = [process.pid >> 16, process.pid >> 8, process.pid].map((part) => part & 0xff)
    server.#socket.bind(53, `127.${bytes[0] | 0x80}.${bytes[1]}.${bytes[2] || 1}`)
    await once(server.#socket, 'listening')
    return server
  }

  #answer({ id, flags, questions }) {
    const [{ type, name }] = questions
    if (this.silent.has(name)) return undefined
    const found = this.records[`${type} ${name}`] ?? []
    const isKnown = Object.keys(this.records).some((key) => key.endsWith(` ${name}`))
    const NXDOMAIN = 3
    return {
      type: 'response',
      id,
      flags: (flags & dns.RECURSION_DESIRED) | dns.RECURSION_AVAILABLE | (isKnown ? 0 : NXDOMAIN),
      questions,
      answers: found.map((data) => ({ type, name, ttl: 60, data })),
    }
  }

  /** A process that knows no other names than these. */
  process() {
    const { address } = this.#socket.address()
    const file = path.join(this.#folder, 'resolv.conf')
    fs.writeFileSync(file, `nameserver ${address}\noptions timeout:1 attempts:1\n`)
    const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    const execArgv = ['-m', 'sh', '-c', script, file, process.execPath]
    const child = new TaskProcess({ execPath: 'unshare', execArgv })
    this.#processes.push(child)
    return child
  }

  async close() {
    const codes = await Promise.all(this.#processes.map((child) => child.end()))
    this.#socket.close()
    fs.rmSync(this.#folder, { recursive: true, force: true })
    for (const code of codes) assert.equal(code, 0)
  }
}

module.exports = { DnsServer, obstacle }
