'use strict'

// The way to the native addon, and what is told where this machine has none, or a broken one.

const fs = require('node:fs')
const path = require('node:path')
const { SessionStoreError } = require('./errors')

const NAME = 'koa-session-mongo-native'
/** Needs Rust, and the sources that come with the published package. */
const BUILD = `npx ${NAME} build`

/**
 * @returns {typeof import('../native')}
 * @throws {SessionStoreError} `ERR_BINARY`
 */
function loadBinary() {
  let binary
  try {
    refuseTruncated()
    binary = require('../native')
  } catch (error) {
    throw binaryError(error)
  }
  if (typeof binary.Sessions !== 'function') {
    throw binaryError(new Error('the addon that was found belongs to another package or version'))
  }
  return binary
}

/**
 * Linux maps a file that was cut off, say by a full disk, and ends the process when it reads what is
 * not there. Other systems look at the length themselves.
 */
function refuseTruncated() {
  if (process.platform !== 'linux') {
    return
  }
  for (const libc of ['gnu', 'musl']) {
    const platform = `linux-${process.arch}-${libc}`
    for (const name of [`../${NAME}.${platform}.node`, `${NAME}-${platform}`]) {
      const file = resolved(name)
      if (file !== undefined && isTruncated(file)) {
        throw new Error(`${path.basename(file)} is incomplete: its end is missing`)
      }
    }
  }
}

/** @param {string} name */
function resolved(name) {
  try {
    return require.resolve(name)
  } catch {
    return undefined
  }
}

/**
 * Whether an ELF file ends before its table of sections, which stands last.
 * @param {string} file
 */
function isTruncated(file) {
  const header = Buffer.alloc(64)
  const descriptor = fs.openSync(file, 'r')
  try {
    const read = fs.readSync(descriptor, header, 0, header.length, 0)
    if (read < header.length || header.toString('latin1', 0, 4) !== '\x7fELF') {
      return false // the system says what is wrong with it
    }
    const is64Bit = header[4] === 2
    const table = is64Bit ? Number(header.readBigUInt64LE(40)) : header.readUInt32LE(32)
    const [sizeOfEntry, entries] = is64Bit ? [58, 60] : [46, 48]
    const end = table + header.readUInt16LE(sizeOfEntry) * header.readUInt16LE(entries)
    return fs.fstatSync(descriptor).size < end
  } finally {
    fs.closeSync(descriptor)
  }
}

/** @param {any} error of napi's loader: a chain of all that it tried, the last one first */
function binaryError(error) {
  const tried = []
  for (let one = error; one; one = one.cause) {
    const [line] = String(one.message).split('\n')
    // Of a fallback that this package does not have, and a summary.
    if (!line.includes('wasi') && !line.startsWith('Cannot find native binding')) {
      tried.unshift(line)
    }
  }
  const reasons = tried.filter((line) => !line.startsWith('Cannot find module'))
  const message =
    `the native addon for this platform, ${platformName()}, ` +
    `${reasons.length > 0 ? 'does not load' : 'is not there'}. ` +
    `Tried: ${tried.map(inWords).join('; ')}. ${advice(reasons.join())}`
  const cause = new Error(reasons[0] ?? tried[0] ?? String(error?.message))
  return new SessionStoreError('ERR_BINARY', message, { cause })
}

/** @param {string} line without the folders of this machine */
function inWords(line) {
  const missing = /^Cannot find module '(?:\.\/)?(.+?)'/.exec(line)
  return missing
    ? `${missing[1]} (not there)`
    : line.replace(/(?:[a-z]:)?[\\/]\S*[\\/]/gi, '').replace(/\.$/, '')
}

/** @param {string} reasons */
function advice(reasons) {
  const { optionalDependencies = {} } = /** @type {any} */ (require('../package.json'))
  const platforms = Object.keys(optionalDependencies)
    .filter((name) => name.startsWith(`${NAME}-`))
    .map((name) => name.slice(NAME.length + 1))
  if (/addons is disabled/.test(reasons)) {
    return 'Start Node without --no-addons, and where it has --permission, with --allow-addons.'
  }
  if (/GLIBC/.test(reasons)) {
    return `The C library of this system is too old for it: build ${NAME} from its source here (${BUILD}).`
  }
  // A package that was made by npm pack depends on none: it holds the addon of one machine.
  if (platforms.length === 0) {
    return (
      'This package holds the addon of the machine that it was made on, unless a bundler has left it ' +
      `out: build ${NAME} from its source here (${BUILD}).`
    )
  }
  return (
    'Remove node_modules and install again on this very system, with optional dependencies ' +
    '(npm install --include=optional); what another system or architecture has installed, or a ' +
    `bundler has left out, does not do. There are addons for ${platforms.join(', ')}. ` +
    `Elsewhere build ${NAME} from its source (${BUILD}).`
  )
}

function platformName() {
  const { platform, arch } = process
  if (platform !== 'linux') {
    return `${platform}-${arch}`
  }
  const report = /** @type {any} */ (process.report)
  const { excludeNetwork } = report ?? {}
  if (report) {
    report.excludeNetwork = true // would look up the name of every peer
  }
  const glibc = report?.getReport?.().header?.glibcVersionRuntime
  if (report) {
    report.excludeNetwork = excludeNetwork
  }
  return `${platform}-${arch} (${glibc ? `glibc ${glibc}` : 'musl'})`
}

exports.loadBinary = loadBinary
