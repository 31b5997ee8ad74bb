// node start-up.js MODULE: how long a fresh process takes to load it, and what else that loads.

const { createRequire } = require('node:module')
const path = require('node:path')

const root = path.join(__dirname, '..', '..')
const requireFromRoot = createRequire(path.join(root, 'package.json'))
const name = process.argv[2]

const start = performance.now()
requireFromRoot(name)
const ms = performance.now() - start

const loaded = Object.keys(require.cache).map((file) => path.relative(root, file))
const drivers = ['mongodb', 'mongoose'].filter((driver) =>
  loaded.some((file) => file.startsWith(path.join('node_modules', driver, path.sep))),
)
console.log(JSON.stringify({ ms, drivers }))
