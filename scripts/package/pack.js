'use strict'

// npm run pack:all: the tarballs of a release in release/, from what npm run build:all has built.
//   npm run pack:all -- linux-x64-gnu      the main package and only this platform's

const { createHash } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const { Problem, fail, root, runQuietly } = require('../command')
const { examine } = require('../platforms/examine')
const { binaryFile, choose, packageFolder } = require('../platforms/list')
const { table } = require('../platforms/table')
const { mainManifest, nameOf, platformManifest, readManifest } = require('./manifests')
const { withAbsoluteLinks } = require('./links')

const RELEASE = path.join(root, 'release')

/**
 * @param {import('../platforms/list').Platform[]} platforms
 * @returns {{ name: string, file: string }[]} the tarballs, those that the others need first
 */
function packAll(platforms) {
  fs.rmSync(RELEASE, { recursive: true, force: true })
  return [...platforms.map(packPlatform), packMain(platforms)]
}

function packPlatform(platform) {
  if (!fs.existsSync(binaryFile(platform))) {
    const advice = `Build it: npm run build:all -- ${platform.name}`
    throw new Problem(`There is no binary for ${platform.name} yet.`, advice)
  }
  const { faults } = examine(platform)
  if (faults.length > 0) throw new Problem(`The binary for ${platform.name} ${faults.join(', ')}.`)
  const folder = path.join(RELEASE, 'packages', platform.name)
  fs.cpSync(packageFolder(platform), folder, { recursive: true })
  return pack(nameOf(platform), folder, platformManifest(platform))
}

function packMain(platforms) {
  const manifest = mainManifest(platforms)
  const folder = path.join(RELEASE, 'packages', 'main')
  for (const name of manifest.files.flatMap(expand)) {
    if (!fs.existsSync(path.join(root, name))) {
      throw new Problem(`There is no ${name} yet.`, 'Build the addon: npm run build')
    }
    fs.cpSync(path.join(root, name), path.join(folder, name), { recursive: true })
  }
  const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8')
  fs.writeFileSync(path.join(folder, 'README.md'), withAbsoluteLinks(readme, manifest))
  return pack(manifest.name, folder, manifest)
}

/** The files that an entry such as `bench/results/*.svg` stands for. */
function expand(entry) {
  const { dir, base } = path.posix.parse(entry)
  if (!base.startsWith('*')) return [entry]
  const names = fs.readdirSync(path.join(root, dir)).filter((name) => name.endsWith(base.slice(1)))
  return names.map((name) => path.posix.join(dir, name))
}

function pack(name, folder, manifest) {
  fs.writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  fs.cpSync(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'))
  const args = ['pack', folder, '--json', '--pack-destination', RELEASE, '--loglevel=error']
  const { ok, stdout, stderr } = runQuietly('npm', args)
  if (!ok) throw new Problem(`npm cannot pack ${name}.`, stderr.trim())
  return { name, file: path.join(RELEASE, JSON.parse(stdout)[0].filename) }
}

module.exports = { RELEASE, packAll }

if (require.main === module) {
  try {
    const tarballs = packAll(choose(process.argv.slice(2)))
    const rows = tarballs.map(({ name, file }) => {
      const bytes = fs.readFileSync(file)
      const hash = createHash('sha256').update(bytes).digest('hex')
      return [name, `${(bytes.length / 1e6).toFixed(2)} MB`, hash]
    })
    console.log(`${readManifest().version}, in ${path.relative(root, RELEASE)}/\n`)
    console.log(table(['package', 'packed', 'sha256'], rows))
  } catch (error) {
    fail(error)
  }
}
