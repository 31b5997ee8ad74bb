'use strict'

// What a Windows binary (PE, 64 bits) says of itself.

const MACHINES = { 34404: 'x64', 43620: 'arm64' }
const IMPORTS = 1

/**
 * @param {Buffer} file
 * @returns {{ arch: string, libraries: string[], version: string, timestamp: number }}
 *   the libraries it needs, and the version of Windows that it asks for
 */
function readPe(file) {
  const header = file.readUInt32LE(0x3c)
  if (file.toString('latin1', 0, 2) !== 'MZ' || file.readUInt32BE(header) !== 0x50450000) {
    throw new Error('is not a PE file')
  }
  const optional = header + 24
  if (file.readUInt16LE(optional) !== 0x20b) throw new Error('is not a PE file of 64 bits')
  const sections = readSections(file, optional + file.readUInt16LE(header + 20), header)
  const at = (address) => {
    const section = sections.find(({ start, size }) => address >= start && address < start + size)
    if (!section) throw new Error('has an address outside its sections')
    return address - section.start + section.offset
  }
  const systemVersion = [file.readUInt16LE(optional + 48), file.readUInt16LE(optional + 50)]
  return {
    arch: MACHINES[file.readUInt16LE(header + 4)],
    libraries: readImports(file, at, file.readUInt32LE(optional + 112 + 8 * IMPORTS)),
    version: systemVersion.join('.'),
    timestamp: file.readUInt32LE(header + 8),
  }
}

function readSections(file, table, header) {
  return Array.from({ length: file.readUInt16LE(header + 6) }, (_, index) => {
    const entry = table + index * 40
    return {
      size: file.readUInt32LE(entry + 8),
      start: file.readUInt32LE(entry + 12),
      offset: file.readUInt32LE(entry + 20),
    }
  })
}

function readImports(file, at, table) {
  const libraries = []
  for (let entry = at(table); file.readUInt32LE(entry + 12) !== 0; entry += 20) {
    const name = at(file.readUInt32LE(entry + 12))
    libraries.push(file.toString('latin1', name, file.indexOf(0, name)))
  }
  return libraries
}

module.exports = { readPe }
