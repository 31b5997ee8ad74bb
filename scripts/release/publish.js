'use strict'

// npm run release: publishes the tarballs in release/, those of the platforms first, so that the main
// package never names one that is not there. What is published already is left alone: a release that
// was interrupted goes on where it was.
//   npm run release -- --dry-run        says what it would publish

const fs = require('node:fs')
const path = require('node:path')
const { Problem, fail, run, runQuietly } = require('../command')
const { nameOf, readManifest } = require('../package/manifests')
const { RELEASE } = require('../package/pack')
const { PLATFORMS } = require('../platforms/list')
const { notesOf } = require('./notes')

async function main(args) {
  const dry = args.includes('--dry-run')
  const { name, version } = readManifest()
  checkTag(version)
  const notes = dry ? '' : notesOf(version)
  for (const wanted of [...PLATFORMS.map(nameOf), name]) await publish(wanted, version, dry)
  if (!dry) await announce(version, notes)
}

/** In a workflow: the tag that started it is this version's. */
function checkTag(version) {
  const { GITHUB_REF_TYPE: type, GITHUB_REF_NAME: tag } = process.env
  if (type !== 'tag' || tag === `v${version}`) return
  throw new Problem(`The tag is ${tag}, but package.json says ${version}.`)
}

async function publish(name, version, dry) {
  const tarball = path.join(RELEASE, `${name}-${version}.tgz`)
  if (!fs.existsSync(tarball)) {
    throw new Problem(`There is no tarball of ${name} ${version}.`, 'npm run pack:all makes them.')
  }
  if (!dry && runQuietly('npm', ['view', `${name}@${version}`, 'version']).stdout.trim() !== '') {
    console.log(`${name} ${version} is published already`)
    return
  }
  // Where the tarball was built can only be proved by the service that built it.
  const provenance = process.env.GITHUB_ACTIONS === 'true' && !dry ? ['--provenance'] : []
  const tag = version.includes('-') ? ['--tag', 'next'] : []
  const args = ['publish', tarball, '--access', 'public', ...provenance, ...tag]
  const code = await run('npm', dry ? [...args, '--dry-run'] : args)
  if (code !== 0) throw new Problem(`${name} could not be published; the message of npm is above.`)
}

/** On GitHub, where this runs there. */
async function announce(version, notes) {
  if (process.env.GITHUB_ACTIONS !== 'true') return
  const kind = version.includes('-') ? ['--prerelease'] : []
  const args = ['release', 'create', `v${version}`, '--verify-tag', '--notes', notes, ...kind]
  if ((await run('gh', args)) !== 0) throw new Problem('The release could not be announced.')
}

main(process.argv.slice(2)).catch(fail)
