// Which charts there are; a chart whose section was not measured is left out.

const { median } = require('../statistics')
const { barChart } = require('./chart')
const { NAMES, PAGES, number, serverInWords } = require('./words')

const KB = 1024

// Seen to take the longer the more sessions there are; a mongod goes by the id.
const SCAN =
  'SecantusDB reads all sessions for the filter of connect-mongo\u2019s get; a mongod does not.'

/** @returns {Record<string, string>} SVG by the name of the file */
function charts({ applications, operations, networks, growth }) {
  const drawn = {}
  const notes = ({ circumstances: { server } }) => ({
    server: [serverInWords(server)],
    reads: [serverInWords(server), ...(server.startsWith('SecantusDB') ? [SCAN] : [])],
  })
  if (applications) {
    Object.assign(drawn, applicationCharts(applications.rows, notes(applications)))
  }
  if (operations) Object.assign(drawn, operationCharts(operations.rows, notes(operations)))
  if (operations && networks) {
    Object.assign(drawn, networkChart(operations.rows, networks.rows, notes(networks)))
  }
  if (growth) Object.assign(drawn, growthChart(growth.rows, notes(growth)))
  return drawn
}

function applicationCharts(rows, { server, reads }) {
  const label = (row) => PAGES[row.page]
  return {
    'cpu-per-request.svg': draw(rows, 'mainCpu', label, {
      title: 'What a request costs the event loop: Koa 3 with koa-session 7',
      axis: 'CPU time of the main thread per request, in microseconds: less is better',
      notes: server,
    }),
    'requests.svg': draw(rows, 'perSecond', label, {
      title: 'Requests per second: Koa 3 with koa-session 7, 64 connections',
      axis: 'requests per second: more is better',
      notes: reads,
    }),
  }
}

function operationCharts(rows, { server, reads }) {
  const label = (row) => `${row.atATime} at a time`
  const drawn = {}
  for (const operation of ['get', 'set']) {
    const shown = rows.filter((row) => row.operation === operation && row.size === KB)
    if (shown.length === 0) continue
    drawn[`${operation}.svg`] = draw(shown.map(withoutMap), 'perSecond', label, {
      title: `How many sessions of 1 KB a second: ${operation}`,
      axis: 'operations per second: more is better',
      notes: operation === 'get' ? reads : server,
    })
  }
  return drawn
}

function networkChart(near, far, { reads }) {
  const shown = [...near, ...far].filter(
    (row) => row.size === KB && row.atATime === 64 && ['get', 'set'].includes(row.operation),
  )
  const label = (row) => `${row.operation}, ${row.roundTrip} ms round trip`
  return {
    'latency.svg': draw(shown.map(withoutMap), 'p99', label, {
      title: 'p99 latency: 1 KB, 64 at a time',
      axis: 'p99 in milliseconds: less is better',
      notes: reads,
    }),
  }
}

function growthChart(rows, { server }) {
  const label = (row) => `${row.operation}, ${row.stored.toLocaleString('en')} stored`
  return {
    'growth.svg': draw(rows, 'perSecond', label, {
      title: 'Sessions of 1 KB a second with ever more sessions stored: 64 at a time',
      axis: 'operations per second: more is better',
      notes: server,
    }),
  }
}

function draw(rows, figure, label, { title, axis, notes }) {
  const present = new Set(rows.flatMap((row) => Object.keys(row.stores)))
  const names = Object.fromEntries(Object.entries(NAMES).filter(([name]) => present.has(name)))
  const groups = rows.map((row) => ({
    label: label(row),
    values: Object.fromEntries(
      Object.entries(row.stores).map(([name, rounds]) => [
        name,
        median(rounds.map((round) => round[figure])),
      ]),
    ),
  }))
  return barChart({ title, axis, names, groups, format: number, notes })
}

/** Millions a second in the process itself: beside them no store would be seen. */
function withoutMap(row) {
  const { Map: _, ...stores } = row.stores
  return { ...row, stores }
}

module.exports = { charts }
