'use strict'

// A MongoDB for the demo and the tests: the one that MONGODB_URI names, or else one that is
// started for the run and gone after it.

const { MongoClient } = require('mongodb')
const { Problem } = require('../command')
const { candidates, prepare, remembered } = require('./mongodb-find')
const { ThrowawayServer } = require('./mongodb-process')

/**
 * @param {{ log?: (line: string) => void, replicaSet?: boolean, args?: string[] }} [options]
 *   `log` is told what is being done; the others are those of startServer
 * @returns {Promise<{ uri: string, kind: string, version: string, description: string,
 *   stop: () => Promise<void> }>}
 */
async function startMongoDB({ log = console.log, ...options } = {}) {
  const given = process.env.MONGODB_URI
  if (given) {
    const version = await versionOf(given).catch((cause) => {
      throw new Problem(
        `MONGODB_URI is set, but no MongoDB answers there: ${cause.message}`,
        'Start it, correct MONGODB_URI, or unset it to have a MongoDB started for you.',
      )
    })
    const description = `MongoDB ${version}, from MONGODB_URI`
    return { uri: given, kind: 'MONGODB_URI', version, description, stop: async () => {} }
  }
  const server = await startFirstThatWorks(options, log)
  const description = `${server.kind} ${server.version}, started for this run`
  const { uri, kind, version } = server
  return { uri, kind, version, description, stop: () => server.remove() }
}

/**
 * One more server, with storage of its own, also where MONGODB_URI is set. It can be stopped,
 * killed and started again on its port with its data; see ThrowawayServer for the other options.
 *
 * @param {{ log?: (line: string) => void, needs?: 'failPoints' | 'transactionNumbers' }} [options]
 *   `needs`: what the server has to be able to do, see mongodb-find.js
 */
async function startServer({ log = () => {}, needs, ...options } = {}) {
  return startFirstThatWorks(options, log, needs)
}

/**
 * Finds or installs the servers that startServer can start, for this process and its children.
 * @param {{ log?: (line: string) => void, patient?: boolean }} [options] `patient`: also those that
 *   take minutes to build
 */
function prepareServers({ log = console.log, patient } = {}) {
  return prepare(log, patient)
}

async function startFirstThatWorks(options, log, needs) {
  let failure
  for await (const candidate of candidates(log, needs)) {
    const server = new ThrowawayServer(candidate, options)
    try {
      await server.start()
      server.version = await versionOf(server.uri)
      return server
    } catch (error) {
      await server.remove()
      failure = error
      log(`${candidate.kind} does not start: ${error.message}`)
    }
  }
  if (!failure) throw new Problem(`No MongoDB at hand has ${needs}`)
  throw new Problem(`No MongoDB could be started: ${failure.message}`, failure.advice)
}

async function versionOf(uri) {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 10_000 })
  try {
    const { version, secantusVersion } = await client.db('admin').command({ buildInfo: 1 })
    return secantusVersion ? `${secantusVersion} (answers as MongoDB ${version})` : version
  } finally {
    await client.close()
  }
}

/** Whether a server that can do this is at hand; only after prepareServers. */
function hasServer(needs) {
  return remembered()?.some(({ can }) => can.includes(needs)) ?? true
}

module.exports = { hasServer, prepareServers, startMongoDB, startServer }
