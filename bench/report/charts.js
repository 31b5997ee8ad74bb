// Which charts there are; a chart whose section was not measured is left out.

const { barChart } = require('./chart')
const { figureOf } = require('./figures')
const { NAMES, ON_INSTANT, PAGES, number, serverInWords, titleOf } = require('./words')

const KB = 1024
const KOA = 'Koa 3 with koa-session 7'

/** @returns {Record<string, string>} SVG by the name of the file */
function charts({ applications, rates, operations, instant, networks, growth }) {
  const drawn = {}
  const notes = ({ circumstances: { server } }) => [serverInWords(server)]
  if (applications) {
    Object.assign(drawn, applicationCharts(applications.rows, notes(applications)))
  }
  if (rates) Object.assign(drawn, rateChart(rates.rows, notes(rates)))
  if (operations) Object.assign(drawn, operationCharts(operations.rows, notes(operations)))
  if (instant) Object.assign(drawn, instantCharts(instant.rows, notes(instant)))
  if (operations && networks) {
    Object.assign(drawn, networkChart(operations.rows, networks.rows, notes(networks)))
  }
  if (growth) Object.assign(drawn, growthChart(growth.rows, notes(growth)))
  return drawn
}

/** `where`, `prefix`: of the titles and of the files, where it is not the server of the run. */
function applicationCharts(rows, notes, where = '', prefix = '') {
  const label = (row) => PAGES[row.page]
  return {
    [`${prefix}cpu-per-request.svg`]: draw(rows, 'mainCpu', label, {
      title: `What a request costs the event loop: ${KOA}${where}`,
      axis: 'CPU time of the main thread per request, in microseconds: less is better',
      notes,
    }),
    [`${prefix}requests.svg`]: draw(rows, 'perSecond', label, {
      title: `Requests per second: ${KOA}, 64 connections${where}`,
      axis: 'requests per second: more is better',
      notes,
    }),
  }
}

function rateChart(rows, notes) {
  // The titles of rows are longer than there is room for.
  const label = (row) => titleOf(row).replace('a page that ', '')
  return {
    'cpu-at-fixed-rates.svg': draw(rows, 'mainCpu', label, {
      title: `What a request costs the event loop at a fixed rate: ${KOA}`,
      axis: 'CPU time of the main thread per request, in microseconds: less is better',
      notes,
    }),
  }
}

function operationCharts(rows, notes, where = '', prefix = '') {
  const label = (row) => `${row.atATime} at a time`
  const drawn = {}
  for (const operation of ['get', 'set']) {
    const shown = rows.filter((row) => row.operation === operation && row.size === KB)
    if (shown.length === 0) continue
    drawn[`${prefix}${operation}.svg`] = draw(shown.map(withoutMap), 'perSecond', label, {
      title: `How many sessions of 1 KB a second: ${operation}${where}`,
      axis: 'operations per second: more is better',
      notes,
    })
  }
  return drawn
}

function instantCharts(rows, notes) {
  const where = `, ${ON_INSTANT}`
  const pages = rows.filter((row) => row.page)
  return {
    ...operationCharts(rows, notes, where, 'instant-'),
    ...applicationCharts(pages, notes, where, 'instant-'),
  }
}

function networkChart(near, far, notes) {
  const shown = [...near, ...far].filter(
    (row) => row.size === KB && row.atATime === 64 && ['get', 'set'].includes(row.operation),
  )
  const label = (row) => `${row.operation}, ${row.roundTrip} ms round trip`
  return {
    'latency.svg': draw(shown.map(withoutMap), 'p99', label, {
      title: 'p99 latency: 1 KB, 64 at a time',
      axis: 'p99 in milliseconds: less is better',
      notes,
    }),
  }
}

function growthChart(rows, notes) {
  const label = (row) => `${row.operation}, ${row.stored.toLocaleString('en')} stored`
  return {
    'growth.svg': draw(rows, 'perSecond', label, {
      title: 'Sessions of 1 KB a second with ever more sessions stored: 64 at a time',
      axis: 'operations per second: more is better',
      notes,
    }),
  }
}

function draw(rows, figure, label, { title, axis, notes }) {
  const present = new Set(rows.flatMap((row) => Object.keys(row.stores)))
  const names = Object.fromEntries(Object.entries(NAMES).filter(([name]) => present.has(name)))
  const groups = rows.map((row) => ({
    label: label(row),
    values: Object.fromEntries(
      Object.keys(row.stores).map((name) => [name, figureOf(row, name, figure)]),
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
