'use strict'

// npm run sizing -- --users 100e6 …: what so many sessions take, from figures that the benchmark
// measured. docs/operations.md explains each formula.

const fs = require('node:fs')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { Problem, fail, root } = require('./command')

const GB = 1e9
const DAY = 86_400

/** A page of a B-tree whose keys come in random order is so full on average: ln 2. */
const FULL = Math.LN2

/** What an index keeps beside each key: the place of the document. In bytes. */
const PLACE = 8

/** Names, types, lengths and dates of a stored session beside its id and `data`: `src/record.rs`. */
const AROUND = 59

/** koa-session's ids have so many characters. */
const ID = 36

/** What can be said, and what holds where nothing is. */
const DEFAULTS = {
  users: 1e6,
  'sessions-per-user': 1.5,
  'session-bytes': 1024,
  days: 14,
  active: 0.1,
  indexes: 1,
  'requests-per-second': 10_000,
  'writes-per-request': 0.2,
  compression: 1,
  replicas: 3,
  'ram-per-shard': 64,
  'storage-per-shard': 2000,
  load: 0.5,
}

/** What else can be said: by default it is what the benchmark measured. */
const MEASURED = ['reads-per-second-and-shard', 'writes-per-second-and-shard']

/** @param {Record<string, number>} asked @param {ReturnType<typeof readFigures>} figures */
function size(asked, figures) {
  const documents = asked.users * asked['sessions-per-user']
  const bytes = asked['session-bytes'] + ID + AROUND
  const data = documents * bytes
  const storage = data / asked.compression
  const perIndex = (/** @type {number} */ key) => (documents * (key + PLACE)) / FULL
  const { key } = figures
  const indexes = {
    _id: perIndex(key.id + ID - key.idLength),
    expiresAt: perIndex(key.expiry),
    paths: asked.indexes * perIndex(key.path),
  }
  const indexed = indexes._id + indexes.expiresAt + indexes.paths
  const workingSet = indexed + asked.active * data

  const reads = asked['requests-per-second']
  const made = documents / (asked.days * DAY)
  // A session is made by one write and removed by another.
  const writes = reads * asked['writes-per-request'] + 2 * made
  const readsOfShard = asked['reads-per-second-and-shard'] ?? figures.get.perSecond
  const writesOfShard = asked['writes-per-second-and-shard'] ?? figures.set.perSecond
  const cache = 0.5 * (asked['ram-per-shard'] - 1) * GB
  const shards = {
    memory: workingSet / cache,
    storage: (storage + indexed) / (asked['storage-per-shard'] * GB),
    work: (reads / readsOfShard + writes / writesOfShard) / asked.load,
  }
  const cpu = (/** @type {'mainCpu' | 'processCpu'} */ which) =>
    (reads * figures.get[which] + writes * figures.set[which]) / 1e6 / asked.load
  return {
    sessions: { documents, bytes, data, storage },
    indexes: { ...indexes, all: indexed },
    workingSet,
    rates: { reads, writes, readsOfShard, writesOfShard },
    shards: { ...shards, needed: Math.ceil(Math.max(1, ...Object.values(shards))) },
    servers: Math.ceil(Math.max(1, ...Object.values(shards))) * asked.replicas,
    node: { main: cpu('mainCpu'), all: cpu('processCpu') },
  }
}

/** The figures of the benchmark: medians, 1 KB, 64 operations at a time. */
function readFigures() {
  const { median } = require('../bench/statistics')
  const operations = readResults('operations')
  const lookups = readResults('lookups')
  const of = (/** @type {string} */ operation) => {
    const { rows } = operations
    const fits = (/** @type {any} */ row) =>
      row.operation === operation && row.size === 1024 && row.atATime === 64
    const rounds = rows.find(fits).stores.ours
    const figure = (/** @type {string} */ name) =>
      median(rounds.map((/** @type {any} */ round) => round[name]))
    return {
      perSecond: figure('perSecond'),
      mainCpu: figure('mainCpu'),
      processCpu: figure('processCpu'),
    }
  }
  const { stored, documents, indexes } = lookups.rooms.at(-1)
  // As `makeId` of bench/child/sessions.js makes them.
  return {
    get: of('get'),
    set: of('set'),
    key: {
      id: indexes._id_ / documents,
      idLength: `01234567-1024-${stored - 1}`.length,
      expiry: indexes.expiresAt_1 / documents,
      path: indexes['data.userInfo.id_1'] / documents,
    },
    sources: [operations, lookups].map(({ circumstances: { server, date, machine } }) => ({
      server: server.replace(', started for this run', ''),
      date: date.slice(0, 10),
      machine,
    })),
  }
}

