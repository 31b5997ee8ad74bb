'use strict'

// What a linker for another system asks for, and this machine lacks: stand-ins that only name it.
// The binary finds the real ones on the system it runs on, or never uses them.

const fs = require('node:fs')
const path = require('node:path')
const { folderOf } = require('./crates')
const { CACHE } = require('./list')

/**
 * napi-build wants Node's library and links against it. With napi/dyn-symbols nothing of it is
 * used: an empty one will do.
 */
function nodeLibrary() {
  const folder = path.join(CACHE, 'stubs', 'node')
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, 'libnode.dll'), '')
  fs.writeFileSync(path.join(folder, 'libnode.a'), '!<arch>\n')
  return folder
}

/** The frameworks of macOS by which the DNS settings are read, and the crates that declare them. */
const FRAMEWORKS = {
  CoreFoundation: 'core-foundation-sys',
  SystemConfiguration: 'system-configuration-sys',
}

/** zig has macOS's libSystem, but no frameworks. */
function frameworks() {
  const folder = path.join(CACHE, 'stubs', 'frameworks')
  for (const [name, crate] of Object.entries(FRAMEWORKS)) {
    const place = path.join(folder, `${name}.framework`)
    fs.mkdirSync(place, { recursive: true })
    fs.writeFileSync(path.join(place, `${name}.tbd`), textStub(name, declaredIn(folderOf(crate))))
  }
  return folder
}

/** The functions and constants of the system that a crate declares. */
function declaredIn(folder) {
  const names = fs
    .readdirSync(path.join(folder, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.rs'))
    .map((file) => fs.readFileSync(path.join(folder, 'src', file), 'utf8'))
    .flatMap((code) =>
      Array.from(code.matchAll(/\b(?:fn|static) (k?(?:CF|SC)\w+)/g), ([, name]) => name),
    )
  return [...new Set(names)].sort()
}

function textStub(name, symbols) {
  return `--- !tapi-tbd
tbd-version: 4
targets: [x86_64-macos, arm64-macos]
install-name: '/System/Library/Frameworks/${name}.framework/Versions/A/${name}'
current-version: 1
exports:
  - targets: [x86_64-macos, arm64-macos]
    symbols: [${symbols.map((symbol) => `_${symbol}`).join(', ')}]
...
`
}

module.exports = { FRAMEWORKS, declaredIn, frameworks, nodeLibrary }
