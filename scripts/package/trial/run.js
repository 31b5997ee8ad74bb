'use strict'

// npm run test:package: packs a release, publishes it to a registry of this machine's own, and
// installs and uses it as others would, outside of the checkout and without Rust.
//   npm run test:package -- linux-x64-gnu      with the packages of these platforms only
//   npm run test:package -- source             also compiles it as somebody would on another platform
//                                              (some minutes; with CI=true always)

const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { Problem, elapsed, fail, root, runQuietly } = require('../../command')
const { choose } = require('../../platforms/list')
const { setUp } = require('../../setup')
const { nameOf, readManifest } = require('../manifests')
const { packAll } = require('../pack')
const { command, node, withoutRust } = require('./commands')
const { WAYS } = require('./consumer')
const { MANAGERS, assertDownloaded, platformHere } = require('./installs')
const { startRegistry } = require('./registry')
const { installTools, programOf } = require('./tools')

const { name } = readManifest()
const words = process.argv.slice(2)
const platforms = choose(words.filter((word) => word !== 'source'))
const compiles = words.includes('source') || process.env.CI === 'true'
let failures = 0

async function main() {
  await setUp()
  await installTools(console.log)
  const { startServer } = require('../../servers/mongodb')
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'koa-session-package-'))
  const mongodb = await startServer({ log: console.log })
  const registry = await startRegistry(path.join(folder, 'registry'))
  try {
    const env = { MONGODB_URI: mongodb.uri }
    const tarballs = await publishRelease(folder, registry)
    await lookAtTarballs(folder, tarballs)
    await installByPlatform(folder, registry)
    await useIt(folder, registry, env)
    await packTheRepository(folder, env)
  } finally {
    await registry.stop()
    await mongodb.remove()
    fs.rmSync(folder, { recursive: true, force: true })
  }
  if (failures > 0) throw new Problem(`${failures} of these failed.`)
  console.log('\n✓ The package installs and works')
}

async function step(words, work) {
  const start = performance.now()
  try {
    await work()
    console.log(`  ✓ ${words} (${elapsed(start)})`)
  } catch (error) {
    failures++
    console.log(`  ✗ ${words}\n    ${error.message.replaceAll('\n', '\n    ')}`)
  }
}

async function publishRelease(folder, registry) {
  console.log('▶ A release')
  const tarballs = packAll(platforms)
  const userconfig = path.join(folder, 'npmrc')
  fs.writeFileSync(userconfig, registry.npmrc)
  for (const tarball of tarballs) {
    await step(`${tarball.name} is published`, () => registry.publish(tarball.file, userconfig))
  }
  return tarballs
}

async function lookAtTarballs(folder, tarballs) {
  console.log('▶ What is in it')
  const main = tarballs.find((tarball) => tarball.name === name)
  await step('@arethetypeswrong/cli finds nothing', () =>
    node(folder, [programOf('@arethetypeswrong/cli', 'attw'), main.file]),
  )
  for (const { name, file } of tarballs) {
    await step(`publint finds nothing in ${name}`, () => {
      const words = node(folder, [programOf('publint'), 'run', file, '--strict'])
      assert.match(words, /All good!/)
    })
  }
}

async function installByPlatform(folder, registry) {
  console.log('▶ Installed, by platform')
  const { path: programs } = withoutRust(folder)
  for (const [manager, install] of Object.entries(MANAGERS)) {
    for (const platform of platforms) {
      const words = `${manager} downloads ${nameOf(platform)}, and no other`
      await step(words, () => {
        const before = registry.downloads().length
        const place = fs.mkdtempSync(path.join(folder, 'for-'))
        install({ folder: place, registry, path: programs, platform })
        assertDownloaded(registry.downloads().slice(before), platform)
        fs.rmSync(place, { recursive: true })
      })
    }
  }
}

