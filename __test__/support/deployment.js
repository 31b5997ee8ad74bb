'use strict'

// Several servers in front of one: a replica set of three with a primary that can move, or two mongos.
// Each is a proxy that changes what the real server says of itself, so the driver sees what it would
// see there; they share their data, as if it had been replicated at once.

const { ObjectId } = require('bson')
const { startServer } = require('../../scripts/servers/mongodb')
const { SessionStore } = require('../..')
const { GREETINGS, TcpProxy, faults } = require('./proxy')
const { rewrite } = require('./rewrite')

const SET = 'three'
const NOT_WRITABLE_PRIMARY = {
  ok: 0,
  code: 10107,
  codeName: 'NotWritablePrimary',
  errmsg: 'not primary',
}
const WRITES = ['insert', 'update', 'delete', 'createIndexes', 'endSessions']

/** What the real server says that a member, or a mongos, says differently or not at all. */
const OF_SERVER = [
  ...['hosts', 'setName', 'setVersion', 'primary', 'me', 'electionId', 'secondary', 'lastWrite'],
  ...['isreplicaset', 'topologyVersion', 'ismaster', 'isWritablePrimary', 'msg'],
]

class Deployment {
  #server
  #stores = []
  /** @type {TcpProxy[]} */
  proxies = []

  /** @param {number} count of servers @param {object} [options] of startServer */
  async open(count, options) {
    this.#server = await startServer(options)
    for (let index = 0; index < count; index++) {
      const proxy = await TcpProxy.open(this.#server.port)
      this.proxies.push(proxy)
      const present = rewrite((hello) => ({ ...without(hello, OF_SERVER), ...this.says(index) }))
      proxy.inject(present, { commands: GREETINGS, times: Infinity })
    }
  }

  async closeStores() {
    await Promise.all(this.#stores.splice(0).map((store) => store.close()))
  }

  async close() {
    await this.closeStores()
    await Promise.all(this.proxies.map((proxy) => proxy.close()))
    await this.#server.remove()
  }

  /** The real server, past the proxies. */
  get uri() {
    return this.#server.uri
  }

  get hosts() {
    return this.proxies.map((proxy) => new URL(proxy.uri).host)
  }

  /** A store that is closed by `closeStores`. */
  store({ hosts = this.hosts, query = '', ...options } = {}) {
    const connection = `mongodb://${hosts.join()}/?${query}`
    const store = new SessionStore({ connection, heartbeatFrequencyMS: 500, ...options })
    this.#stores.push(store)
    return store
  }

  /** How many commands of a name have passed each server. */
  passed(command) {
    return this.proxies.map((proxy) => proxy.passed[command] ?? 0)
  }

  /** What a server says of itself in its greeting. */
  says(_index) {
    return {}
  }
}

class ReplicaSet extends Deployment {
  /** Which of them is the primary; -1 while there is none. */
  primary = 0
  #elections = 1
  #refusing = []
  /** @type {object[]} */
  tags = [{}, {}, {}]

  async open(count = 3, options) {
    await super.open(count, options)
    for (const index of this.proxies.keys()) this.#refuseWrites(index)
  }

  /** As `inject` of a member's proxy, while that is the primary. */
  inject(index, fault, where) {
    const injected = this.proxies[index].inject(this.#asMember(index, fault), where)
    // What was injected first comes first.
    this.#refusing[index].end()
    this.#refuseWrites(index)
    return injected
  }

  #refuseWrites(index) {
    const fault = this.#asMember(index, faults.none)
    const where = { commands: WRITES, times: Infinity }
    this.#refusing[index] = this.proxies[index].inject(fault, where)
  }

  /** A member that is not the primary executes no write. */
  #asMember(index, fault) {
    return (exchange) =>
      index === this.primary ? fault(exchange) : exchange.pretend(NOT_WRITABLE_PRIMARY)
  }

  /** Another member becomes primary, or none. */
  elect(index) {
    this.primary = index
    this.#elections++
  }

  says(index) {
    const election = this.#elections.toString(16).padStart(24, '0')
    return {
      hosts: this.hosts,
      setName: SET,
      setVersion: 1,
      me: this.hosts[index],
      tags: this.tags[index],
      ismaster: index === this.primary,
      isWritablePrimary: index === this.primary,
      secondary: index !== this.primary,
      ...(this.primary !== -1 && { primary: this.hosts[this.primary] }),
      ...(index === this.primary && { electionId: new ObjectId(election) }),
    }
  }
}

class Mongos extends Deployment {
  says() {
    return { ismaster: true, isWritablePrimary: true, msg: 'isdbgrid' }
  }
}

function without(object, keys) {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)))
}

module.exports = { Mongos, ReplicaSet, SET }
