'use strict'

// npm test: set-up, then every check in order, up to the first that fails. It changes nothing of the
// system: tests that need what is not there are skipped, and the end of it says what to install.
// npm test -- WORD: set-up, then only the test files whose path contains WORD.

const fs = require('node:fs')
const path = require('node:path')
const { findChromium } = require('./browser')
const { Problem, elapsed, fail, root, run } = require('./command')
const { setUp } = require('./setup')

const word = process.argv[2]
const stopped = new AbortController()

// The lint shares what the release build has compiled; optimised tests would take longer to build
// than they save.
const CHECKS = [
  { name: 'Rust: format', command: 'cargo fmt --check' },
  { name: 'Rust: lint', command: 'cargo clippy --all-targets --release -- -D warnings' },
  { name: 'Rust: tests', command: 'cargo test' },
  { name: 'JavaScript: format and lint', command: 'npx biome ci' },
  { name: 'JavaScript: types', command: 'npm run --silent types' },
]

async function main() {
  const start = performance.now()
  const files = testFiles()
  await step('Set-up', () => setUp(), 'npm run setup')
  if (!word) {
    for (const { name, command } of CHECKS) await step(name, () => succeed(command), command)
  }
  await step('Tests against MongoDB', () => testAgainstMongoDB(files), rerunTests())
  console.log(`\n✓ All passed in ${elapsed(start)}`)
}

function testFiles() {
  const folder = path.join(root, '__test__')
  const files = fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js') && name.includes(word ?? ''))
    .map((name) => path.join('__test__', name))
    .sort()
  if (files.length > 0) return files
  throw new Problem(`No file of __test__/ has '${word}' in its path.`, 'npm test runs them all.')
}

function rerunTests() {
  return word
    ? `npm test -- ${word}`
    : 'npm test -- WORD, for the files of __test__/ with WORD in their path'
}

async function step(name, work, again) {
  const start = performance.now()
  console.log(`\n▶ ${name}`)
  try {
    await work()
  } catch (error) {
    if (stopped.signal.aborted) throw new Problem('Stopped.')
    const advice = [error.advice, `To run only this step: ${again}`].filter(Boolean).join('\n')
    console.error(`\n${error instanceof Problem ? error.message : error.stack}`)
    throw new Problem(`${name}: failed after ${elapsed(start)}`, advice)
  }
  console.log(`✓ ${name}: ${elapsed(start)}`)
}

async function succeed(command, env) {
  const [program, ...args] = command.split(' ')
  const code = await run(program, args, { signal: stopped.signal, env })
  if (code !== 0) throw new Problem(`${program} ended with exit code ${code}.`)
}

async function testAgainstMongoDB(files) {
  // Only now: before the set-up there are no packages to load.
  const { hasServer, prepareServers, startMongoDB } = require('./servers/mongodb')
  await prepareServers()
  const missing = [
    ...(hasServer('transactionNumbers') ? [] : ['a server that refuses old transaction numbers']),
    ...(findChromium() ? [] : ['Chromium']),
  ]
  const mongodb = await startMongoDB()
  try {
    console.log(`MongoDB: ${mongodb.description}\n`)
    const options = [
      '--test',
      '--test-reporter=spec',
      '--test-concurrency=2',
      '--test-timeout=600000',
    ]
    await succeed(['node', ...options, ...files].join(' '), {
      MONGODB_URI: mongodb.uri,
      NODE_OPTIONS: watchForSecrets(),
    })
    if (missing.length > 0) {
      console.log(`\nSkipped: the tests that need ${missing.join(' or ')}.`)
      console.log('On Debian and Ubuntu, as root: npm run setup:debian')
    }
  } finally {
    await mongodb.stop()
  }
}

/** Every process of the tests fails if the store tells a password, an id or content. */
function watchForSecrets() {
  const watch = path.join(root, '__test__', 'support', 'secrets.js')
  return `${process.env.NODE_OPTIONS ?? ''} --require ${JSON.stringify(watch)}`.trim()
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stopped.abort())

main().catch(fail)
