'use strict'

// npm, pnpm and yarn, each as on a machine that has never seen the package: an empty folder, a cache
// of its own.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { PLATFORMS } = require('../../platforms/list')
const { nameOf, readManifest } = require('../manifests')
const { command, node } = require('./commands')
const { programOf, tool } = require('./tools')

const { name, version } = readManifest()

/**
 * @typedef {object} Place where to install
 * @property {string} folder the application's, empty
 * @property {{ uri: string, npmrc: string }} registry
 * @property {string} path of programs, without Rust
 * @property {import('../../platforms/list').Platform} [platform] another than this machine's
 */

const MANAGERS = {
  /** @param {Place} place */
  npm({ folder, registry, path: programs, platform }) {
    writeApplication(folder)
    fs.writeFileSync(path.join(folder, '.npmrc'), registry.npmrc)
    const quietly = ['--no-audit', '--no-fund', '--loglevel=error']
    const other = platform ? ['--os', platform.os, '--cpu', platform.arch, ...libcOf(platform)] : []
    const args = ['install', `${name}@${version}`, '--cache', path.join(folder, '.cache')]
    command(folder, 'npm', [...args, ...quietly, ...other], { PATH: programs })
  },

  pnpm({ folder, registry, path: programs, platform }) {
    const own = platform && {
      pnpm: {
        supportedArchitectures: {
          os: [platform.os],
          cpu: [platform.arch],
          libc: platform.os === 'linux' ? [platform.system] : undefined,
        },
      },
    }
    writeApplication(folder, own)
    fs.writeFileSync(path.join(folder, '.npmrc'), registry.npmrc)
    const store = [
      '--store-dir',
      path.join(folder, '.store'),
      '--cache-dir',
      path.join(folder, '.cache'),
    ]
    node(folder, [programOf('pnpm'), 'add', `${name}@${version}`, ...store], { PATH: programs })
  },

  yarn(place) {
    yarn(place, 'node-modules')
  },

  'yarn with Plug’n’Play'(place) {
    yarn(place, 'pnp')
  },
}

function yarn({ folder, registry, path: programs, platform }, nodeLinker) {
  writeApplication(folder)
  const architectures = platform && {
    supportedArchitectures: {
      os: [platform.os],
      cpu: [platform.arch],
      ...(platform.os === 'linux' ? { libc: [platform.system] } : {}),
    },
  }
  const settings = {
    nodeLinker,
    npmRegistryServer: registry.uri,
    unsafeHttpWhitelist: ['127.0.0.1'],
    enableTelemetry: false,
    enableGlobalCache: false,
    enableImmutableInstalls: false,
    // What was published a minute ago may be installed.
    npmMinimalAgeGate: 0,
    globalFolder: path.join(folder, '.yarn-global'),
    ...architectures,
  }
  // JSON is YAML.
  fs.writeFileSync(path.join(folder, '.yarnrc.yml'), JSON.stringify(settings))
  // Without it yarn looks for the project in the folders above.
  fs.writeFileSync(path.join(folder, 'yarn.lock'), '')
  const program = tool('@yarnpkg/cli-dist', 'bin', 'yarn.js')
  node(folder, [program, 'add', `${name}@${version}`], { PATH: programs })
}

function writeApplication(folder, more = {}) {
  fs.mkdirSync(folder, { recursive: true })
  const manifest = { name: 'application', version: '1.0.0', private: true, ...more }
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest))
}

function libcOf({ os, system }) {
  return os === 'linux' ? ['--libc', system] : []
}

/** This machine's. */
function platformHere() {
  const { header } = /** @type {any} */ (process.report.getReport())
  const libc = header.glibcVersionRuntime ? 'glibc' : 'musl'
  return PLATFORMS.find(
    ({ os, arch, system }) =>
      os === process.platform && arch === process.arch && (os !== 'linux' || system === libc),
  )
}

/** That of all this package's tarballs just these were downloaded: the main one and the platform's. */
function assertDownloaded(downloaded, platform) {
  assert.deepEqual([...new Set(downloaded)].sort(), [name, nameOf(platform)].sort())
}

module.exports = { MANAGERS, assertDownloaded, platformHere }
