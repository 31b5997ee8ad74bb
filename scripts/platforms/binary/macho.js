'use strict'

// What a macOS binary (Mach-O, 64 bits) says of itself.

const { createHash } = require('node:crypto')

/** The processor's number, with the bit that says 64. */
const MACHINES = { 16777223: 'x64', 16777228: 'arm64' }
const COMMAND = { SYMTAB: 0x2, LOAD_DYLIB: 0xc, CODE_SIGNATURE: 0x1d, BUILD_VERSION: 0x32 }
const MACOS = 1
const UNDEFINED = 0
const EXTERNAL = 1

/**
 * @param {Buffer} file
 * @returns {{ arch: string, libraries: string[], version: string | undefined,
 *   symbols: { name: string, defined: boolean, external: boolean, library: number }[],
 *   signature: { adHoc: boolean, intact: boolean } | undefined }}
 *   the libraries it needs, the oldest macOS it is made for, what it exports and takes from others
 *   (`library` counts from 1; above 250 it has a meaning of its own, such as 'whoever has it'), and
 *   whether the code is what was signed
 */
function readMachO(file) {
  if (file.readUInt32LE(0) !== 0xfeedfacf) throw new Error('is not a Mach-O file of 64 bits')
  const commands = readCommands(file)
  const first = (kind) => commands.find(({ command }) => command === kind)?.place
  const version = first(COMMAND.BUILD_VERSION)
  return {
    arch: MACHINES[file.readUInt32LE(4)],
    libraries: commands
      .filter(({ command }) => command === COMMAND.LOAD_DYLIB)
      .map(({ place }) => text(file, place + file.readUInt32LE(place + 8))),
    version:
      version && file.readUInt32LE(version + 8) === MACOS
        ? `${file.readUInt16LE(version + 14)}.${file[version + 13]}`
        : undefined,
    symbols: readSymbols(file, first(COMMAND.SYMTAB)),
    signature: readSignature(file, first(COMMAND.CODE_SIGNATURE)),
  }
}

function readCommands(file) {
  const commands = []
  let place = 32
  for (let left = file.readUInt32LE(16); left > 0; left--) {
    commands.push({ command: file.readUInt32LE(place) & 0x7fffffff, place })
    place += file.readUInt32LE(place + 4)
  }
  return commands
}

function readSymbols(file, table) {
  const symbols = file.readUInt32LE(table + 8)
  const strings = file.readUInt32LE(table + 16)
  return Array.from({ length: file.readUInt32LE(table + 12) }, (_, index) => {
    const entry = symbols + index * 16
    const type = file[entry + 4]
    return {
      name: text(file, strings + file.readUInt32LE(entry)),
      defined: (type & 0x0e) !== UNDEFINED,
      external: (type & EXTERNAL) !== 0,
      library: file.readUInt16LE(entry + 6) >> 8,
    }
  }).filter(({ external }) => external)
}

/** A signature holds a hash of each page of the file before it. */
function readSignature(file, command) {
  if (command === undefined) return undefined
  const start = file.readUInt32LE(command + 8)
  const count = file.readUInt32BE(start + 8)
  for (let index = 0; index < count; index++) {
    const directory = start + file.readUInt32BE(start + 16 + index * 8)
    if (file.readUInt32BE(directory) === 0xfade0c02) return readDirectory(file, directory)
  }
  return undefined
}

function readDirectory(file, directory) {
  const hashes = directory + file.readUInt32BE(directory + 16)
  const end = file.readUInt32BE(directory + 32)
  const size = file[directory + 36]
  const page = 2 ** file[directory + 39]
  const intact = Array.from({ length: file.readUInt32BE(directory + 28) }, (_, index) => {
    const code = file.subarray(index * page, Math.min((index + 1) * page, end))
    const place = hashes + index * size
    return createHash('sha256')
      .update(code)
      .digest()
      .equals(file.subarray(place, place + size))
  })
  return { adHoc: (file.readUInt32BE(directory + 12) & 2) !== 0, intact: intact.every(Boolean) }
}

function text(file, place) {
  return file.toString('utf8', place, file.indexOf(0, place))
}

module.exports = { readMachO }
