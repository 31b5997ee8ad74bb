'use strict'

// npm run test:mongo: the tests against a MongoDB in containers, from compose/.
//   npm run test:mongo -- replica-set 7        a replica set of MongoDB 7
//   npm run test:mongo -- sharded              a sharded cluster of the latest
// Ends the containers, and their data, afterwards.

const fs = require('node:fs')
const path = require('node:path')
const { Problem, fail, root, run, runQuietly } = require('../command')

const FOLDER = 'compose'
const ADDRESS = {
  'replica-set': 'mongodb://localhost:27017/?replicaSet=rs0',
  sharded: 'mongodb://localhost:27017/',
}

async function main([kind = 'replica-set', version = '8', ...words]) {
  const file = path.join(FOLDER, `${kind}.yml`)
  if (!fs.existsSync(path.join(root, file))) {
    const advice = `There are ${Object.keys(ADDRESS).join(' and ')}.`
    throw new Problem(`There is no kind of MongoDB called '${kind}'.`, advice)
  }
  if (!runQuietly('docker', ['compose', 'version']).ok || !runQuietly('docker', ['info']).ok) {
    throw new Problem(
      'Containers need Docker with its plugin compose, and its service running.',
      'Without it: MONGODB_URI=mongodb://… npm test takes any MongoDB that is there.',
    )
  }
  const env = { MONGO_VERSION: version }
  const compose = (...args) => run('docker', ['compose', '--file', file, ...args], { env })
  try {
    await must(
      compose('up', '--wait', '--quiet-pull'),
      `MongoDB ${version} (${kind}) does not start.`,
    )
    const test = run('npm', ['test', '--', ...words], { env: { MONGODB_URI: ADDRESS[kind] } })
    await must(test, 'The tests failed.')
  } finally {
    await compose('down', '--volumes')
  }
}

async function must(work, problem) {
  if ((await work) !== 0) throw new Problem(problem)
}

main(process.argv.slice(2)).catch(fail)
