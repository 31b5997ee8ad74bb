// What the project has set itself, and whether a run shows it. Ratios are medians of the ratios of
// single rounds.

const { median, ratio } = require('../statistics')
const { against, atLeast, atMost, atMostOneOf } = require('./goals')
const { NAMES, PAGES, titleOf } = require('./words')

const KB = 1024
const RATE = 800
const MAIN = 'main-thread CPU per request'

/**
 * @param {Record<string, any>} results by section
 * @returns {{ figure: string, against: string, target: string, measured: string,
 *   reached: boolean | undefined }[]}
 */
function targets(results) {
  const { applications, rates, operations, instant, networks } = results
  return [
    ...applicationTargets(applications),
    ...rateTargets(rates),
    ...operationTargets(operations),
    ...instantTargets(instant),
    latencyTarget([operations, networks].flatMap((section) => section?.rows ?? [])),
    loneTarget(operations),
    ...loneTargets(operations),
    parseTarget(operations),
    ...encryptionTargets(results.encryption),
    growthTarget(results.growth),
    memoryTarget(results.memory),
    ...weightTargets(results.weight),
    valuesTarget(results.values),
  ]
}

function applicationTargets(section) {
  const value = (page, other, figure) => against(pageOf(section, page), other, figure)
  const cpu = (page, limit) =>
    ['Map', 'Map-in-bunches'].map((limitStore) => ({
      figure: `${MAIN}, ${PAGES[page]}`,
      against: NAMES[limitStore],
      ...atMost(limit, value(page, limitStore, 'mainCpu')),
    }))
  const requests = (page, other, limit) => ({
    figure: `requests/s, ${PAGES[page]}`,
    against: NAMES[other],
    ...atLeast(limit, value(page, other, 'perSecond')),
  })
  return [
    ...cpu('/read', 1.1),
    ...cpu('/change', 1.15),
    requests('/read', 'koa-session-mongoose', 4),
    requests('/change', 'koa-session-mongoose', 4),
    requests('/read', 'ioredis', 1),
  ]
}

function pageOf(section, page, rate) {
  return section?.rows.find((row) => row.page === page && row.rate === rate)
}

/** As busy as most servers are. */
function rateTargets(section) {
  const limits = { 'koa-redis': 0.85, ioredis: 1 }
  return Object.entries(limits).flatMap(([other, limit]) =>
    Object.keys(PAGES).map((page) => ({
      figure: `${MAIN}, ${PAGES[page]}, ${RATE} requests/s`,
      against: NAMES[other],
      ...atMost(limit, against(pageOf(section, page, RATE), other, 'mainCpu')),
    })),
  )
}

/** Targets of operations of 1 KB against the driver store, measured in one section. */
function againstDriver(section, where = '') {
  const value = (operation, atATime, figure) =>
    against(caseOf(section, operation, atATime), 'driver', figure)
  const common = { against: NAMES.driver }
  return {
    speed: (operation, atATime, limit) => ({
      figure: `${operation}, ${atATime} at a time, op/s${where}`,
      ...common,
      ...atLeast(limit, value(operation, atATime, 'perSecond')),
    }),
    cpu: (operation, atATime, parts) => ({
      figure: `main-thread CPU per ${operation}, ${atATime} at a time${where}`,
      ...common,
      ...atMostOneOf(parts, value(operation, atATime, 'mainCpu')),
    }),
  }
}

function caseOf(section, operation, atATime) {
  return section?.rows.find(
    (row) => row.operation === operation && row.atATime === atATime && row.size === KB,
  )
}

function operationTargets(section) {
  const { speed, cpu } = againstDriver(section)
  return [
    speed('get', 64, 12),
    speed('get', 256, 20),
    speed('set', 64, 3),
    speed('set', 256, 3),
    cpu('get', 64, 20),
    cpu('set', 64, 15),
  ]
}

/** What no database limits. */
function instantTargets(section) {
  const where = ', on `instant`'
  const { speed, cpu } = againstDriver(section, where)
  const requests = (page, limit) => ({
    figure: `requests/s, ${PAGES[page]}${where}`,
    against: `${NAMES.ioredis}, on Redis`,
    ...atLeast(limit, against(pageOf(section, page), 'ioredis', 'perSecond')),
  })
  return [
    requests('/read', 1.3),
    requests('/change', 1.5),
    cpu('get', 64, 40),
    cpu('set', 64, 30),
    cpu('get', 1, 7),
    cpu('set', 1, 5),
    speed('get', 64, 28),
    speed('get', 256, 45),
    speed('set', 64, 28),
    speed('set', 256, 30),
    speed('get', 1, 1.6),
    speed('set', 1, 1.7),
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
    against: NAMES.driver,
    ...atMost(1, worst?.value, ' ×', detail),
  }
}

function loneTarget(section) {
  const worst = worstOf(section?.rows.filter((row) => row.atATime === 1))
  return {
    figure: 'p50, 1 at a time, the worst of all operations',
    against: NAMES.driver,
    ...atMost(0.85, worst?.value, ' ×', worst && ` (${titleOf(worst.row)})`),
  }
}

function worstOf(rows = []) {
  const values = rows.map((row) => ({ row, value: against(row, 'driver', 'p50') }))
  return values.toSorted((a, b) => b.value - a.value)[0]
}

/** The worst of the sizes. */
function loneTargets(section) {
  const limits = { get: 0.7, set: 0.8, touch: 0.85 }
  return Object.entries(limits).map(([operation, limit]) => {
    const rows = section?.rows.filter((row) => row.operation === operation && row.atATime === 1)
    const worst = worstOf(rows)
    return {
      figure: `p50 of one ${operation} alone`,
      against: NAMES.driver,
      ...atMost(limit, worst?.value, ' ×', worst && ` (${worst.row.size / KB} KB)`),
    }
  })
}

/** In the same process, right after each round. */
function parseTarget(section) {
  const rounds = caseOf(section, 'get', 256)?.stores.ours
  const times = rounds?.map(({ mainCpu, parse }) => mainCpu / parse)
  return {
    figure: 'main thread per get, 256 at a time',
    against: '`JSON.parse` of the session',
    ...atMost(1.8, times && median(times)),
  }
}

/** What is encrypted, beside the same store that does not. */
function encryptionTargets(section) {
  const limits = { mainCpu: ['main thread', 1.1], otherCpu: ["store's thread", 1.3] }
  return Object.entries(limits).flatMap(([figure, [thread, limit]]) =>
    ['get', 'set'].map((operation) => {
      const stores = caseOf(section, operation, 64)?.stores
      return {
        figure: `${thread} per ${operation} with \`encryption\`, 64 at a time`,
        against: 'without',
        ...atMost(limit, stores && ratio(stores['ours-encrypted'], stores.ours, figure)),
      }
    }),
  )
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
  const alone = start?.drivers.length === 0
  const loaded = start && (alone ? ', no driver loaded' : ', a driver loaded')
  const loading = atMost(5, start && median(start.ms), ' ms', loaded)
  const common = { against: '' }
  return [
    {
      figure: 'addon, stripped',
      ...common,
      ...atMost(6, section && section.addonBytes / 1e6, ' MB'),
    },
    {
      figure: '`require` of the package',
      ...common,
      ...loading,
      reached: start && loading.reached && alone,
    },
    {
      figure: 'first store after `require`',
      ...common,
      ...atMost(6, start && median(start.firstMs), ' ms'),
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
