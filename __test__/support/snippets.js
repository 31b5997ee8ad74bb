'use strict'

// Runs the snippets of pages as they stand, but for addresses, and closes what they made.

const assert = require('node:assert/strict')
const { randomBytes } = require('node:crypto')
const { once } = require('node:events')
const { after, afterEach, before } = require('node:test')
const Koa = require('koa')
const { MongoClient } = require('mongodb')
const { Mongoose } = require('mongoose')
const { startMongoDB } = require('../../scripts/servers/mongodb')
const SessionStore = require('../..')

/** What a snippet makes is closed after its test. */
let running = []

class StoreOfSnippet extends SessionStore {
  constructor(options) {
    super(options)
    StoreOfSnippet.made.push(this)
    running.push(() => this.close())
  }

  static made = []
}

class KoaOfSnippet extends Koa {
  listen(...args) {
    const http = super.listen(...args, '127.0.0.1')
    KoaOfSnippet.http = http
    running.push(() => {
      http.close()
      http.closeAllConnections()
    })
    return http
  }
}

class Snippets {
  database = `koa_session_pages_${randomBytes(4).toString('hex')}`
  mongoose = new Mongoose()
  #server
  #client

  async open() {
    this.#server = await startMongoDB({ log() {} })
    this.#client = new MongoClient(this.#server.uri)
  }

  /** Ends what the last snippet left running. */
  async tidy() {
    await Promise.all(running.map((stop) => stop()))
    running = []
    await this.mongoose.disconnect()
    this.mongoose = new Mongoose()
  }

  async close() {
    await this.#client.db(this.database).dropDatabase()
    await this.#client.close()
    await this.#server.stop()
  }

  /** Of the test server, with a database of this run in its path. */
  get uri() {
    const [, base, own, parameters] = this.#server.uri.match(/^([^/]+\/\/[^/?]+)\/?([^?]*)\??(.*)$/)
    // Without authSource, the database in the path is also the one to sign in to.
    const signIn =
      base.includes('@') && !/authSource=/i.test(parameters) && `authSource=${own || 'admin'}`
    return `${base}/${this.database}?${[parameters, signIn].filter(Boolean).join('&')}`
  }

  collection(name = 'sessions') {
    return this.#client.db(this.database).collection(name)
  }

  store(options) {
    return new StoreOfSnippet({ connection: this.uri, ...options })
  }

  /** What a snippet says, as it has to be where the tests run. */
  here(code, { koaSession = 'koa-session-7' } = {}) {
    return code
      .replaceAll('mongodb://localhost:27017/app', this.uri)
      .replaceAll(".db('app')", `.db('${this.database}')`)
      .replaceAll("'koa-session'", `'${koaSession}'`)
      .replaceAll('.listen(3000)', '.listen(0)')
  }

  /** Runs a snippet with what it takes for granted. */
  async run(code, given = {}) {
    StoreOfSnippet.made = []
    const scope = { require: (name) => this.#require(name), ...given }
    const AsyncFunction = this.run.constructor
    const snippet = new AsyncFunction(...Object.keys(scope), `'use strict'\n${this.here(code)}`)
    await snippet(...Object.values(scope))
  }

  #require(name) {
    const own = {
      koa: KoaOfSnippet,
      mongoose: this.mongoose,
      'koa-session-mongo-native': StoreOfSnippet,
    }
    return own[name] ?? require(name)
  }
}

function useSnippets() {
  const snippets = new Snippets()
  before(() => snippets.open())
  afterEach(() => snippets.tidy())
  after(() => snippets.close())
  return snippets
}

/** The answer of an application to a browser with this cookie. */
async function request(http, path = '/', cookie = '') {
  if (!http.listening) await once(http, 'listening')
  const url = `http://127.0.0.1:${http.address().port}${path}`
  const answer = await fetch(url, { headers: { cookie }, redirect: 'manual' })
  const cookies = answer.headers.getSetCookie().map((set) => set.split(';')[0])
  return {
    status: answer.status,
    location: answer.headers.get('location'),
    body: await answer.text(),
    cookie: cookies.join('; '),
  }
}

/** That every block which is to be run was run. */
function assertAllUsed({ blocks }, languages = ['js']) {
  const left = blocks.filter(
    ({ used, language, kind }) => !used && !kind && languages.includes(language),
  )
  assert.deepEqual(left, [])
}

module.exports = { KoaOfSnippet, StoreOfSnippet, assertAllUsed, request, useSnippets }
