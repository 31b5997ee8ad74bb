'use strict'

// What compiles and links for other platforms: zig (a C compiler and linker with the libraries of
// all of them), cargo-zigbuild (which makes cargo use it) and, for platforms whose standard library
// rustup has not installed here, Debian's Rust, which comes with the library's sources.
// All of it is kept in .platforms/; nothing of the system changes.

const fs = require('node:fs')
const path = require('node:path')
const { Problem, elapsed, run, runQuietly } = require('../command')
const { unpackDebian } = require('./debian')
const { CACHE } = require('./list')

const ZIG = '0.17.1'
const ZIGBUILD = '0.24.1'

/** The programs of cargo-zigbuild: { zig, cargoFolder }. */
async function zigTools(log) {
  const folder = path.join(CACHE, `zig-${ZIG}-${ZIGBUILD}`)
  const bin = path.join(folder, 'bin')
  const zig = () => runQuietly(path.join(bin, 'python'), ['-c', WHERE_IS_ZIG]).stdout.trim()
  if (!fs.existsSync(path.join(bin, 'cargo-zigbuild')) || zig() === '') {
    await installZig(folder, bin, log)
  }
  return { zig: zig(), bin, versions: `zig ${ZIG}, cargo-zigbuild ${ZIGBUILD}` }
}

const WHERE_IS_ZIG = 'import os, ziglang; print(os.path.join(ziglang.__path__[0], "zig"))'

async function installZig(folder, bin, log) {
  const start = performance.now()
  log(`Installing zig ${ZIG} and cargo-zigbuild ${ZIGBUILD} into .platforms (PyPI, 100 MB) …`)
  fs.rmSync(folder, { recursive: true, force: true })
  if (!runQuietly('python3', ['-m', 'venv', folder]).ok) {
    throw new Problem(
      'zig comes from PyPI, for which Python 3 with its module venv is needed.',
      'On Debian and Ubuntu: apt-get install python3-venv',
    )
  }
  const wanted = [`ziglang==${ZIG}`, `cargo-zigbuild==${ZIGBUILD}`]
  const quietly = ['--quiet', '--disable-pip-version-check']
  if ((await run(path.join(bin, 'pip'), ['install', ...quietly, ...wanted])) !== 0) {
    fs.rmSync(folder, { recursive: true, force: true })
    throw new Problem('zig could not be installed; the message of pip is above.')
  }
  log(`zig installed in ${elapsed(start)}`)
}

/**
 * A Rust compiler for the target: { version, rustc, source }. Without `rustc`: the one that is used
 * every day, which has its standard library already. Else `source` is the library's, to be built.
 */
async function rustFor({ triple, target }, log) {
  if (triple === target.replace(/(\.\d+)+$/, '') && everydayRustHas(triple)) {
    return { version: runQuietly('rustc', ['-vV']).stdout }
  }
  return debianRust(log)
}

function everydayRustHas(triple) {
  const { ok, stdout } = runQuietly('rustc', ['--print', 'target-libdir', '--target', triple])
  return ok && fs.existsSync(stdout.trim())
}

function debianRust(log) {
  const folder = path.join(CACHE, 'rust')
  const rustc = path.join(folder, 'rustc')
  if (!runQuietly(rustc, ['--version']).ok) {
    const start = performance.now()
    log("Unpacking Debian's Rust with its library's sources into .platforms (140 MB) …")
    unpackDebian(folder, ['rustc-web', 'rust-web-src'])
    writeWrapper(rustc, folder)
    const { ok, stderr } = runQuietly(rustc, ['--version'])
    if (!ok) throw new Problem("Debian's Rust does not run here.", stderr.trim())
    log(`Rust unpacked in ${elapsed(start)}`)
  }
  const source = path.join(
    runQuietly(rustc, ['--print', 'sysroot']).stdout.trim(),
    'lib/rustlib/src',
  )
  return {
    version: runQuietly(rustc, ['-vV']).stdout,
    rustc,
    source: fs.realpathSync(path.join(source, 'rust')),
  }
}

/** It finds LLVM beside itself; where this machine has a package already, the one in /usr is used. */
function writeWrapper(rustc, folder) {
  const own = path.join(folder, 'usr/bin/rustc')
  const libraries = path.join(
    folder,
    'usr/lib',
    `${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu`,
  )
  const program = fs.existsSync(own) ? own : '/usr/bin/rustc'
  fs.writeFileSync(rustc, `#!/bin/sh\nLD_LIBRARY_PATH='${libraries}' exec '${program}' "$@"\n`, {
    mode: 0o755,
  })
}

module.exports = { rustFor, zigTools }
