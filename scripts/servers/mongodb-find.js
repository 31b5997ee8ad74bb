'use strict'

// The MongoDB servers that this machine has or can get, as values of one shape:
// { kind, program, can, stopSignal, arguments(settings) }.
//
// `can` names what not every server does, and some tests need:
//   failPoints           fails commands on request (configureFailPoint)
//   transactionNumbers   refuses a transaction number below the latest of its session

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { PYTHON, Problem, elapsed, inVenv, isWindows, root, run, runQuietly } = require('../command')
const { findSecantusRust, installSecantusRust } = require('./secantus-rust')

const CACHE = path.join(root, '.mongodb')
const SECANTUS_VERSION = '0.7.0b3'
const DOWNLOAD_MUST_BEGIN_MS = 5_000
const NEEDS = [undefined, 'failPoints', 'transactionNumbers']

/** Every candidate that can do what is needed, best first; each is only prepared when asked for. */
async function* candidates(log, needs) {
  for await (const candidate of remembered() ?? search(log)) {
    if (needs === undefined || candidate.can.includes(needs)) yield candidate
  }
}

async function* search(log, patient = false) {
  if (runQuietly('mongod', ['--version']).ok) yield kinds.mongod('mongod')
  const downloaded = await downloadMongod(log)
  if (downloaded) yield kinds.mongod(downloaded)
  // What the store promises of writes needs transaction numbers that are heeded: this one has them.
  const fast = findSecantusRust() ?? (patient ? await installSecantusRust(log) : undefined)
  if (fast) yield kinds['SecantusDB (Rust)'](fast)
  yield kinds.SecantusDB(await installSecantus(log))
}

/**
 * Finds or installs a server for each need; one search serves all processes of a test run. Whoever
 * is not `patient` does without a server that takes minutes to build.
 */
async function prepare(log, patient) {
  const chosen = []
  let unmet = NEEDS
  for await (const { kind, program, can } of search(log, patient)) {
    const left = unmet.filter((needs) => needs && !can.includes(needs))
    if (left.length < unmet.length) chosen.push([kind, program])
    unmet = left
    if (unmet.length === 0) break
  }
  process.env.MONGODB_LOCAL = JSON.stringify(chosen)
}

/** What `prepare` chose, for this process or one that started it. */
function remembered() {
  const chosen = process.env.MONGODB_LOCAL
  if (!chosen) return undefined
  return Array.from(JSON.parse(chosen), ([kind, program]) => kinds[kind](program))
}

const kinds = {
  mongod: (program) => ({
    kind: 'mongod',
    program,
    can: ['failPoints', 'transactionNumbers'],
    stopSignal: 'SIGTERM',
    arguments: ({ port, storagePath, replicaSet, keyFile, tls }) => [
      ...['--port', port, '--bind_ip', '127.0.0.1', '--dbpath', storagePath],
      // Unknown to the mongod for Windows.
      ...(isWindows ? [] : ['--nounixsocket']),
      ...['--wiredTigerCacheSizeGB', '0.25', '--setParameter', 'enableTestCommands=1'],
      ...(replicaSet ? ['--replSet', 'rs0'] : []),
      ...(keyFile ? ['--auth'] : []),
      ...(keyFile && replicaSet ? ['--keyFile', keyFile] : []),
      ...(tls ? ['--tlsMode', 'requireTLS', '--tlsCertificateKeyFile', tls.bothFile] : []),
      ...(tls ? ['--tlsCAFile', tls.authorityFile] : []),
      ...(tls && !tls.clientFile ? ['--tlsAllowConnectionsWithoutCertificates'] : []),
    ],
  }),
  SecantusDB: (program) => ({
    kind: 'SecantusDB',
    program,
    can: ['failPoints'],
    // While it stops in good order it no longer calls itself a replica set, and a driver that hears
    // that drops it for good. It syncs every write, so nothing is lost by a kill.
    stopSignal: 'SIGKILL',
    arguments: (settings) => [...secantusArguments(settings), '--enable-test-commands'],
  }),
  'SecantusDB (Rust)': (program) => ({
    kind: 'SecantusDB (Rust)',
    program,
    can: ['transactionNumbers'],
    stopSignal: 'SIGTERM',
    arguments: secantusArguments,
  }),
}

