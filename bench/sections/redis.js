const { PERSISTENCE, findRedis, startRedis } = require('../redis')

/**
 * The servers of those stores that are on Redis, while they are used. Where there is no Redis, the
 * others remain.
 *
 * @param {string[]} names
 * @param {(name: string) => object} place of the others
 * @param {(line: string) => void} log
 * @param {(names: string[], place: (name: string) => object) => Promise<T>} use
 * @returns {Promise<T>}
 * @template T
 */
async function withRedis(names, place, log, use) {
  const version = findRedis()
  if (!version) {
    const others = names.filter((name) => !persistenceOf(name))
    if (others.length < names.length) {
      log('  left out: the stores on Redis, since there is no redis-server')
      log('  On Debian and Ubuntu, as root: apt-get install redis-server')
    }
    return use(others, place)
  }
  const servers = {}
  try {
    for (const persistence of new Set(names.map(persistenceOf).filter(Boolean))) {
      servers[persistence] = await startRedis(persistence)
    }
    log(`  Redis ${version}`)
    const port = (name) => servers[persistenceOf(name)]?.port
    return await use(names, (name) => ({ ...place(name), redisPort: port(name) }))
  } finally {
    for (const server of Object.values(servers)) await server.stop()
  }
}

/** Which server a store uses; `undefined` if it is not on Redis. */
function persistenceOf(name) {
  const [client, persistence = 'none'] = name.split(/-(?=everysec$)/)
  const isOnRedis = ['koa-redis', 'ioredis'].includes(client) && persistence in PERSISTENCE
  return isOnRedis ? persistence : undefined
}

module.exports = { withRedis }
