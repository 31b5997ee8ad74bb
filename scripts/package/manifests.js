'use strict'

// The package.json files of what is published: the main package, which loads the addon, and one per
// platform, which holds it. npm, pnpm and yarn install the one that fits, by `os`, `cpu` and `libc`.
//
// The repository's own package.json does not name the platforms' packages: before a version is
// published they do not exist, and `npm ci` in a clone would ask for them.
//
//   npm run manifests           writes npm/<platform>/, for the version and the words in package.json

const fs = require('node:fs')
const path = require('node:path')
const { fail, root } = require('../command')
const { PLATFORMS, binaryFile, packageFolder } = require('../platforms/list')

/** The fields that are the same in all packages. */
const COMMON = ['version', 'license', 'engines', 'repository', 'homepage', 'bugs', 'author']

const LIBC = { glibc: 'glibc', musl: 'musl' }

/** @param {import('../platforms/list').Platform} platform */
function platformManifest(platform) {
  const main = readManifest()
  const binary = path.basename(binaryFile(platform))
  return {
    name: nameOf(platform),
    description: `The binary of ${main.name} for ${inWords(platform)}`,
    ...pick(main, COMMON),
    os: [platform.os],
    cpu: [platform.arch],
    ...(LIBC[platform.system] ? { libc: [LIBC[platform.system]] } : {}),
    type: 'commonjs',
    main: binary,
    files: [binary, 'THIRD-PARTY'],
  }
}

/**
 * What only the repository needs is left out; what only a release can have comes in.
 * @param {import('../platforms/list').Platform[]} [platforms] those that have a package
 */
function mainManifest(platforms = PLATFORMS) {
  const { scripts, devDependencies, overrides, '//overrides': _, napi, ...main } = readManifest()
  return {
    ...main,
    ...origin(),
    files: main.files.filter((name) => name !== '*.node'),
    optionalDependencies: Object.fromEntries(
      platforms.map((platform) => [nameOf(platform), main.version]),
    ),
  }
}

/** Where a release is built: npm checks it against what its provenance says. */
function origin() {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = process.env
  if (!server || !repository) return {}
  return { repository: { type: 'git', url: `git+${server}/${repository}.git` } }
}

function nameOf(platform) {
  return `${readManifest().name}-${platform.name}`
}

function inWords({ os, arch, system }) {
  const name = { linux: 'Linux', darwin: 'macOS', win32: 'Windows' }[os]
  return os === 'linux' ? `${name} on ${arch} with ${system}` : `${name} on ${arch}`
}

function readManifest() {
  return JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
}

function pick(object, names) {
  return Object.fromEntries(
    names.filter((name) => name in object).map((name) => [name, object[name]]),
  )
}

function readme(platform) {
  const { name } = readManifest()
  return `# ${nameOf(platform)}

The binary of \`${name}\` for ${inWords(platform)}.
It comes with that package by itself; there is no need to ask for it. \`THIRD-PARTY\` has the licences
of what it contains.
`
}

function writePlatforms() {
  for (const platform of PLATFORMS) {
    const folder = packageFolder(platform)
    fs.mkdirSync(folder, { recursive: true })
    const manifest = { ...platformManifest(platform), ...origin() }
    fs.writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
    fs.writeFileSync(path.join(folder, 'README.md'), readme(platform))
  }
}

module.exports = { mainManifest, nameOf, platformManifest, readManifest, writePlatforms }

if (require.main === module) {
  try {
    writePlatforms()
  } catch (error) {
    fail(error)
  }
}
