'use strict'

// What a Linux binary (ELF, 64 bits, little-endian) says of itself.

const PT_LOAD = 1
const PT_DYNAMIC = 2
const DT = { NEEDED: 1, STRTAB: 5, RPATH: 15, RUNPATH: 29 }
const DT_VERNEED = 0x6ffffffe
const DT_VERNEEDNUM = 0x6fffffff
const MACHINES = { 62: 'x64', 183: 'arm64' }

/**
 * @param {Buffer} file
 * @returns {{ arch: string, libraries: string[], versions: string[], runPath: boolean }}
 *   the libraries it needs and the versions of their symbols, such as GLIBC_2.17
 */
function readElf(file) {
  if (file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) {
    throw new Error('is not an ELF file of 64 bits')
  }
  const segments = readSegments(file)
  const at = (address) => {
    const segment = segments.find(
      ({ type, start, size }) => type === PT_LOAD && address >= start && address < start + size,
    )
    if (!segment) throw new Error('has an address outside its segments')
    return address - segment.start + segment.offset
  }
  const dynamic = readDynamic(file, segments)
  const strings = at(dynamic.find(({ tag }) => tag === DT.STRTAB)?.value)
  const text = (offset) =>
    file.toString('utf8', strings + offset, file.indexOf(0, strings + offset))
  return {
    arch: MACHINES[file.readUInt16LE(18)],
    libraries: dynamic.filter(({ tag }) => tag === DT.NEEDED).map(({ value }) => text(value)),
    versions: readVersions(file, dynamic, at, text),
    runPath: dynamic.some(({ tag }) => tag === DT.RUNPATH || tag === DT.RPATH),
  }
}

function readSegments(file) {
  const table = Number(file.readBigUInt64LE(32))
  const length = file.readUInt16LE(54)
  return Array.from({ length: file.readUInt16LE(56) }, (_, index) => {
    const entry = table + index * length
    return {
      type: file.readUInt32LE(entry),
      offset: Number(file.readBigUInt64LE(entry + 8)),
      start: Number(file.readBigUInt64LE(entry + 16)),
      size: Number(file.readBigUInt64LE(entry + 32)),
    }
  })
}

function readDynamic(file, segments) {
  const { offset, size } = segments.find(({ type }) => type === PT_DYNAMIC)
  return Array.from({ length: size / 16 }, (_, index) => ({
    tag: Number(file.readBigInt64LE(offset + index * 16)),
    value: Number(file.readBigUInt64LE(offset + index * 16 + 8)),
  }))
}

/** Of each library a chain of versions, and the libraries are a chain, too. */
function readVersions(file, dynamic, at, text) {
  const first = dynamic.find(({ tag }) => tag === DT_VERNEED)
  if (!first) return []
  const versions = []
  let library = at(first.value)
  for (let left = dynamic.find(({ tag }) => tag === DT_VERNEEDNUM).value; left > 0; left--) {
    let version = library + file.readUInt32LE(library + 8)
    for (let more = file.readUInt16LE(library + 2); more > 0; more--) {
      versions.push(text(file.readUInt32LE(version + 8)))
      version += file.readUInt32LE(version + 12)
    }
    library += file.readUInt32LE(library + 12)
  }
  return versions
}

module.exports = { readElf }
