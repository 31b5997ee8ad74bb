'use strict'

// Runs under the Node of each platform, in a folder that has nothing but the packages: drives a store
// in the ways that touch the system (threads, sockets, names, TLS, the clock, memory).
// Says what it has done in a file, since not every emulator has pipes: a line of JSON per step.
//
//   node drive.js SETTINGS RESULT        both beside this file

const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { Worker, isMainThread, workerData } = require('node:worker_threads')

const AT_ONCE = 200
const SHORT_MS = 2_000
const LOADS = 'the package loads'

const STEPS = {
  'a session is set, read and destroyed': async ({ SessionStore, uri }) => {
    const store = new SessionStore({ connection: uri })
    const session = { views: 1, when: new Date(0), bytes: Buffer.from('bytes'), name: 'Zoë 🍪' }
    await store.set('trial', session)
    assert.deepEqual(await store.get('trial'), session)
    await store.destroy('trial')
    assert.equal(await store.get('trial'), undefined)
    await store.close()
  },

  [`${AT_ONCE} at once`]: async ({ SessionStore, uri }) => {
    const store = new SessionStore({ connection: uri })
    const ids = Array.from({ length: AT_ONCE }, (_, index) => `trial ${index}`)
    await Promise.all(ids.map((id, index) => store.set(id, { index })))
    const read = await Promise.all(ids.map((id) => store.get(id)))
    assert.deepEqual(
      read,
      ids.map((_, index) => ({ index })),
    )
    await Promise.all(ids.map((id) => store.destroy(id)))
    await store.close()
  },

  'every call': async ({ SessionStore, uri }) => {
    // Beside this file, where it runs.
    const { useEveryCall } = require(path.join(__dirname, 'calls.cjs'))
    await useEveryCall(SessionStore, uri)
  },

  'close() loses nothing that was accepted': async ({ SessionStore, uri }) => {
    const store = new SessionStore({ connection: uri })
    const accepted = Array.from({ length: 20 }, (_, index) => store.set(`last ${index}`, { index }))
    await store.close()
    await Promise.all(accepted)
    await assert.rejects(store.get('last 0'), { code: 'ERR_CLOSED' })
    const other = new SessionStore({ connection: uri })
    assert.deepEqual(await other.get('last 19'), { index: 19 })
    await Promise.all(accepted.map((_, index) => other.destroy(`last ${index}`)))
    await other.close()
  },

  'a worker thread has a store of its own': async ({ uri }) => {
    const worker = new Worker(__filename, { workerData: { uri } })
    const message = await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    assert.deepEqual(message, { inWorker: true })
    assert.equal(await new Promise((resolve) => worker.once('exit', resolve)), 0)
  },

  'TLS, with a certificate of a private authority': async ({ SessionStore, tlsUri, caFile }) => {
    const store = new SessionStore({
      connection: `${tlsUri}&tlsCAFile=${encodeURIComponent(caFile)}`,
    })
    await store.set('tls', { secure: true })
    assert.deepEqual(await store.get('tls'), { secure: true })
    await store.destroy('tls')
    await store.close()
  },

  'TLS, with a certificate of an authority that nobody knows': ({ SessionStore, tlsUri }) =>
    isUnavailable(SessionStore, tlsUri),

  'a server that is not there': ({ SessionStore, unreachable }) =>
    isUnavailable(SessionStore, unreachable),

  'an SRV name that does not resolve': ({ SessionStore, srv }) => isUnavailable(SessionStore, srv),
}

async function isUnavailable(SessionStore, connection) {
  const store = new SessionStore({ connection, serverSelectionTimeoutMS: SHORT_MS })
  await assert.rejects(store.get('trial'), { name: 'SessionStoreError', code: 'ERR_UNAVAILABLE' })
  await store.close()
}

/** @param {string[]} files */
async function main([settingsFile, resultFile]) {
  process.chdir(__dirname)
  const settings = JSON.parse(fs.readFileSync(settingsFile, 'utf8'))
  const say = (line) => fs.appendFileSync(resultFile, `${JSON.stringify(line)}\n`)
  say({
    node: process.version,
    system: `${process.platform} ${process.arch}`,
    release: os.release(),
  })
  const { SessionStore } = require('koa-session-mongo-native')
  await new SessionStore({ connection: settings.uri }).close()
  const binary = Object.keys(require.cache).find((file) => file.endsWith('.node'))
  say({ step: LOADS, binary })
  for (const [step, run] of Object.entries(STEPS)) {
    try {
      await run({ SessionStore, ...settings })
      say({ step })
    } catch (error) {
      say({ step, failed: error.stack })
    }
  }
  // The rest is the process's own end, which no store may prevent.
  say({ done: true })
}

async function inWorker({ uri }) {
  const { SessionStore } = require('koa-session-mongo-native')
  const { parentPort } = require('node:worker_threads')
  const store = new SessionStore({ connection: uri })
  await store.set('worker', { inWorker: true })
  parentPort?.postMessage(await store.get('worker'))
  await store.destroy('worker')
  await store.close()
}

if (!isMainThread) inWorker(workerData)
else if (require.main === module) main(process.argv.slice(2))

module.exports = { LOADS, steps: [LOADS, ...Object.keys(STEPS)] }
