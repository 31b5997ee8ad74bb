'use strict'

// npm run demo: set-up, a MongoDB, and the application of demo/ until Ctrl-C.

const { Problem, fail } = require('./command')
const { setUp } = require('./setup')

/**
 * What has been started so far.
 *
 * @typedef {{ mongodb: Awaited<ReturnType<typeof openMongoDB>>,
 *   mongoose?: import('mongoose').Mongoose, demo?: { close: () => Promise<void> },
 *   http?: import('node:http').Server }} Parts
 */

async function main() {
  const port = readPort()
  await setUp()
  // Only now: before the set-up there are no packages to load.
  const mongoose = require('mongoose')
  const { createApp } = require('../demo/app')

  console.log('Looking for a MongoDB …')
  const mongodb = await openMongoDB()
  /** @type {Parts} */
  const parts = { mongodb }
  stopOnSignal(parts)
  try {
    console.log(`MongoDB: ${mongodb.description}`)
    await mongoose.connect(mongodb.uri, databaseFor(mongodb.uri))
    parts.mongoose = mongoose
    const SessionStore = require('..')
    const { app, sockets, close } = createApp({ mongoose, SessionStore, mongodb })
    parts.demo = { close }
    const http = await listen(app, port)
    parts.http = http
    sockets.listen(http)
    console.log(`\nThe demo is at ${addressOf(http)}   (Ctrl-C ends it)`)
  } catch (error) {
    await stop(parts)
    throw error
  }
}

/** One of the demo's own, which the page may stop and start; or the one that MONGODB_URI names. */
async function openMongoDB() {
  const { startMongoDB, startServer } = require('./servers/mongodb')
  if (process.env.MONGODB_URI) {
    const { uri, description } = await startMongoDB()
    return { uri, description, remove: async () => {} }
  }
  const server = await startServer({ log: console.log })
  return {
    uri: server.uri,
    description: `${server.kind} ${server.version}`,
    stop: () => server.stop(),
    start: () => server.start(),
    remove: () => server.remove(),
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
async function stop({ http, demo, mongoose, mongodb }) {
  http?.close()
  http?.closeAllConnections()
  await demo?.close()
  await mongoose?.disconnect()
  await mongodb.remove()
}

main().catch(fail)
