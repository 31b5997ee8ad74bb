'use strict'

// The Rust crates that a binary is made of, as Cargo.lock has them.

const path = require('node:path')
const { Problem, runQuietly } = require('../command')

/**
 * @typedef {{ id: string, name: string, version: string, license: string | null, authors: string[],
 *   license_file: string | null, manifest_path: string, repository: string | null,
 *   source: string | null }} Crate
 */

/** What cargo knows; of one platform where a triple is given. */
function metadata(triple) {
  const args = ['metadata', '--locked', '--format-version', '1']
  if (triple) args.push('--filter-platform', triple)
  const { ok, stdout, stderr } = runQuietly('cargo', args)
  if (!ok) throw new Problem('cargo cannot read the list of crates.', stderr.trim())
  return JSON.parse(stdout)
}

/** The folder of a crate. */
function folderOf(name) {
  const crate = metadata().packages.find((crate) => crate.name === name)
  if (!crate) throw new Problem(`${name} is no crate of this project any more.`)
  return path.dirname(crate.manifest_path)
}

/**
 * The crates of others whose code is in the binary of a platform: what this package depends on, and what
 * those do, but not what only builds or tests need. A procedural macro runs in the compiler.
 *
 * @returns {Crate[]} by name and version
 */
function cratesIn({ triple }) {
  const { packages, resolve } = metadata(triple)
  const crates = new Map(packages.map((crate) => [crate.id, crate]))
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]))
  const found = new Set()
  const visit = (id) => {
    if (found.has(id) || isMacro(crates.get(id))) return
    found.add(id)
    for (const { pkg, dep_kinds } of nodes.get(id).deps) {
      if (dep_kinds.some(({ kind }) => kind === null)) visit(pkg)
    }
  }
  visit(resolve.root)
  return [...found]
    .map((id) => crates.get(id))
    .filter(({ source }) => source !== null)
    .sort((a, b) => (`${a.name} ${a.version}` < `${b.name} ${b.version}` ? -1 : 1))
}

function isMacro({ targets }) {
  return targets.some(({ kind }) => kind.includes('proc-macro'))
}

module.exports = { cratesIn, folderOf }
