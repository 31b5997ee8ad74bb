'use strict'

// Debian's packages, unpacked into a folder instead of installed: no root is needed, nothing of the
// system changes, and a folder can hold another release or another processor than this machine's.

const fs = require('node:fs')
const path = require('node:path')
const { Problem, runQuietly } = require('../command')

/**
 * Unpacks the packages, and what they depend on, into a folder.
 *
 * @param {string} folder
 * @param {string[]} packages
 * @param {object} [options]
 * @param {string} [options.suite] a release of Debian, such as 'bullseye': then the folder gets all
 *   that the packages need. Without it: this machine's release, and only what this machine lacks
 * @param {string} [options.architecture] such as 'arm64'; this machine's where not given
 */
function unpackDebian(folder, packages, { suite, architecture } = {}) {
  const apt = path.join(folder, '.apt')
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(path.join(apt, 'lists', 'partial'), { recursive: true })
  fs.mkdirSync(path.join(apt, 'archives', 'partial'), { recursive: true })
  const settings = [`Dir::Cache::archives=${apt}/archives`, 'Dir::Cache::pkgcache=']
  settings.push(`Dir::State::lists=${apt}/lists`, 'APT::Sandbox::User=')
  // Of each suite only the list of its binaries: not its sources, translations, or programs' icons.
  settings.push(
    'Acquire::Languages=none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false',
  )
  if (suite) {
    fs.writeFileSync(path.join(apt, 'status'), '')
    fs.writeFileSync(path.join(apt, 'sources.list'), sourceOf(suite))
    settings.push(`Dir::State::status=${apt}/status`, `Dir::Etc::sourcelist=${apt}/sources.list`)
    settings.push('Dir::Etc::sourceparts=-')
  }
  if (architecture) settings.push(`APT::Architecture=${architecture}`)
  const options = settings.flatMap((setting) => ['-o', setting])
  command('apt-get', [...options, 'update', '-qq'])
  const install = ['install', '-qq', '--yes', '--no-install-recommends', '--download-only']
  // With simulated rights: what is only downloaded needs no lock.
  command('apt-get', [...options, '-o', 'Debug::NoLocking=true', ...install, ...packages])
  for (const file of fs.readdirSync(path.join(apt, 'archives'))) {
    if (file.endsWith('.deb')) command('dpkg', ['-x', path.join(apt, 'archives', file), folder])
  }
  fs.rmSync(apt, { recursive: true })
}

/** The line of apt for another release, from the place where this machine gets its own. */
function sourceOf(suite) {
  const indexes = command('apt-get', [
    'indextargets',
    '--format',
    '$(ORIGIN) $(LABEL) $(REPO_URI)',
    'Created-By: Packages',
  ])
  const place = indexes.match(/^Debian Debian (\S+)$/m)?.[1]
  if (!place) throw new Problem('This machine does not get its packages from Debian.', NEEDS_DEBIAN)
  const keys = '/usr/share/keyrings/debian-archive-keyring.gpg'
  return `deb [signed-by=${keys}] ${place} ${suite} main\n`
}

const NEEDS_DEBIAN =
  'Building and testing for other platforms is made for Debian 12 or later; elsewhere a container\n' +
  'of it will do.'

function command(program, args) {
  const { ok, stdout, stderr } = runQuietly(program, args)
  if (ok) return stdout
  if (/ENOENT/.test(stderr)) throw new Problem(`${program} was not found.`, NEEDS_DEBIAN)
  throw new Problem(`${program} failed.`, stderr.trim())
}

module.exports = { unpackDebian }
