'use strict'

// What every script here needs: run a program, on Windows as well, and say a problem together with its
// remedy.

const { spawn, spawnSync } = require('node:child_process')
const path = require('node:path')

const root = path.join(__dirname, '..')
const isWindows = process.platform === 'win32'
const PYTHON = isWindows ? 'python' : 'python3'

/** Something the person at the keyboard can mend. */
class Problem extends Error {
  /**
   * @param {string} message what is wrong
   * @param {string} [advice] what to do about it
   */
  constructor(message, advice = '') {
    super(message)
    this.name = 'Problem'
    this.advice = advice
  }
}

/**
 * npm is a script, which on Windows only a shell can start: there Node is started with what that runs.
 *
 * @param {string} command
 * @param {string[]} args
 * @returns {[string, string[]]}
 */
function startable(command, args) {
  if (!isWindows || command !== 'npm') return [command, args]
  const beside = path.join(
    path.dirname(process.execPath),
    'node_modules',
    'npm',
    'bin',
    'npm-cli.js',
  )
  const given = process.env.npm_execpath
  return [process.execPath, [given?.endsWith('npm-cli.js') ? given : beside, ...args]]
}

/** A program in a virtual environment of Python's. */
function inVenv(folder, program) {
  return path.join(folder, isWindows ? 'Scripts' : 'bin', program)
}

/**
 * Runs a program in the project's root with its output on this terminal.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ signal?: AbortSignal, env?: Record<string, string> }} [options]
 * @returns {Promise<number>} its exit code
 */
function run(command, args, { signal, env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(...startable(command, args), {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      signal,
      env: { ...process.env, ...env },
    })
    child.on('error', reject)
    child.on('exit', (code, killedBy) => resolve(killedBy ? 1 : (code ?? 1)))
  })
}

/** Runs a program without showing its output. */
function runQuietly(command, args) {
  const { status, stdout, stderr, error } = spawnSync(...startable(command, args), {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: Number.POSITIVE_INFINITY,
  })
  return {
    ok: !error && status === 0,
    stdout: stdout ?? '',
    stderr: stderr ?? error?.message ?? '',
  }
}

function elapsed(since) {
  const seconds = (performance.now() - since) / 1000
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
}

/** The last words of a script that failed. */
function fail(error) {
  console.error(`\n✗ ${error instanceof Problem ? error.message : error.stack}`)
  if (error.advice) console.error(`  ${error.advice.replaceAll('\n', '\n  ')}`)
  process.exitCode = 1
}

module.exports = { PYTHON, Problem, elapsed, fail, inVenv, isWindows, root, run, runQuietly }