async function useIt(folder, registry, env) {
  const rust = withoutRust(folder)
  const places = new Map()
  console.log('▶ Installed here, without Rust')
  for (const [manager, install] of Object.entries(MANAGERS)) {
    const place = fs.mkdtempSync(path.join(folder, 'here-'))
    places.set(manager, place)
    await step(`${manager} installs what fits here`, () => {
      const before = registry.downloads().length
      install({ folder: place, registry, path: rust.path })
      assertDownloaded(registry.downloads().slice(before), platformHere())
      assert.equal(rust.wasRun(), false, 'Rust was asked for')
    })
  }
  console.log('▶ Used')
  const here = { PATH: rust.path, ...env }
  for (const manager of ['pnpm', 'yarn']) {
    for (const way of ['require', 'import']) {
      await step(`${manager}: ${way}`, () => WAYS[way](places.get(manager), here))
    }
  }
  await step('yarn with Plug’n’Play: require', () => {
    const place = places.get('yarn with Plug’n’Play')
    const pnp = ['--require', path.join(place, '.pnp.cjs')].join(' ')
    WAYS.require(place, { ...here, NODE_OPTIONS: pnp })
  })
  for (const [way, use] of Object.entries(WAYS)) {
    await step(`npm: ${way}`, () => use(places.get('npm'), here))
  }
  if (compiles) await compileIt(places.get('npm'), env)
}

/** On a platform without a binary; Rust is needed now. */
async function compileIt(place, env) {
  await step(`npx ${name} build compiles it`, () => {
    const found = () => node(place, ['-p', `${USE_ADDON}; ${WHICH_ADDON}`], env).trim()
    for (const platform of platforms) {
      fs.rmSync(path.join(place, 'node_modules', nameOf(platform)), {
        recursive: true,
        force: true,
      })
    }
    assert.throws(found, /ERR_BINARY/)
    command(place, 'npx', ['--no', name, 'build'], {}, 60)
    assert.equal(path.dirname(found()), path.join(place, 'node_modules', name))
    WAYS.require(place, env)
  })
}

const USE_ADDON = `new (require('${name}'))({ connection: process.env.MONGODB_URI }).close()`
const WHICH_ADDON = "Object.keys(require.cache).find((file) => file.endsWith('.node'))"

/** What npm pack makes of the repository itself: for this machine, complete, or nothing. */
async function packTheRepository(folder, env) {
  console.log('▶ npm pack in the repository')
  const rust = withoutRust(folder)
  await step('its tarball works in an empty folder', () => {
    const place = fs.mkdtempSync(path.join(folder, 'packed-'))
    const packed = command(root, 'npm', ['pack', '--json', '--pack-destination', place])
    const [{ filename }] = JSON.parse(packed.slice(packed.indexOf('[')))
    fs.writeFileSync(path.join(place, 'package.json'), '{ "private": true }')
    command(place, 'npm', ['install', `./${filename}`, '--no-audit', '--no-fund'], {
      PATH: rust.path,
    })
    for (const way of ['require', 'import']) WAYS[way](place, { PATH: rust.path, ...env })
  })
  const tree = copyOfSources(fs.mkdtempSync(path.join(folder, 'tree-')))
  const addon = path.join(tree, `${name}.some-platform.node`)
  const refused = (reason) => {
    assert.throws(() => command(tree, 'npm', ['pack']), reason)
    assert.deepEqual(
      fs.readdirSync(tree).filter((file) => file.endsWith('.tgz')),
      [],
    )
  }
  await step('of a tree that is not built there is none, but the reason', () =>
    refused(/addon is not built/),
  )
  await step('nor of one whose addon is older than its sources', () => {
    fs.writeFileSync(path.join(tree, 'native.js'), '')
    fs.writeFileSync(addon, '')
    fs.utimesSync(addon, 0, 0)
    refused(/older than its sources/)
  })
  await step('nor of one whose addon is not optimised, by its size', () => {
    fs.writeFileSync(addon, Buffer.alloc(20e6))
    refused(/has 20.0 MB/)
  })
}

/** What git has of the repository, without what no package needs. */
function copyOfSources(tree) {
  const files = runQuietly('git', ['ls-files', '-z']).stdout.split('\0').filter(Boolean)
  for (const file of files.filter((name) => !/^(fuzz|bench)\//.test(name))) {
    fs.cpSync(path.join(root, file), path.join(tree, file))
  }
  return tree
}

main().catch(fail)
