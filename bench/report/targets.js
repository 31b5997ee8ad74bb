// What the project has set itself, and whether a run shows it. Ratios are medians of the ratios of
// single rounds.

const { median, ratio } = require('../statistics')
const { titleOf } = require('./words')

const KB = 1024

/**
 * @param {Record<string, any>} results by section
 * @returns {{ figure: string, against: string, target: string, measured: string,
 *   reached: boolean | undefined }[]}
 */
function targets(results) {
  return [
    ...applicationTargets(results.applications),
    ...operationTargets(results.operations),
    latencyTarget([...(results.operations?.rows ?? []), ...(results.networks?.rows ?? [])]),
    loneTarget(results.operations),
    growthTarget(results.growth),
    memoryTarget(results.memory),
    ...weightTargets(results.weight),
    valuesTarget(results.values),
  ]
}

function atMost(limit, value, unit = ' ×', worst = '') {
  const known = value !== undefined && !Number.isNaN(value)
  return {
    target: `at most ${limit}${unit}`,
    measured: known ? `${value.toFixed(value < 0.1 ? 3 : 2)}${unit}${worst}` : '–',
    reached: known ? value <= limit : undefined,
  }
}

function atLeast(limit, value) {
  const known = value !== undefined && !Number.isNaN(value)
  return {
    target: `at least ${limit} ×`,
    measured: known ? `${value.toFixed(2)} ×` : '–',
    reached: known ? value >= limit : undefined,
  }
}

/** Ours over another store; undefined where it was not measured. */
function against(row, other, figure) {
  if (!row?.stores.ours || !row.stores[other]) return undefined
  return ratio(row.stores.ours, row.stores[other], figure)
}

function applicationTargets(section) {
  const page = (name) => section?.rows.find((row) => row.page === name)
  const cpu = (name) => against(page(name), 'Map', 'mainCpu')
  const requests = (name) => against(page(name), 'koa-session-mongoose', 'perSecond')
  const main = 'main-thread CPU per request'
  const peer = 'koa-session-mongoose'
  return [
    { figure: `${main}, a page that reads`, against: 'Map', ...atMost(1.1, cpu('/read')) },
    { figure: `${main}, a page that changes`, against: 'Map', ...atMost(1.15, cpu('/change')) },
    { figure: 'requests/s, a page that reads', against: peer, ...atLeast(4, requests('/read')) },
    {
      figure: 'requests/s, a page that changes',
      against: peer,
      ...atLeast(4, requests('/change')),
    },
  ]
}

function operationTargets(section) {
  const value = (operation, atATime, figure) => {
    const row = section?.rows.find(
      (row) => row.operation === operation && row.atATime === atATime && row.size === KB,
    )
    return against(row, 'driver', figure)
  }
  const speed = (operation, atATime, limit) => ({
    figure: `${operation}, ${atATime} at a time, op/s`,
    against: 'driver',
    ...atLeast(limit, value(operation, atATime, 'perSecond')),
  })
  const cpu = (operation, part) => {
    const share = value(operation, 64, 'mainCpu')
    return {
      figure: `main-thread CPU per ${operation}, 64 at a time`,
      against: 'driver',
      target: `at most 1/${part}`,
      measured: share === undefined ? '–' : `1/${(1 / share).toFixed(1)}`,
      reached: share === undefined ? undefined : share <= 1 / part,
    }
  }
  return [
    speed('get', 64, 12),
    speed('get', 256, 20),
    speed('set', 64, 3),
    speed('set', 256, 3),
    cpu('get', 20),
    cpu('set', 15),
  ]
}

function latencyTarget(rows) {
  const values = rows.flatMap((row) =>
    ['p50', 'p99'].map((figure) => ({ row, figure, value: against(row, 'driver', figure) })),
  )
  const known = values.filter(({ value }) => value !== undefined)
  const above = known.filter(({ value }) => value > 1)
  const worst = known.toSorted((a, b) => b.value - a.value)[0]
  const detail =
    worst &&
    ` (${worst.figure} of ${titleOf(worst.row)}; above 1 in ${above.length} of ${known.length})`
  return {
    figure: 'p50 and p99, the worst of all cases',
    against: 'driver',
    ...atMost(1, worst?.value, ' ×', detail),
  }
}

function loneTarget(section) {
  const rows = section?.rows.filter((row) => row.atATime === 1) ?? []
  const values = rows.map((row) => ({ row, value: against(row, 'driver', 'p50') }))
  const worst = values.toSorted((a, b) => b.value - a.value)[0]
  const detail = worst && ` (${titleOf(worst.row)})`
  return {
    figure: 'p50, 1 at a time, the worst of all operations',
    against: 'driver',
    ...atMost(0.85, worst?.value, ' ×', detail),
  }
}

function growthTarget(section) {
  const row = (stored) =>
    section?.rows.find((row) => row.operation === 'get' && row.stored === stored)?.stores.ours
  const few = row(10_000)
  const many = row(1_000_000)
  const time = few && many ? 1 / ratio(many, few, 'perSecond') : undefined
  return {
    figure: 'time of a get, 1 million stored',
    against: '10 thousand',
    ...atMost(1.2, time),
  }
}

function memoryTarget(section) {
  const after = (millions) =>
    section?.points.find(({ operations }) => operations === millions * 1e6)?.memory
  const grown = after(10) && after(10) / after(1)
  return {
    figure: 'memory after 10 million operations',
    against: 'after 1 million',
    ...atMost(1.05, grown),
  }
}

function weightTargets(section) {
  const start = section?.start.ours
  const ms = start && median(start.ms)
  const alone = start?.drivers.length === 0
  const loading = atMost(
    5,
    ms,
    ' ms',
    start && (alone ? ', no driver loaded' : ', a driver loaded'),
  )
  return [
    {
      figure: 'addon, stripped',
      against: '',
      ...atMost(6, section && section.addonBytes / 1e6, ' MB'),
    },
    {
      figure: '`require` of the package',
      against: '',
      ...loading,
      reached: start && loading.reached && alone,
    },
  ]
}

/** A session of other values than JSON's is to cost no more than in the official package. */
function valuesTarget(section) {
  const values = (section?.rows ?? []).map(({ name, times }) => {
    const { encode, decode, serialize, deserialize } = times
    const rounds = encode.map(
      (_, round) => (encode[round] + decode[round]) / (serialize[round] + deserialize[round]),
    )
    return { name, value: median(rounds) }
  })
  const worst = values.toSorted((a, b) => b.value - a.value)[0]
  return {
    figure: 'writing and reading a session, the worst of all kinds',
    against: 'bson package',
    ...atMost(1, worst?.value, ' ×', worst && ` (${worst.name})`),
  }
}

module.exports = { targets }
