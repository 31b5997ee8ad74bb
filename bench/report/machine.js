const os = require('node:os')
const path = require('node:path')
const { createRequire } = require('node:module')
const { root, runQuietly } = require('../../scripts/command')
const { findRedis } = require('../redis')

const PACKAGES = ['koa', 'koa-session-7', 'mongodb', 'mongoose', 'koa-session-mongoose']

/** Where and on what figures were taken; without them they mean nothing. */
function circumstances() {
  const [cpu] = os.cpus()
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    commit: commit(),
    machine: `${os.availableParallelism()} × ${cpu.model.trim()}, ${gigabytes(os.totalmem())} GB`,
    system: `${os.type()} ${os.arch()}`,
    load: os.loadavg()[0].toFixed(1),
    node: process.versions.node,
    redis: findRedis(),
    packages: {
      ...versions(root, PACKAGES),
      ...versions(path.join(root, 'bench'), ['connect-mongo', 'koa-redis', 'ioredis']),
    },
  }
}

function commit() {
  const { ok, stdout } = runQuietly('git', ['rev-parse', '--short', 'HEAD'])
  if (!ok) return 'unknown'
  const changed = runQuietly('git', ['status', '--porcelain', '--', 'src', 'lib', 'index.js'])
  return stdout.trim() + (changed.stdout === '' ? '' : ' and changes')
}

function versions(folder, names) {
  const requireFrom = createRequire(path.join(folder, 'package.json'))
  return Object.fromEntries(
    names.map((name) => {
      const manifest = requireFrom(path.join(folder, 'node_modules', name, 'package.json'))
      return [manifest.name, manifest.version]
    }),
  )
}

const gigabytes = (bytes) => Math.round(bytes / 2 ** 30)

module.exports = { circumstances }
