'use strict'

// The platforms that the package has a binary for: package.json names them (napi.targets), this
// file says what each needs to be built, and what a person has to have to run it.

const path = require('node:path')
const { root } = require('../command')

/**
 * @typedef {object} Platform
 * @property {string} name what napi-rs calls it: the folder in npm/, the end of the package's name
 * @property {string} triple what Rust calls it, and napi.targets
 * @property {string} target what is given to the compiler here: for glibc with the version to link
 *   against, for Windows the variant that needs no compiler of Microsoft's
 * @property {'linux' | 'darwin' | 'win32'} os
 * @property {'x64' | 'arm64'} arch
 * @property {'glibc' | 'musl' | 'macOS' | 'Windows'} system whose version counts
 * @property {string} [oldest] the version of it that the binary has to run on
 * @property {string[]} [rustflags]
 * @property {string[]} [features]
 */

/** @type {Platform[]} */
const PLATFORMS = [
  linux('x64', 'gnu'),
  linux('arm64', 'gnu'),
  linux('x64', 'musl'),
  linux('arm64', 'musl'),
  macOS('x64'),
  macOS('arm64'),
  windows('x64'),
  windows('arm64'),
]

/**
 * @param {'x64' | 'arm64'} arch
 * @param {'gnu' | 'musl'} libc
 * @returns {Platform}
 */
function linux(arch, libc) {
  const triple = `${inRust(arch)}-unknown-linux-${libc}`
  const common = { name: `linux-${arch}-${libc}`, triple, os: /** @type {const} */ ('linux'), arch }
  if (libc === 'gnu') {
    // CentOS 7's, and the oldest that Rust itself supports.
    return { ...common, target: `${triple}.2.17`, system: 'glibc', oldest: '2.17' }
  }
  // Rust links musl statically unless told otherwise; an addon shares the libc of its Node.
  const rustflags = ['-C', 'target-feature=-crt-static']
  return { ...common, target: triple, system: 'musl', rustflags }
}

/**
 * @param {'x64' | 'arm64'} arch
 * @returns {Platform}
 */
function macOS(arch) {
  const triple = `${inRust(arch)}-apple-darwin`
  const name = `darwin-${arch}`
  return { name, triple, target: triple, os: 'darwin', arch, system: 'macOS', oldest: '11.0' }
}

/**
 * @param {'x64' | 'arm64'} arch
 * @returns {Platform}
 */
function windows(arch) {
  return {
    name: `win32-${arch}-msvc`,
    triple: `${inRust(arch)}-pc-windows-msvc`,
    target: `${inRust(arch)}-pc-windows-gnullvm`,
    os: 'win32',
    arch,
    system: 'Windows',
    oldest: '10.0',
    // Node's functions are looked up in the program that loads the addon, whatever its name is.
    features: ['napi/dyn-symbols'],
  }
}

function inRust(arch) {
  return arch === 'x64' ? 'x86_64' : 'aarch64'
}

/** The platforms of these names; all where there are none. */
function choose(names) {
  if (names.length === 0) return PLATFORMS
  return names.map((name) => {
    const platform = PLATFORMS.find((platform) => platform.name === name)
    if (platform) return platform
    const { Problem } = require('../command')
    const known = PLATFORMS.map((platform) => platform.name).join(', ')
    throw new Problem(`There is no platform '${name}'.`, `There are ${known}.`)
  })
}

/** The folder of a platform's package. */
function packageFolder({ name }) {
  return path.join(root, 'npm', name)
}

/** Where the binary of a platform is, once it is built. */
function binaryFile(platform) {
  const { binaryName } = require('../../package.json').napi
  return path.join(packageFolder(platform), `${binaryName}.${platform.name}.node`)
}

/** Where all that building and testing needs is kept: one folder, which may be deleted at any time. */
const CACHE = path.join(root, '.platforms')

module.exports = { CACHE, PLATFORMS, binaryFile, choose, packageFolder }
