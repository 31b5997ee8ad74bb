'use strict'

// An npm registry of this machine's own (verdaccio), with nothing in it but what is published to it;
// for other packages it asks the registry that npm uses here. It notes what was downloaded.

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { Problem, runQuietly } = require('../../command')
const { programOf } = require('./tools')

const START_MS = 60_000

/** @param {string} folder for its files */
async function startRegistry(folder) {
  const port = await freePort()
  const uri = `http://127.0.0.1:${port}/`
  const logFile = path.join(folder, 'registry.log')
  fs.mkdirSync(folder, { recursive: true })
  const config = path.join(folder, 'config.json')
  fs.writeFileSync(config, JSON.stringify(settings(folder, logFile), null, 2))
  const child = spawn(
    process.execPath,
    [programOf('verdaccio'), '--config', config, '--listen', `127.0.0.1:${port}`],
    { stdio: 'ignore' },
  )
  await ready(uri, child, logFile)
  return {
    uri,
    /** For npm and pnpm, whatever the account of the person at the keyboard is. */
    npmrc: `registry=${uri}\n//127.0.0.1:${port}/:_authToken=nobody\n`,
    publish: (tarball, userconfig) => publish(tarball, uri, userconfig),
    downloads: () => downloads(logFile),
    async stop() {
      child.kill()
      if (child.exitCode === null) await once(child, 'exit')
    },
  }
}

function settings(folder, logFile) {
  const { name } = require('../../../package.json')
  const everybody = { access: '$all', publish: '$all', unpublish: '$all' }
  return {
    storage: path.join(folder, 'storage'),
    auth: { htpasswd: { file: path.join(folder, 'htpasswd'), max_users: -1 } },
    uplinks: { npm: { url: runQuietly('npm', ['config', 'get', 'registry']).stdout.trim() } },
    // Of this package only what was published here, even where the world has it.
    packages: { [`${name}*`]: everybody, '**': { ...everybody, proxy: 'npm' } },
    max_body_size: '100mb',
    web: { enable: false },
    log: { type: 'file', path: logFile, format: 'json', level: 'http' },
  }
}

async function ready(uri, child, logFile) {
  const deadline = Date.now() + START_MS
  for (;;) {
    const answer = await fetch(`${uri}-/ping`).catch(() => undefined)
    if (answer?.ok) return
    if (child.exitCode !== null || Date.now() > deadline) {
      const words = fs.existsSync(logFile) ? fs.readFileSync(logFile, 'utf8').slice(-2000) : ''
      throw new Problem('The local registry does not start.', words)
    }
    await sleep(200)
  }
}

function publish(tarball, uri, userconfig) {
  const args = ['publish', tarball, '--registry', uri, '--userconfig', userconfig]
  const { ok, stderr } = runQuietly('npm', [...args, '--loglevel=error'])
  if (!ok) throw new Problem(`${path.basename(tarball)} cannot be published.`, stderr.trim())
}

/** The names of this package and its platforms whose tarballs were downloaded so far. */
function downloads(logFile) {
  const { name } = require('../../../package.json')
  const lines = fs.readFileSync(logFile, 'utf8').split('\n')
  return lines.flatMap((line) => {
    const request = line.match(/"GET","url":"\/([^"/]+)\/-\/[^"]+\.tgz/)
    return request?.[1].startsWith(name) ? [request[1]] : []
  })
}

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = /** @type {net.AddressInfo} */ (probe.address())
  probe.close()
  await once(probe, 'close')
  return port
}

module.exports = { startRegistry }
