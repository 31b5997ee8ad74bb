'use strict'

// The programs that the package is tried with: package managers, compilers, bundlers, test runners and
// a registry. tools/package-lock.json has their versions; they are installed into .platforms/, so that
// neither the package nor the tests depend on them.

const fs = require('node:fs')
const path = require('node:path')
const { Problem, elapsed, run } = require('../../command')
const { CACHE } = require('../../platforms/list')

const FOLDER = path.join(CACHE, 'package-tools')

/** @param {(line: string) => void} log */
async function installTools(log) {
  const files = ['package.json', 'package-lock.json']
  const source = (name) => fs.readFileSync(path.join(__dirname, 'tools', name), 'utf8')
  const mark = path.join(FOLDER, 'installed')
  if (fs.existsSync(mark) && fs.readFileSync(mark, 'utf8') === source('package-lock.json')) return
  const start = performance.now()
  log('Installing package managers, bundlers and test runners into .platforms (npm, 350 MB) …')
  fs.rmSync(FOLDER, { recursive: true, force: true })
  fs.mkdirSync(FOLDER, { recursive: true })
  for (const name of files) fs.writeFileSync(path.join(FOLDER, name), source(name))
  const quietly = ['--no-audit', '--no-fund', '--loglevel=error']
  if ((await run('npm', ['ci', '--prefix', FOLDER, ...quietly])) !== 0) {
    throw new Problem('The tools could not be installed; the message of npm is above.')
  }
  fs.writeFileSync(mark, source('package-lock.json'))
  log(`Tools installed in ${elapsed(start)}`)
}

/** A file of one of the tools. */
function tool(...names) {
  return path.join(FOLDER, 'node_modules', ...names)
}

/** The program that a tool's package.json names. */
function programOf(name, program = name) {
  const { bin } = JSON.parse(fs.readFileSync(tool(name, 'package.json'), 'utf8'))
  return tool(name, typeof bin === 'string' ? bin : bin[program])
}

module.exports = { installTools, programOf, tool }
