'use strict'

// The Rust server of SecantusDB: fast, and it refuses old transaction numbers as a mongod does, but
// it takes minutes to build. It stays a program of its own; nothing of it is part of this package.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { elapsed, root, run, runQuietly } = require('../command')

const VERSION = '0.5.3-beta.196'
const CACHE = path.join(root, '.mongodb', `secantus-mdb-${VERSION}`)

/** What cargo needs to build it, and the Debian packages that have it. */
const TOOLS = {
  cmake: ['cmake'],
  ninja: ['ninja-build'],
  clang: ['clang', 'libclang-dev', 'zlib1g-dev'],
}

/** @returns {string | undefined} the program, where it is installed */
function findSecantusRust() {
  const known = ['secantusd-rs', inFolder(cargoHome()), inFolder(CACHE)]
  return known.find((program) => runQuietly(program, ['--help']).ok)
}

function cargoHome() {
  return process.env.CARGO_HOME ?? path.join(os.homedir(), '.cargo')
}

function inFolder(folder) {
  return path.join(folder, 'bin', 'secantusd-rs')
}

/**
 * Builds it into .mongodb, if what that needs is there.
 * @param {(line: string) => void} log is told why there is none
 * @returns {Promise<string | undefined>} the program
 */
async function installSecantusRust(log) {
  const missing = Object.keys(TOOLS).filter((tool) => !runQuietly(tool, ['--version']).ok)
  if (missing.length > 0) {
    log(`SecantusDB (Rust) cannot be built here without ${missing.join(', ')}.`)
    log('On Debian and Ubuntu, as root: npm run setup:debian')
    return undefined
  }
  const start = performance.now()
  log(`Building SecantusDB ${VERSION} (Rust) into .mongodb; this takes 5 to 10 minutes …`)
  const timer = setInterval(() => log(`… still building after ${elapsed(start)}`), 30_000)
  const args = ['install', 'secantus-mdb', '--version', VERSION, '--ignore-rust-version', '--quiet']
  const code = await run('cargo', [...args, '--root', CACHE]).finally(() => clearInterval(timer))
  if (code === 0) {
    log(`SecantusDB built in ${elapsed(start)}`)
    return inFolder(CACHE)
  }
  log('SecantusDB (Rust) could not be built; the message of cargo is above.')
  fs.rmSync(CACHE, { recursive: true, force: true })
  return undefined
}

module.exports = { TOOLS, VERSION, findSecantusRust, installSecantusRust }
