'use strict'

// How the binary of a platform is compiled: the arguments and variables for cargo, and a fingerprint
// of all that the result depends on.

const { createHash } = require('node:crypto')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { root, runQuietly } = require('../command')
const { SOURCES } = require('../setup')
const { CACHE } = require('./list')
const { frameworks, nodeLibrary } = require('./stubs')
const { debianRust, zigTools } = require('./tools')

const PROFILE = 'release'

/**
 * Rust's standard library is compiled with the rest, and so as small as that: without what names functions
 * in a backtrace, which a binary without symbols cannot. For glibc on x64 that saves 210 KB.
 */
const OWN_STD = ['-Z', 'build-std=std,panic_unwind', '-Z', 'build-std-features=panic-unwind']

/**
 * @typedef {object} Recipe
 * @property {string[]} args for cargo
 * @property {NodeJS.ProcessEnv} env
 * @property {string} output the file that cargo leaves
 * @property {string} fingerprint the same for the same sources, tools and settings, wherever they are
 */

/**
 * @param {import('./list').Platform} platform
 * @param {(line: string) => void} log
 * @returns {Promise<Recipe>}
 */
async function recipeFor(platform, log) {
  // Apple's and Microsoft's own linkers, where the machine has them.
  return process.platform === platform.os && platform.os !== 'linux'
    ? atHome(platform)
    : abroad(platform, log)
}

/** With the compiler and linker of the system itself. */
function atHome(platform) {
  const rust = { version: runQuietly('rustc', ['-vV']).stdout, rustc: undefined, source: undefined }
  const args = ['build', '--target', platform.triple]
  // Not every Windows has Microsoft's C library; zig's is in the binary, too.
  const rustflags = platform.os === 'win32' ? ['-C', 'target-feature=+crt-static'] : []
  const how = { args, env: {}, versions: [], target: platform.triple }
  return complete({ ...platform, rustflags }, rust, how)
}

/** With zig's. */
async function abroad(platform, log) {
  const zig = await zigTools(log)
  const rust = debianRust(log)
  const args = ['zigbuild', '--target', platform.target, ...OWN_STD]
  /** @type {NodeJS.ProcessEnv} */
  const env = {
    PATH: [rust.bin, zig.bin, process.env.PATH].join(path.delimiter),
    RUSTC: rust.rustc,
    // Options of a nightly cargo, in a stable one.
    RUSTC_BOOTSTRAP: '1',
    CARGO_ZIGBUILD_ZIG_PATH: zig.zig,
    LIBNODE_PATH: platform.os === 'win32' ? nodeLibrary() : undefined,
  }
  if (platform.features) args.push('--features', platform.features.join(','))
  const target = platform.target.replace(/(\.\d+)+$/, '')
  return complete(platform, rust, { args, env, versions: [zig.versions], target })
}

function complete(platform, rust, { args, env, versions, target }) {
  const flags = [...(platform.rustflags ?? [])]
  if (platform.os === 'darwin') {
    env.MACOSX_DEPLOYMENT_TARGET = platform.oldest
    // Otherwise it is the path of what cargo leaves, on this machine.
    flags.push('-C', `link-arg=-Wl,-install_name,@rpath/${libraryName(platform)}`)
    if (args[0] === 'zigbuild') flags.push('-C', `link-arg=-F${frameworks()}`)
  }
  const names = places(rust)
  const remapped = Object.entries(names).map(
    ([place, name]) => `--remap-path-prefix=${place}=${name}`,
  )
  // Not RUSTFLAGS: there a space in a path would end it.
  env.CARGO_ENCODED_RUSTFLAGS = [...flags, ...remapped].join('\x1f')
  env.CARGO_TARGET_DIR = path.join(CACHE, 'target')
  const settings = [args, platform.rustflags, platform.oldest, versions, rust.version]
  settings.push([...new Set(Object.values(names))])
  return {
    args: [...args, `--${PROFILE}`, '--locked'],
    env: { ...withoutOwnSettings(process.env), ...env },
    output: path.join(env.CARGO_TARGET_DIR, target, PROFILE, libraryName(platform)),
    fingerprint: fingerprint(JSON.stringify(settings)),
  }
}

/**
 * The folders of this machine, and what stands for them in the binary, in the messages of panics: hundreds
 * of times, so it is short. The last that fits is taken.
 */
function places({ rustc, source }) {
  const crates = path.join(
    process.env.CARGO_HOME ?? path.join(os.homedir(), '.cargo'),
    'registry',
    'src',
  )
  const registries = fs.existsSync(crates) ? fs.readdirSync(crates) : []
  const sysroot = runQuietly(rustc ?? 'rustc', ['--print', 'sysroot']).stdout.trim()
  const sources = [path.join(sysroot, 'lib/rustlib/src/rust'), ...(source ? [source] : [])]
  // Cargo names by a relative path what is below the project, as the tools are that were installed there.
  const below = sources.map((place) => path.relative(root, place))
  sources.push(...below.filter((place) => !place.startsWith('..') && !path.isAbsolute(place)))
  return {
    [root]: '/store',
    ...Object.fromEntries(registries.map((name) => [path.join(crates, name), '/c'])),
    ...Object.fromEntries(sources.map((place) => [place, '/rust'])),
  }
}

/** What somebody has set for everyday builds (no optimization, a wrapper) is not for this one. */
function withoutOwnSettings(env) {
  const theirs = /^(CARGO_PROFILE_|CARGO_BUILD_|RUSTFLAGS$|RUSTC_WRAPPER$|CARGO_INCREMENTAL$)/
  return Object.fromEntries(Object.entries(env).filter(([name]) => !theirs.test(name)))
}

function libraryName({ os }) {
  const name = require('../../package.json').napi.binaryName.replaceAll('-', '_')
  return { linux: `lib${name}.so`, darwin: `lib${name}.dylib`, win32: `${name}.dll` }[os]
}

function fingerprint(settings) {
  const hash = createHash('sha256').update(settings)
  for (const file of SOURCES.flatMap(filesIn)) {
    hash.update(`\0${file}\0`).update(fs.readFileSync(path.join(root, file)))
  }
  return hash.digest('hex')
}

function filesIn(name) {
  const place = path.join(root, name)
  if (!fs.statSync(place).isDirectory()) return [name]
  return fs
    .readdirSync(place, { recursive: true, encoding: 'utf8' })
    .filter((file) => fs.statSync(path.join(place, file)).isFile())
    .map((file) => path.posix.join(name, file.replaceAll(path.sep, '/')))
    .sort()
}

module.exports = { recipeFor }
