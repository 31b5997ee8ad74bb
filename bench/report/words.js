// How figures and the things measured are written, everywhere alike.

const NAMES = {
  Map: 'Map',
  driver: 'mongodb driver',
  'koa-session-mongoose': 'koa-session-mongoose',
  'connect-mongo': 'connect-mongo',
  ours: 'koa-session-mongo-native',
}

const OPERATIONS = { get: 'get', set: 'set', touch: 'touch', web: 'web mix' }

const PAGES = { '/read': 'a page that reads', '/change': 'a page that changes' }

/** @param {string} server as it describes itself, such as `mongod 8.0.4, started for this run` */
function serverInWords(server) {
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
  if (row.page) return PAGES[row.page]
  if (row.stored) return `${OPERATIONS[row.operation]}, ${row.stored.toLocaleString('en')} stored`
  const roundTrip = row.roundTrip > 0 ? `, ${row.roundTrip} ms round trip` : ''
  return `${OPERATIONS[row.operation]}, ${row.size / 1024} KB, ${row.atATime} at a time${roundTrip}`
}

module.exports = { NAMES, OPERATIONS, PAGES, megabytes, number, serverInWords, titleOf }
