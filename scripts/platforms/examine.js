'use strict'

// What a finished binary is, read from the binary itself: its size, the oldest system it runs on,
// what it needs there, and what should not be in it.

const fs = require('node:fs')
const os = require('node:os')
const { readElf } = require('./binary/elf')
const { readMachO } = require('./binary/macho')
const { readPe } = require('./binary/pe')
const { root } = require('../command')
const { binaryFile } = require('./list')

const MOST_BYTES = 6_200_000

/** The libraries of the systems themselves; nothing else may be asked for. */
const LIBRARIES = {
  glibc: /^(lib(c|m|dl|pthread|rt|util)\.so\.\d|ld-linux-.*|libgcc_s\.so\.1)$/,
  musl: /^libc\.so$/,
  macOS:
    /^\/(usr\/lib\/lib(System\.B|charset\.1|iconv\.2|objc\.A|resolv\.9)\.dylib|System\/Library\/Frameworks\/\w+\.framework\/.*)$/,
  Windows:
    /^(api-ms-win-[\w-]+|advapi32|bcrypt|bcryptprimitives|crypt32|iphlpapi|kernel32|kernelbase|ntdll|ole32|oleaut32|rpcrt4|secur32|shell32|user32|userenv|ws2_32)\.dll$/i,
}

/** How a folder of somebody's machine looks. */
const MACHINE_PATHS = /\/(?:home|Users|root|tmp)\/[\w.-]+\/|[A-Z]:\\(?:Users|a)\\/g

/**
 * @param {import('./list').Platform} platform
 * @returns {{ size: number, oldest: string, faults: string[] }}
 */
function examine(platform) {
  const file = fs.readFileSync(binaryFile(platform))
  const { arch, libraries, version } = read(platform, file)
  const faults = []
  if (file.length > MOST_BYTES) faults.push(`has more than ${MOST_BYTES / 1e6} MB`)
  if (arch !== platform.arch) faults.push(`is made for ${arch}`)
  const strange = libraries.filter((name) => !LIBRARIES[platform.system].test(name))
  if (strange.length > 0) faults.push(`needs ${strange.join(', ')}`)
  if (platform.oldest && !atMost(version, platform.oldest)) {
    faults.push(`needs ${platform.system} ${version}, not ${platform.oldest}`)
  }
  const paths = machinePaths(file)
  if (paths.length > 0) faults.push(`tells of this machine: ${paths.join(', ')}`)
  return { size: file.length, oldest: inWords(platform, version), faults }
}

function read({ system }, file) {
  if (system === 'macOS') return readMachO(file)
  if (system === 'Windows') return readPe(file)
  const { arch, libraries, versions, runPath } = readElf(file)
  const numbers = versions.flatMap((name) => name.match(/^GLIBC_(\d[\d.]*)$/)?.[1] ?? [])
  const version = numbers.sort((a, b) => (atMost(a, b) ? -1 : 1)).at(-1)
  return { arch, libraries: runPath ? [...libraries, 'a folder of its own'] : libraries, version }
}

/**
 * @param {import('./list').Platform} platform
 * @param {string | undefined} version
 */
function inWords({ system, oldest }, version) {
  if (system === 'musl') return 'musl'
  // The header has what the linker puts in. Which version it needs no file tells: it is what Rust's
  // library is made for.
  if (system === 'Windows') return `Windows ${Number(oldest)}, as Rust has it (PE ${version})`
  return `${system} ${version}`
}

/** @param {string | undefined} version */
function atMost(version, most) {
  if (version === undefined) return false
  const [found, wanted] = [version, most].map((text) => text.split('.').map(Number))
  for (const [index, number] of found.entries()) {
    if (number !== (wanted[index] ?? 0)) return number < (wanted[index] ?? 0)
  }
  return true
}

function machinePaths(file) {
  const text = file.toString('latin1')
  const own = [root, `${os.homedir()}/`, process.env.CARGO_HOME].filter(
    (place) => place && text.includes(place),
  )
  return [...new Set([...own, ...(text.match(MACHINE_PATHS) ?? [])])]
}

module.exports = { MOST_BYTES, atMost, examine, read }
