// How figures and the things measured are written, everywhere alike.

const NAMES = {
  Map: 'Map',
  'Map-in-bunches': 'Map, answers in bunches',
  driver: 'mongodb driver',
  'koa-session-mongoose': 'koa-session-mongoose',
  'connect-mongo': 'connect-mongo',
  'koa-redis': 'koa-redis',
  'koa-redis-everysec': 'koa-redis, fsync every second',
  ioredis: 'ioredis, pipelining',
  'ioredis-everysec': 'ioredis, pipelining, fsync every second',
  ours: 'koa-session-mongo-native',
  'ours-encrypted': 'with `encryption`',
  'ours-hashed': 'with `hashIds`',
}

const OPERATIONS = { get: 'get', set: 'set', touch: 'touch', web: 'web mix' }

const PAGES = { '/read': 'a page that reads', '/change': 'a page that changes' }

/** The server in memory of the benchmark itself: whatever is measured with it says so in its title. */
const INSTANT = 'bench/instant'
const ON_INSTANT = 'on a server in memory of the benchmark\u2019s own, no claim about MongoDB'

/** @param {string} server as it describes itself, such as `mongod 8.0.4, started for this run` */
function serverInWords(server) {
  if (server === INSTANT)
    return `Measured with ${INSTANT} in the place of MongoDB; Redis is itself.`
  const name = server.replace(/, (started for this run|from MONGODB_URI)$/, '')
  const kind = name.startsWith('SecantusDB') ? ', an emulator of MongoDB over WiredTiger' : ''
  return `Measured with ${name}${kind}.`
}

/** Three digits that count; thousands are separated. */
function number(value) {
  if (value === undefined || Number.isNaN(value)) return '–'
  if (value >= 1000) return Number(value.toPrecision(3)).toLocaleString('en')
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

const megabytes = (bytes) => number(bytes / 2 ** 20)

/** @param {any} row of any section */
function titleOf(row) {
  if (row.rate) return `${PAGES[row.page]}, ${row.rate.toLocaleString('en')} requests/s`
  if (row.page) return PAGES[row.page]
  if (row.stored) return `${OPERATIONS[row.operation]}, ${row.stored.toLocaleString('en')} stored`
  const roundTrip = row.roundTrip > 0 ? `, ${row.roundTrip} ms round trip` : ''
  return `${OPERATIONS[row.operation]}, ${row.size / 1024} KB, ${row.atATime} at a time${roundTrip}`
}

module.exports = {
  INSTANT,
  NAMES,
  ON_INSTANT,
  OPERATIONS,
  PAGES,
  megabytes,
  number,
  serverInWords,
  titleOf,
}
