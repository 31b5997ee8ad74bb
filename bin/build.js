#!/usr/bin/env node
'use strict'

// npx koa-session-mongo-native build: compiles the addon for this machine, where there is no package
// with a binary for its platform, and puts it where the loader looks first. Nothing runs by itself
// when the package is installed: who wants this says so.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const root = path.join(__dirname, '..')
const { name } = require('../package.json')

const USAGE = `Usage: npx ${name} build

Compiles the addon of ${name} from its source, for this machine
(${process.platform} ${process.arch}), and puts it into the installed package. Needs Rust (https://rustup.rs/)
and a C compiler; takes some minutes.`

/** @param {string[]} words */
function main([command, ...rest]) {
  if (command !== 'build' || rest.length > 0) {
    console.error(USAGE)
    return command === '--help' ? 0 : 2
  }
  const { status, error } = spawnSync('cargo', ['--version'], { stdio: 'ignore' })
  if (error || status !== 0) {
    console.error(`cargo was not found, which compiles Rust: get it from https://rustup.rs/.`)
    return 1
  }
  return compile()
}

function compile() {
  if (!fs.existsSync(path.join(root, 'Cargo.toml'))) {
    console.error('The sources, which came with this package, are not there: install it again.')
    return 1
  }
  const target = fs.mkdtempSync(path.join(os.tmpdir(), `${name}-`))
  try {
    const args = ['build', '--release', '--locked', '--target-dir', target]
    const { status } = spawnSync('cargo', args, {
      cwd: root,
      stdio: 'inherit',
      env: environment(),
    })
    if (status !== 0) {
      console.error('cargo could not compile the addon; its message is above.')
      return 1
    }
    return take(path.join(target, 'release', libraryName()))
  } finally {
    fs.rmSync(target, { recursive: true, force: true })
  }
}

/** Rust links musl statically unless told otherwise, and then makes no addon. */
function environment() {
  if (!isMusl()) return process.env
  const flags = `${process.env.RUSTFLAGS ?? ''} -C target-feature=-crt-static`
  return { ...process.env, RUSTFLAGS: flags.trim() }
}

function take(built) {
  const place = path.join(root, `${name}.${platformName()}.node`)
  fs.copyFileSync(built, place)
  const check = spawnSync(process.execPath, ['--eval', 'require(process.argv[1])', place], {
    encoding: 'utf8',
  })
  if (check.status !== 0) {
    console.error(
      `What was compiled does not load in Node ${process.versions.node}:\n${check.stderr}`,
    )
    return 1
  }
  console.log(`Compiled ${path.relative(process.cwd(), place)}`)
  return 0
}

function libraryName() {
  const crate = name.replaceAll('-', '_')
  if (process.platform === 'win32') return `${crate}.dll`
  return process.platform === 'darwin' ? `lib${crate}.dylib` : `lib${crate}.so`
}

/** What the loader calls this platform. */
function platformName() {
  const { platform, arch } = process
  if (platform === 'win32') return `${platform}-${arch}-msvc`
  if (platform !== 'linux') return `${platform}-${arch}`
  return `${platform}-${arch}-${isMusl() ? 'musl' : 'gnu'}${arch === 'arm' ? 'eabihf' : ''}`
}

function isMusl() {
  if (process.platform !== 'linux') return false
  const { header } = /** @type {any} */ (process.report.getReport())
  return !header.glibcVersionRuntime
}

process.exitCode = main(process.argv.slice(2))
