'use strict'

// All that a fresh clone needs before it can run: the npm packages and the native addon.
// Does only what is missing or out of date, and says nothing when there is nothing to do.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { Problem, elapsed, fail, isWindows, root, run, runQuietly } = require('./command')

/** What the addon is built from. */
const SOURCES = ['Cargo.toml', 'Cargo.lock', 'build.rs', 'crates', 'src']

async function setUp({ log = console.log } = {}) {
  await setUpPackages({ log })
  if (addonIsOld()) await buildAddon(log)
}

/** The npm packages alone: for what needs no addon, nor Rust. */
async function setUpPackages({ log = console.log } = {}) {
  checkNode()
  if (packagesAreOld()) await installPackages(log)
}

function checkNode() {
  const { engines } = require('../package.json')
  const [major, minor] = process.versions.node.split('.').map(Number)
  const [wantedMajor, wantedMinor] = engines.node.replace(/^\D*/, '').split('.').map(Number)
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return
  throw new Problem(
    `Node ${process.versions.node} is too old: this project needs Node ${engines.node}.`,
    'Get a current one from https://nodejs.org/',
  )
}

/** Compares versions, not times: a checkout or a clone sets the times of files at will. */
function packagesAreOld() {
  const wanted = readJson('package-lock.json')
  const installed = readJson('node_modules/.package-lock.json')
  if (!installed) return true
  return Object.entries(wanted.packages).some(
    // A package for another system is optional and rightly absent.
    ([place, { version, optional }]) =>
      place !== '' && !optional && installed.packages[place]?.version !== version,
  )
}

async function installPackages(log) {
  const start = performance.now()
  log('Installing the npm packages (npm ci) …')
  const code = await run('npm', ['ci', '--no-audit', '--no-fund'])
  if (code !== 0) {
    throw new Problem(
      'npm ci failed; its own message is above.',
      'Check that this machine reaches the npm registry, then try again.',
    )
  }
  log(`npm packages installed in ${elapsed(start)}`)
}

function addonIsOld() {
  const built = fs
    .readdirSync(root)
    .filter((name) => name.endsWith('.node'))
    .map((name) => fs.statSync(path.join(root, name)).mtimeMs)
  if (built.length === 0 || !fs.existsSync(path.join(root, 'native.js'))) return true
  return newestSource() > Math.max(...built)
}

function newestSource() {
  const files = SOURCES.flatMap((name) => {
    const place = path.join(root, name)
    if (!fs.existsSync(place)) return []
    if (!fs.statSync(place).isDirectory()) return [place]
    return fs
      .readdirSync(place, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
  })
  return Math.max(...files.map((file) => fs.statSync(file).mtimeMs))
}

async function buildAddon(log) {
  checkToolchain()
  const start = performance.now()
  const startedAt = new Date()
  log('Building the native addon (npm run build); the first time takes some minutes …')
  const code = await withProgress(log, start, () => run('npm', ['run', '--silent', 'build']))
  if (code !== 0) {
    throw new Problem(
      'The native addon could not be built; the message of cargo is above.',
      'A failed download: check that this machine reaches crates.io, then try again.',
    )
  }
  // A source saved while cargo was running is newer than what was built from it.
  for (const name of fs.readdirSync(root).filter((name) => name.endsWith('.node'))) {
    fs.utimesSync(path.join(root, name), startedAt, startedAt)
  }
  log(`Native addon built in ${elapsed(start)}`)
}

/** cargo shows its own progress on a terminal; elsewhere (CI) the long last step prints nothing. */
async function withProgress(log, start, work) {
  if (process.stderr.isTTY) return work()
  const timer = setInterval(() => log(`… still building after ${elapsed(start)}`), 30_000)
  try {
    return await work()
  } finally {
    clearInterval(timer)
  }
}

function checkToolchain() {
  if (!runQuietly('cargo', ['--version']).ok) useCargoOfRustup()
  const wanted = fs
    .readFileSync(path.join(root, 'Cargo.toml'), 'utf8')
    .match(/^rust-version = "1\.(\d+)/m)
  const found = runQuietly('rustc', ['--version']).stdout.match(/^rustc (1\.(\d+)\S*)/)
  if (wanted && found && Number(found[2]) < Number(wanted[1])) {
    throw new Problem(
      `Rust ${found[1]} is too old: the addon needs Rust 1.${wanted[1]} or later.`,
      'With rustup: rustup update stable\nElse get a current Rust from https://rustup.rs/',
    )
  }
  // On Windows Rust finds Microsoft's linker by itself.
  if (!isWindows && !runQuietly('cc', ['--version']).ok) {
    throw new Problem(
      'There is no C compiler (cc), which Rust needs to link.',
      'On Debian and Ubuntu: apt-get install build-essential',
    )
  }
}

/** rustup adds itself to the PATH of new shells only. */
function useCargoOfRustup() {
  const folder = path.join(process.env.CARGO_HOME ?? path.join(os.homedir(), '.cargo'), 'bin')
  if (runQuietly(path.join(folder, 'cargo'), ['--version']).ok) {
    process.env.PATH = `${folder}${path.delimiter}${process.env.PATH}`
    return
  }
  throw new Problem(
    'cargo was not found: the native addon is written in Rust.',
    'Get Rust from https://rustup.rs/ (one command, no root needed), then try again.',
  )
}

function readJson(name) {
  try {
    return JSON.parse(fs.readFileSync(path.join(root, name), 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

module.exports = { SOURCES, addonIsOld, setUp, setUpPackages }

if (require.main === module) setUp().catch(fail)
