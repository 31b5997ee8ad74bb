'use strict'

// Programs as somebody would run them who has installed the package: outside of the checkout, and on
// a machine without Rust.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

/** Names that stand for Rust's programs, and leave a mark when they are run. */
function withoutRust(folder) {
  const bin = path.join(folder, 'no-rust')
  const mark = path.join(folder, 'rust-was-run')
  fs.mkdirSync(bin, { recursive: true })
  for (const name of ['cargo', 'rustc', 'rustup', 'cc']) {
    const script = `#!/bin/sh\necho ${name} >> '${mark}'\nexit 1\n`
    fs.writeFileSync(path.join(bin, name), script, { mode: 0o755 })
  }
  return {
    path: [bin, path.dirname(process.execPath), '/usr/bin', '/bin'].join(path.delimiter),
    wasRun: () => fs.existsSync(mark),
  }
}

/**
 * @param {string} cwd
 * @param {string} program
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env] in addition to what every program needs
 * @param {number} [minutes] that it may take
 * @returns {string} what it printed; it throws, with that, if the program fails
 */
function command(cwd, program, args, env = {}, minutes = 5) {
  // Not npm's own variables, by which the npm that runs this would tell the other what to do.
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS$)/i.test(name))
  const { status, signal, error, stdout, stderr } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    timeout: minutes * 60_000,
    maxBuffer: Number.POSITIVE_INFINITY,
    env: { ...Object.fromEntries(own), CI: 'true', NO_COLOR: '1', ...env },
  })
  if (status === 0) return stdout
  const words = error?.message ?? `ended with ${signal ?? status}`
  throw new Error(
    `${path.basename(program)} ${args.join(' ')}: ${words}\n${stdout}\n${stderr}`.trim(),
  )
}

/** The same with a script of Node's. */
function node(cwd, args, env) {
  return command(cwd, process.execPath, args, env)
}

module.exports = { command, node, withoutRust }