function secantusArguments({ port, storagePath, replicaSet, keyFile, tls }) {
  return [
    ...['--port', port, '--storage-path', storagePath, '--cache-size', '256M'],
    ...['--log-level', 'WARNING', '--sync-on-commit'],
    ...(replicaSet ? [] : ['--standalone']),
    ...(keyFile ? ['--auth'] : []),
    ...(tls ? ['--tls-cert-file', tls.certificateFile, '--tls-key-file', tls.keyFile] : []),
    ...(tls ? ['--tls-ca-file', tls.authorityFile] : []),
    ...(tls?.clientFile ? ['--tls-require-client-cert'] : []),
  ]
}

/**
 * The mongod of mongodb-memory-server: a real one, about 100 MB to download once.
 * Resolves to undefined where it cannot be had.
 */
function downloadMongod(log) {
  const child = spawn(process.execPath, [path.join(__dirname, 'download-mongod.js')], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      MONGOMS_DOWNLOAD_DIR: process.env.MONGOMS_DOWNLOAD_DIR ?? CACHE,
      MONGOMS_MAX_RETRIES: '1',
      // MongoDB is not made for Windows on ARM, which runs what is made for x64.
      ...(isWindows ? { MONGOMS_ARCH: process.env.MONGOMS_ARCH ?? 'x64' } : {}),
      // Without this it would accept any certificate.
      npm_config_strict_ssl: 'true',
    },
  })
  // A firewall may swallow the request without a word; a download that has begun may take its time.
  const timer = setTimeout(() => child.kill('SIGKILL'), DOWNLOAD_MUST_BEGIN_MS)
  let program
  let reason = 'the download did not begin'
  child.stdout.setEncoding('utf8').on('data', (text) => {
    clearTimeout(timer)
    program = text.match(/^mongod: (.+)$/m)?.[1] ?? program
    const progress = text.match(/Downloading.*/)
    if (progress) log(`  ${progress[0].trim()}`)
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    reason = text.trim().split('\n').at(-1)
  })
  return new Promise((resolve) => {
    child.on('close', () => {
      clearTimeout(timer)
      const works = program !== undefined && runQuietly(program, ['--version']).ok
      if (program && !works) reason = 'it does not run on this machine'
      if (!works) log(`No mongod from mongodb-memory-server: ${reason}`)
      resolve(works ? program : undefined)
    })
  })
}

/**
 * SecantusDB: a server that speaks MongoDB's protocol, small enough to install in seconds.
 * It stays a program of its own in a virtual environment; nothing of it is part of this package.
 */
async function installSecantus(log) {
  const folder = path.join(CACHE, `secantusdb-${SECANTUS_VERSION}`)
  const program = inVenv(folder, 'secantusd-py')
  if (runQuietly(program, ['--help']).ok) return program

  const start = performance.now()
  log(`Installing SecantusDB ${SECANTUS_VERSION} into .mongodb (Python) …`)
  makeVirtualEnvironment(folder)
  const pip = ['install', '--quiet', '--disable-pip-version-check']
  const code = await run(inVenv(folder, 'pip'), [...pip, `secantusdb==${SECANTUS_VERSION}`])
  if (code !== 0 || !runQuietly(program, ['--help']).ok) {
    throw new Problem('SecantusDB could not be installed; the message of pip is above.')
  }
  log(`SecantusDB installed in ${elapsed(start)}`)
  return program
}

function makeVirtualEnvironment(folder) {
  fs.rmSync(folder, { recursive: true, force: true })
  if (runQuietly(PYTHON, ['-m', 'venv', folder]).ok) return
  fs.rmSync(folder, { recursive: true, force: true })
  throw new Problem(
    'SecantusDB needs Python 3.10 or later with its module venv.',
    'On Debian and Ubuntu, as root: npm run setup:debian',
  )
}

module.exports = { candidates, prepare, remembered }
