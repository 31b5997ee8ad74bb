// node start-up.js MODULE: how long a fresh process takes to load it, what else that loads, and how
// long the first store takes, or what comes closest: a client that is yet to connect.

const { createRequire } = require('node:module')
const path = require('node:path')

const root = path.join(__dirname, '..', '..')
const requireFromRoot = createRequire(path.join(root, 'package.json'))
const name = process.argv[2]

const URI = 'mongodb://127.0.0.1:1/'

const firsts = {
  '.': (SessionStore) => new SessionStore({ connection: URI }),
  mongodb: ({ MongoClient }) => new MongoClient(URI),
  mongoose: (mongoose) => mongoose.createConnection(),
}

const start = performance.now()
const loaded = requireFromRoot(name)
const ms = performance.now() - start
const files = Object.keys(require.cache).map((file) => path.relative(root, file))
firsts[name](loaded)
const firstMs = performance.now() - start - ms

const drivers = ['mongodb', 'mongoose'].filter((driver) =>
  files.some((file) => file.startsWith(path.join('node_modules', driver, path.sep))),
)
console.log(JSON.stringify({ ms, firstMs, drivers }))
