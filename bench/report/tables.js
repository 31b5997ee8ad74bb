// The results as Markdown: medians, and how far the middle half of the rounds spreads around them.

const { median, ratio, spread } = require('../statistics')
const { figureOf } = require('./figures')
const { NAMES, megabytes, number, titleOf } = require('./words')

const COLUMNS = [
  ['per second', 'perSecond'],
  ['p50 ms', 'p50'],
  ['p99 ms, all rounds', 'p99'],
  ['main thread µs', 'mainCpu'],
  ['process µs', 'processCpu'],
]

const PROTECTION_COLUMNS = [
  ['main thread', 'mainCpu'],
  ['other threads', 'otherCpu'],
  ['per second', 'perSecond'],
]

const VALUES_COLUMNS = {
  'the store µs': ['encode', 'decode'],
  'the bson package µs': ['serialize', 'deserialize'],
  'JSON µs': ['stringify', 'parse'],
}

/** @returns {string[]} the lines of a table */
function table(header, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [
    line(header),
    line(header.map((_, index) => (index === 0 ? '---' : '--:'))),
    ...rows.map(line),
  ]
}

/** A row for each store of each case. */
function casesTable(rows) {
  const header = ['', 'store', ...COLUMNS.map(([title]) => title), 'memory MB']
  const cells = rows.flatMap((row) =>
    Object.entries(row.stores).map(([name, rounds], index) => [
      index === 0 ? titleOf(row) : '',
      NAMES[name],
      ...COLUMNS.map(([, figure]) =>
        figure === 'p99'
          ? number(figureOf(row, name, figure))
          : withSpread(rounds.map((round) => round[figure])),
      ),
      megabytes(median(rounds.map((round) => round.rss))),
    ]),
  )
  return table(header, cells)
}

/** What a protection costs beside the store without it, and then the figures of all. */
function encryptionTables(rows) {
  const { ours: _, ...protections } = rows[0].stores
  const header = ['', 'beside the store without it', ...PROTECTION_COLUMNS.map(([title]) => title)]
  const cells = rows.flatMap((row) =>
    Object.keys(protections).map((name, index) => [
      index === 0 ? titleOf(row) : '',
      NAMES[name],
      ...PROTECTION_COLUMNS.map(
        ([, figure]) => `${ratio(row.stores[name], row.stores.ours, figure).toFixed(2)} ×`,
      ),
    ]),
  )
  return [...table(header, cells), '', ...casesTable(rows)]
}

function withSpread(values) {
  return `${number(median(values))} ±${(spread(values) * 100).toFixed(0)}%`
}

function memoryTable(points) {
  const rows = points.map(({ operations, memory, heapUsed }) => [
    operations.toLocaleString('en'),
    megabytes(memory),
    megabytes(heapUsed),
  ])
  return table(['operations', 'memory MB', 'of it JavaScript heap MB'], rows)
}

/** Finding and ending the sessions of one user, and what room all take. */
function lookupsTables({ rows, rooms }) {
  const thousands = (count) => count.toLocaleString('en')
  const find = (operation, stored, indexed) =>
    rows.find(
      (row) => row.operation === operation && row.stored === stored && row.indexed === indexed,
    )
  const cases = rows.filter(({ indexed }) => indexed)
  const times = cases.map(({ operation, stored, ms }) => [
    `${operation}, ${thousands(stored)} stored`,
    withSpread(find(operation, stored, false).ms),
    withSpread(ms),
  ])
  const perSession = (bytes, documents) => (bytes / documents).toFixed(0)
  const room = rooms.map(({ stored, documents, data, storage, indexes }) => [
    thousands(stored),
    perSession(data, documents),
    perSession(storage, documents),
    ...Object.values(indexes).map((bytes) => perSession(bytes, documents)),
  ])
  const names = Object.keys(rooms[0].indexes).map((name) => `index \`${name}\``)
  return [
    ...table(['', 'without index, ms', 'with index, ms'], times),
    '',
    'Bytes for each session:',
    '',
    ...table(['sessions', 'data', 'storage', ...names], room),
  ]
}

function weightTables({ addonBytes, start, idle }) {
  const starts = Object.entries(start).map(([name, { ms, firstMs, drivers }]) => [
    name === 'mongoose' ? 'Mongoose' : NAMES[name],
    withSpread(ms),
    withSpread(firstMs),
    drivers.join(', ') || 'no driver',
  ])
  const stores = Object.entries(idle).map(([name, { memory, threads }]) => [
    NAMES[name],
    megabytes(memory),
    String(threads),
  ])
  return [
    `The addon has ${(addonBytes / 1e6).toFixed(2)} MB.`,
    '',
    ...table(['`require` of', 'ms', 'first store or client, ms', 'loads'], starts),
    '',
    ...table(['idle store', 'memory MB', 'threads'], stores),
  ]
}

/** Microseconds of the main thread: to write a session and to read it. */
function valuesTable(rows) {
  const header = ['', 'bytes', 'crosses as', ...Object.keys(VALUES_COLUMNS)]
  const cells = rows.map(({ name, bytes, asText, times }) => [
    name,
    bytes.toLocaleString('en'),
    asText ? 'text' : 'bytes',
    ...Object.values(VALUES_COLUMNS).map(
      ([write, read]) => `${number(median(times[write]))} + ${number(median(times[read]))}`,
    ),
  ])
  return table(header, cells)
}

function targetsTable(targets) {
  const mark = { true: 'reached', false: '**not reached**', undefined: 'not measured' }
  return table(
    ['figure', 'against', 'target', 'measured', ''],
    targets.map(({ figure, against, target, measured, reached }) => [
      figure,
      against,
      target,
      measured,
      mark[String(reached)],
    ]),
  )
}

module.exports = {
  casesTable,
  encryptionTables,
  lookupsTables,
  memoryTable,
  table,
  targetsTable,
  valuesTable,
  weightTables,
}
