'use strict'

// macOS cannot be emulated here. What can be told from the files: that the binary is made for the
// oldest macOS it should run on, asks only for libraries of the system, finds each function of
// Node's in the real Node for macOS, and is signed where macOS wants that.

const fs = require('node:fs')
const { readMachO } = require('../binary/macho')
const { folderOf } = require('../crates')
const { binaryFile } = require('../list')
const { FRAMEWORKS, declaredIn } = require('../stubs')
const { nodeFromNpm } = require('./nodes')

/** The functions by which Node loads an addon. */
const ENTRY = '_napi_register_module_v1'
/** Node's functions, which are in the program that loads the addon, and so in no library. */
const OF_NODE = /^_napi_/

/**
 * @param {import('../list').Platform} platform
 * @returns {{ step: string, failed?: string }[]}
 */
function lookAt(platform) {
  const binary = readMachO(fs.readFileSync(binaryFile(platform)))
  const { symbols, libraries, signature } = binary
  const wanted = symbols.filter(({ defined }) => !defined)
  const fromNode = wanted.map(({ name }) => name).filter((name) => OF_NODE.test(name))
  const node = readMachO(
    fs.readFileSync(nodeFromNpm(`node-darwin-${platform.arch}`, nodeVersion(platform))),
  )
  const inNode = new Set(node.symbols.filter(({ defined }) => defined).map(({ name }) => name))
  const missing = fromNode.filter((name) => !inNode.has(name))
  const unknown = Object.entries(FRAMEWORKS).flatMap(([name, crate]) => {
    const number = libraries.findIndex((library) => library.endsWith(`/${name}`)) + 1
    const declared = new Set(declaredIn(folderOf(crate)).map((symbol) => `_${symbol}`))
    return wanted
      .filter((it) => it.library === number && !declared.has(it.name))
      .map((it) => it.name)
  })
  return [
    step(
      'it exports what Node calls',
      symbols.some(({ name, defined }) => defined && name === ENTRY),
    ),
    step(
      `the ${fromNode.length} functions it wants of Node are in node-darwin-${platform.arch}`,
      missing.length === 0 && fromNode.length > 0,
      missing,
    ),
    step('of frameworks it wants only what their crates declare', unknown.length === 0, unknown),
    platform.arch === 'arm64'
      ? step(
          'it carries an ad hoc signature of just this code',
          signature?.adHoc === true && signature.intact,
        )
      : step(
          'it carries no signature, or one of just this code',
          signature === undefined || signature.intact,
        ),
  ]
}

/** The latest that npm has for each. */
function nodeVersion({ arch }) {
  return arch === 'arm64' ? '*' : '22'
}

function step(words, holds, what = []) {
  return holds ? { step: words } : { step: words, failed: what.join(', ') || 'it does not' }
}

module.exports = { lookAt }
