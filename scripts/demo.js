'use strict'

// npm run demo: set-up, a MongoDB, and the application of demo/ until Ctrl-C.

const { Problem, fail } = require('./command')
const { setUp } = require('./setup')

/**
 * What has been started so far.
 *
 * @typedef {{ mongodb: { stop: () => Promise<void> }, mongoose?: import('mongoose').Mongoose,
 *   store?: any, http?: import('node:http').Server }} Parts
 */

async function main() {
  const port = readPort()
  await setUp()
  // Only now: before the set-up there are no packages to load.
  const mongoose = require('mongoose')
  const { createApp } = require('../demo/app')
  const { startMongoDB } = require('./servers/mongodb')

  console.log('Looking for a MongoDB …')
  const mongodb = await startMongoDB()
  /** @type {Parts} */
  const parts = { mongodb }
  stopOnSignal(parts)
  try {
    console.log(`MongoDB: ${mongodb.description}`)
    await mongoose.connect(mongodb.uri, databaseFor(mongodb.uri))
    parts.mongoose = mongoose
    const SessionStore = require('..')
    const { app, store } = createApp({ mongoose, SessionStore, mongodb: mongodb.description })
    parts.store = store
    const http = await listen(app, port)
    parts.http = http
    console.log(`\nThe demo is at ${addressOf(http)}   (Ctrl-C ends it)`)
  } catch (error) {
    await stop(parts)
    throw error
  }
}

function readPort() {
  const text = process.env.PORT || '3000'
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port
  throw new Problem(`PORT is '${text}'.`, 'It is a number from 0 to 65535; 0 takes a free one.')
}

/** A database of the demo's own, unless the address names one. */
function databaseFor(uri) {
  const named = /^mongodb(\+srv)?:\/\/[^/]+\/[^?]/.test(uri)
  return { serverSelectionTimeoutMS: 3_000, ...(named ? {} : { dbName: 'koa-session-demo' }) }
}

/** @returns {Promise<import('node:http').Server>} */
function listen(app, port) {
  return new Promise((resolve, reject) => {
    const http = app.listen(port, '127.0.0.1', () => resolve(http))
    http.once('error', (error) => {
      if (error.code !== 'EADDRINUSE') return reject(error)
      const advice = `Choose another one: PORT=${port + 1} npm run demo`
      reject(new Problem(`Port ${port} is taken by another program.`, advice))
    })
  })
}

/** @param {import('node:http').Server} http */
function addressOf(http) {
  const { port } = /** @type {import('node:net').AddressInfo} */ (http.address())
  return `http://127.0.0.1:${port}`
}

function stopOnSignal(parts) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, async () => {
      console.log('\nStopping …')
      await stop(parts).catch(fail)
      process.exit()
    })
  }
}

/** @param {Parts} parts */
async function stop({ http, store, mongoose, mongodb }) {
  http?.close()
  http?.closeAllConnections()
  await store?.close()
  await mongoose?.disconnect()
  await mongodb.stop()
}

main().catch(fail)