/** @param {string} section */
function readResults(section) {
  const file = path.join(root, 'bench', 'results', `${section}.json`)
  if (!fs.existsSync(file)) {
    throw new Problem(`There are no figures of '${section}'.`, `npm run bench -- ${section}`)
  }
  return JSON.parse(fs.readFileSync(file, 'utf8'))
}

/** @param {string[]} words */
function readArguments(words) {
  const names = [...Object.keys(DEFAULTS), ...MEASURED]
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' }]))
  const { values } = parse(words, options, names)
  const asked = Object.entries(values).map(([name, text]) => {
    const value = Number(text)
    const least = name === 'indexes' ? 0 : Number.MIN_VALUE
    if (text === '' || !Number.isFinite(value) || value < least) {
      throw new Problem(`--${name} has to be a positive number; given was '${text}'.`)
    }
    return [name, value]
  })
  return { ...DEFAULTS, ...Object.fromEntries(asked) }
}

/** @param {string[]} words @param {any} options @param {string[]} names */
function parse(words, options, names) {
  try {
    return parseArgs({ args: words, options })
  } catch (error) {
    throw new Problem(`${error.message}.`, `npm run sizing -- [--${names.join(' N] [--')} N]`)
  }
}

/** @param {ReturnType<typeof size>} sized @param {Record<string, number>} asked @param {any} figures */
function lines(sized, asked, figures) {
  const { sessions, indexes, workingSet, rates, shards, servers, node } = sized
  const row = (/** @type {string} */ name, /** @type {string} */ value, of = '') =>
    `  ${name.padEnd(34)}${value.padStart(14)}${of && `  ${of}`}`
  const [work, room] = figures.sources
  return [
    'Sessions',
    row('documents', count(sessions.documents)),
    row('bytes for each', count(sessions.bytes)),
    row('data', gigabytes(sessions.data)),
    row('stored', gigabytes(sessions.storage), `compressed ${asked.compression} to 1`),
    '',
    'Indexes',
    row('_id', gigabytes(indexes._id)),
    row('expiresAt', gigabytes(indexes.expiresAt)),
    row(`paths: ${asked.indexes}`, gigabytes(indexes.paths)),
    row('together', gigabytes(indexes.all)),
    '',
    'Memory',
    row('working set', gigabytes(workingSet), `indexes and ${percent(asked.active)} of the data`),
    '',
    'Operations per second',
    row('reads', count(rates.reads)),
    row('writes', count(rates.writes), 'changes, new sessions, expired ones'),
    row(
      'a shard does',
      `${count(rates.readsOfShard)} reads`,
      `or ${count(rates.writesOfShard)} writes`,
    ),
    '',
    'Shards',
    row('for memory', fraction(shards.memory), `${asked['ram-per-shard']} GB each`),
    row('for storage', fraction(shards.storage), `${asked['storage-per-shard']} GB each`),
    row('for operations', fraction(shards.work), `busy for ${percent(asked.load)}`),
    row('needed', count(shards.needed), `${count(servers)} servers with ${asked.replicas} in each`),
    '',
    'Node, for the store alone',
    row('cores for main threads', fraction(node.main), `busy for ${percent(asked.load)}`),
    row('cores for all threads', fraction(node.all)),
    '',
    `Operations: ${work.server}, ${work.date}, ${work.machine}; sessions of 1 KB, 64 at a time`,
    `Keys: ${room.server}, ${room.date}, at a million sessions`,
  ]
}

const count = (/** @type {number} */ value) => Math.round(value).toLocaleString('en')
const gigabytes = (/** @type {number} */ bytes) => `${(bytes / GB).toFixed(1)} GB`
const fraction = (/** @type {number} */ value) => value.toFixed(2)
const percent = (/** @type {number} */ share) => `${Math.round(share * 100)} %`

function main() {
  const asked = readArguments(process.argv.slice(2))
  const figures = readFigures()
  console.log(lines(size(asked, figures), asked, figures).join('\n'))
}

if (require.main === module) {
  try {
    main()
  } catch (error) {
    fail(error)
  }
}

module.exports = { size }
