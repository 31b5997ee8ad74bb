// What is measured, and for how long: the whole of it, or the short version of --quick.

/** In the order of the charts; `Map` is the limit, `ours` what this is about. */
const ON_MONGODB = ['driver', 'koa-session-mongoose', 'connect-mongo', 'ours']
const STORES = ['Map', ...ON_MONGODB]
const ON_REDIS = ['koa-redis', 'koa-redis-everysec', 'ioredis', 'ioredis-everysec']
const ALL = ['Map', 'Map-in-bunches', ...ON_REDIS, ...ON_MONGODB]
const PAGES = ['/read', '/change']
const KB = 1024

const whole = {
  stores: STORES,
  operations: {
    sizes: [KB, 16 * KB],
    operations: ['get', 'set', 'touch', 'web'],
    atATime: [1, 16, 64, 256],
    rounds: 7,
    ms: 300,
    warmUpMs: 1000,
  },
  networks: {
    stores: ON_MONGODB,
    roundTrips: [1, 5],
    sizes: [KB],
    operations: ['get', 'set', 'touch', 'web'],
    atATime: [1, 16, 64, 256],
    rounds: 5,
    ms: 300,
    warmUpMs: 1500,
  },
  applications: { stores: ALL, pages: PAGES, connections: 64, rounds: 11, ms: 1000 },
  rates: {
    stores: ALL.filter((name) => !['connect-mongo', 'koa-redis-everysec'].includes(name)),
    pages: PAGES,
    rates: [200, 800, 2000],
    connections: 64,
    rounds: 5,
    ms: 1500,
    warmUpMs: 1000,
  },
  instant: {
    operations: {
      stores: ON_MONGODB,
      sizes: [KB],
      operations: ['get', 'set'],
      atATime: [1, 64, 256],
      rounds: 7,
      ms: 300,
      warmUpMs: 1000,
    },
    applications: {
      stores: ALL.filter((name) => !name.endsWith('-everysec')),
      pages: PAGES,
      connections: 64,
      rounds: 7,
      ms: 1000,
    },
  },
  encryption: {
    stores: ['ours', 'ours-encrypted', 'ours-hashed'],
    sizes: [KB],
    operations: ['get', 'set', 'web'],
    atATime: [1, 64, 256],
    rounds: 11,
    ms: 300,
    warmUpMs: 1000,
  },
  growth: {
    stored: [10_000, 100_000, 1_000_000],
    stores: ['driver', 'ours'],
    rounds: 9,
    ms: 500,
    warmUpMs: 1500,
  },
  lookups: { stored: [10_000, 100_000, 1_000_000], rounds: 51, scans: 5 },
  memory: { operations: [1_000_000, 5_000_000, 10_000_000] },
  weight: { starts: 21, idleMs: 2000 },
  values: { rounds: 30 },
}

const quick = {
  stores: STORES,
  operations: {
    ...whole.operations,
    sizes: [KB],
    operations: ['get', 'set', 'web'],
    atATime: [1, 64, 256],
    rounds: 3,
    ms: 100,
    warmUpMs: 200,
  },
  networks: {
    ...whole.networks,
    stores: ['driver', 'ours'],
    operations: ['get', 'set'],
    atATime: [64],
    rounds: 3,
    ms: 150,
    warmUpMs: 500,
  },
  applications: { ...whole.applications, rounds: 3, ms: 300 },
  rates: { ...whole.rates, rates: [800], rounds: 3, ms: 300, warmUpMs: 300 },
  instant: {
    operations: { ...whole.instant.operations, rounds: 3, ms: 100, warmUpMs: 200 },
    applications: { ...whole.instant.applications, rounds: 3, ms: 300 },
  },
  encryption: { ...whole.encryption, rounds: 3, ms: 100, warmUpMs: 200 },
  growth: {
    ...whole.growth,
    stored: [10_000, 30_000],
    rounds: 3,
    ms: 200,
    warmUpMs: 500,
  },
  lookups: { stored: [10_000], rounds: 11, scans: 3 },
  memory: { operations: [20_000, 60_000] },
  weight: { starts: 5, idleMs: 500 },
  values: { rounds: 5 },
}

module.exports = { plans: { whole, quick } }
