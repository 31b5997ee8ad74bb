'use strict'

// What compiles and links for other platforms: zig (a C compiler and linker with the libraries of
// all of them), cargo-zigbuild (which makes cargo use it), and Debian's Rust, which comes with the sources
// of its standard library.
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
 * A Rust compiler that has the sources of its standard library, to be built for any target and without
 * what no addon needs: { version, rustc, bin, source }.
 */
function debianRust(log) {
  const folder = path.join(CACHE, 'rust')
  const bin = path.join(folder, 'bin')
  const rustc = path.join(bin, 'rustc')
  const objcopy = path.join(bin, 'rust-objcopy')
  const runs = () => [rustc, objcopy].every((program) => runQuietly(program, ['--version']).ok)
  if (!runs()) {
    const start = performance.now()
    log("Unpacking Debian's Rust with its library's sources into .platforms (200 MB) …")
    unpackDebian(folder, ['rustc-web', 'rust-web-src', 'rust-web-llvm'])
    fs.mkdirSync(bin)
    writeWrapper(rustc, folder, 'usr/bin/rustc')
    // By this name the compiler strips binaries for macOS.
    writeWrapper(objcopy, folder, llvmObjcopy(folder))
    if (!runs()) throw new Problem("Debian's Rust does not run here.", `See ${folder}.`)
    log(`Rust unpacked in ${elapsed(start)}`)
  }
  const sysroot = runQuietly(rustc, ['--print', 'sysroot']).stdout.trim()
  return {
    version: runQuietly(rustc, ['-vV']).stdout,
    bin,
    rustc,
    source: fs.realpathSync(path.join(sysroot, 'lib/rustlib/src/rust')),
  }
}

/** It finds LLVM beside itself; what this machine has installed already is in /usr instead. */
function writeWrapper(file, folder, program) {
  const place = [folder, '/'].find((base) => fs.existsSync(path.join(base, program))) ?? '/'
  const machine = process.arch === 'x64' ? 'x86_64' : 'aarch64'
  const libraries = path.join(folder, 'usr/lib', `${machine}-linux-gnu`)
  const script = `#!/bin/sh\nLD_LIBRARY_PATH='${libraries}' exec '${path.join(place, program)}' "$@"\n`
  fs.writeFileSync(file, script, { mode: 0o755 })
}

function llvmObjcopy(folder) {
  const versions = [folder, '/'].flatMap((base) => {
    const place = path.join(base, 'usr/lib')
    return fs.existsSync(place) ? fs.readdirSync(place) : []
  })
  const programs = versions.map((name) => path.join('usr/lib', name, 'bin/llvm-objcopy'))
  const there = (program) => [folder, '/'].some((base) => fs.existsSync(path.join(base, program)))
  return programs.find((program) => /llvm-\d+/.test(program) && there(program)) ?? ''
}

module.exports = { debianRust, zigTools }
