'use strict'

// Several servers in front of one: a replica set of three with a primary that can move, or two mongos.
// Each is a proxy that changes what the real server says of itself, so the driver sees what it would
// see there; they share their data, as if it had been replicated at once.

const { ObjectId } = require('bson')
const { startServer } = require('../../scripts/servers/mongodb')
const { SessionStore } = require('../..')
const { GREETINGS, TcpProxy } = require('./proxy')

const SET = 'three'
const NOT_WRITABLE_PRIMARY = {
  ok: 0,
  code: 10107,
  codeName: 'NotWritablePrimary',
  errmsg: 'not primary',
}
const WRITES = ['insert', 'update', 'delete', 'findAndModify', 'createIndexes']

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
      proxy.disguise({
        reply: (body, { command }) =>
          GREETINGS.includes(command) ? { ...without(body, OF_SERVER), ...this.says(index) } : body,
        refusal: ({ command }) => this.refuses(index, command),
      })
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

  /** What a server refuses a command with, if it does. */
  refuses(_index, _command) {
    return undefined
  }
}

class ReplicaSet extends Deployment {
  /** Which of them is the primary; -1 while there is none. */
  primary = 0
  #elections = 1
  /** @type {object[]} */
  tags = [{}, {}, {}]

  /** Another member becomes primary, or none. */
  elect(index) {
    this.primary = index
    this.#elections++
  }

  /** The primary knows of no election but the first, as one that was set up anew from an old backup. */
  forgetElections() {
    this.#elections = 0
  }

  /** A member that is not the primary executes no write. */
  refuses(index, command) {
    return index !== this.primary && WRITES.includes(command) ? NOT_WRITABLE_PRIMARY : undefined
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
