'use strict'

// The file THIRD-PARTY of each platform's package: what the binary is made of, and under which
// licences, with their texts.

const fs = require('node:fs')
const path = require('node:path')
const { Problem, root } = require('../command')
const { cratesIn } = require('./crates')
const { packageFolder } = require('./list')

const LICENCE_FILE = /^(licen[cs]e|copying|notice|unlicense|copyright)/i

/** What is in a binary beside crates. */
const OTHERS = [
  'The Rust standard library, by The Rust Project Developers: MIT OR Apache-2.0',
  'Parts of the LLVM project (compiler-rt, libunwind): Apache-2.0 WITH LLVM-exception',
]
const OTHERS_ON_WINDOWS = ['The runtime of mingw-w64: ZPL-2.1 and the public domain']

/** @param {import('./list').Platform} platform */
function writeThirdParty(platform) {
  const crates = cratesIn(platform)
  const texts = new Map()
  for (const crate of crates) {
    for (const text of textsOf(crate, crates)) {
      // Many have the same words, broken into other lines.
      const words = text.replaceAll(/\s+/g, ' ')
      const names = [...(texts.get(words)?.names ?? []), `${crate.name} ${crate.version}`]
      texts.set(words, { text, names })
    }
  }
  const others = platform.os === 'win32' ? [...OTHERS, ...OTHERS_ON_WINDOWS] : OTHERS
  const parts = [
    `The binary in this package contains these works of others.\n\n${others.join('\n')}\n`,
    crates.map(({ name, version, license }) => `${name} ${version}: ${license}`).join('\n'),
    ...Array.from(texts.values(), ({ text, names }) => `${names.join(', ')}:\n\n${text}`),
  ]
  fs.mkdirSync(packageFolder(platform), { recursive: true })
  const rule = `\n\n${'='.repeat(80)}\n\n`
  fs.writeFileSync(path.join(packageFolder(platform), 'THIRD-PARTY'), `${parts.join(rule)}\n`)
}

/** The licences that a crate brings along, or the usual words where it only names one. */
function textsOf(crate, crates) {
  if (!crate.license) throw new Problem(`${crate.name} does not say what its licence is.`)
  const own = licencesIn(path.dirname(crate.manifest_path))
  if (own.length > 0) return own
  if (/\bMIT\b/.test(crate.license)) return [mit(crate)]
  if (/\bApache-2\.0\b/.test(crate.license)) return [apache(crates)]
  throw new Problem(`${crate.name} has no text of its licence, ${crate.license}.`)
}

function licencesIn(folder) {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && LICENCE_FILE.test(entry.name))
    .map(({ name }) =>
      fs.readFileSync(path.join(folder, name), 'utf8').replaceAll('\r\n', '\n').trim(),
    )
}

/** This package has the same licence: only who grants it is another. */
function mit({ name, authors }) {
  const holder = authors.length > 0 ? authors.join(', ') : `the authors of ${name}`
  return fs
    .readFileSync(path.join(root, 'LICENSE'), 'utf8')
    .replace(/^Copyright.*$/m, `Copyright (c) ${holder}`)
    .trim()
}

/** The same words in every crate that has it. */
function apache(crates) {
  const [text] = crates
    .flatMap((crate) => licencesIn(path.dirname(crate.manifest_path)))
    .filter((text) => /^\s*Apache License/.test(text) && text.includes('APPENDIX'))
  return text
}

module.exports = { writeThirdParty }
