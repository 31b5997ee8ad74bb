// Writes the results of all sections measured so far: JSON, a Markdown page, and SVG charts.

const fs = require('node:fs')
const path = require('node:path')
const { charts } = require('./charts')
const {
  casesTable,
  encryptionTables,
  lookupsTables,
  memoryTable,
  targetsTable,
  valuesTable,
  weightTables,
} = require('./tables')
const { targets } = require('./targets')
const { ON_INSTANT, serverInWords } = require('./words')

const TITLES = {
  applications: 'Applications: Koa 3 with koa-session 7, 64 connections',
  rates: 'Fixed rates: the same applications, less than busy',
  operations: 'Operations',
  instant: `What the client\u2019s side can do: operations and applications ${ON_INSTANT}`,
  networks: 'Networks: operations over a round trip',
  encryption: 'Encryption: `encryption` and `hashIds`, beside the same store without them',
  growth: 'Growth: 64 at a time, 1 KB',
  lookups: 'Lookups: the five sessions of one user among many, 1 KB, one at a time',
  memory:
    'Memory of one process: of 20 visits all read and one changes its session, 1 KB, 256 at a time',
  weight: 'Weight',
  values: 'Values: to write and to read a session',
}

const WHOSE = [
  'Each section names the server that it was measured with. No figure of MongoDB Inc.\u2019s server is',
  'published yet; `MONGODB_URI=mongodb://\u2026 npm run bench` makes them.',
]

/**
 * @param {string} folder
 * @param {string} section
 * @param {object} result
 */
function save(folder, section, result) {
  fs.mkdirSync(folder, { recursive: true })
  // Figures have three digits that count; more would only make the files large.
  const short = (_, value) => (typeof value === 'number' ? Number(value.toPrecision(5)) : value)
  fs.writeFileSync(path.join(folder, `${section}.json`), `${JSON.stringify(result, short, 1)}\n`)
}

/** @returns {string[]} the table of targets, for the terminal */
function report(folder) {
  const results = readResults(folder)
  const goals = targetsTable(targets(results))
  const page = ['# Results', '', ...WHOSE, '', '## Targets', '', ...goals]
  for (const [section, result] of Object.entries(results)) {
    page.push('', `## ${TITLES[section]}`, '', ...taken(result.circumstances), '')
    page.push(...sectionTables(section, result))
  }
  fs.writeFileSync(path.join(folder, 'results.md'), `${page.join('\n')}\n`)
  for (const [name, svg] of Object.entries(charts(results))) {
    fs.writeFileSync(path.join(folder, name), svg)
  }
  return goals
}

/** In the order of the titles; only those that are there. */
function readResults(folder) {
  const read = (section) => {
    const file = path.join(folder, `${section}.json`)
    return fs.existsSync(file) ? [[section, JSON.parse(fs.readFileSync(file, 'utf8'))]] : []
  }
  return Object.fromEntries(Object.keys(TITLES).flatMap(read))
}

function taken({ date, commit, machine, system, load, node, redis, server, packages }) {
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`)
  if (redis) versions.push(`Redis ${redis}`)
  return [
    `${date} UTC, commit ${commit}, ${machine}, ${system}, load ${load} before the run; `,
    `Node ${node}, ${versions.join(', ')}. ${serverInWords(server)} `,
    'Medians of the rounds, ± half of the distance between their quartiles; p99 of all rounds together.',
  ]
}

function sectionTables(section, result) {
  if (section === 'weight') return weightTables(result)
  if (section === 'values') return valuesTable(result.rows)
  if (section === 'encryption') return encryptionTables(result.rows)
  if (section === 'lookups') return lookupsTables(result)
  if (section === 'memory') return memoryTable(result.points)
  return casesTable(result.rows)
}

module.exports = { report, save }
