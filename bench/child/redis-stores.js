// Stores on Redis: what most people take, and Redis at its best.

const { createRequire } = require('node:module')
const path = require('node:path')

// What only the benchmark needs is installed in bench/.
const requirePeer = createRequire(path.join(__dirname, '..', 'package.json'))

const HOST = '127.0.0.1'

/** The package as it is. */
async function openKoaRedis({ redisPort }) {
  const store = requirePeer('koa-redis')({ host: HOST, port: redisPort })
  return { store, close: () => store.quit() }
}

/** What one would write with the newest client: commands of one turn of the event loop go together. */
async function openIoredis({ redisPort }) {
  const { Redis } = requirePeer('ioredis')
  const redis = new Redis({ host: HOST, port: redisPort, enableAutoPipelining: true })
  return { store: new RedisStore(redis), close: () => redis.quit() }
}

const openers = {
  'koa-redis': openKoaRedis,
  ioredis: openIoredis,
  // The same on a server that also writes what it is told to its disk.
  'koa-redis-everysec': openKoaRedis,
  'ioredis-everysec': openIoredis,
}

class RedisStore {
  constructor(redis) {
    this.redis = redis
  }

  async get(id) {
    const text = await this.redis.get(id)
    return text === null ? undefined : JSON.parse(text)
  }

  async set(id, data, maxAge) {
    await this.redis.set(id, JSON.stringify(data), 'PX', maxAge)
    return data
  }

  async destroy(id) {
    await this.redis.del(id)
  }
}

module.exports = { openers }
