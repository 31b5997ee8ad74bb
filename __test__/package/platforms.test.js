'use strict'

// A package for each platform, which package managers choose among by os, cpu and libc.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const { mainManifest, platformManifest } = require('../../scripts/package/manifests')
const { PLATFORMS, packageFolder } = require('../../scripts/platforms/list')
const { SOURCES } = require('../../scripts/setup')
const manifest = require('../../package.json')

const root = path.join(__dirname, '..', '..')

describe('the packages of the platforms', () => {
  it('are those that napi-rs makes of the targets in package.json', async () => {
    const { parseTriple } = await import('@napi-rs/cli')
    const wanted = manifest.napi.targets.map((triple) => {
      const { platform, arch, abi, platformArchABI } = parseTriple(triple)
      return {
        name: `${manifest.name}-${platformArchABI}`,
        os: [platform],
        cpu: [arch],
        libc: { gnu: ['glibc'], musl: ['musl'] }[abi],
        main: `${manifest.napi.binaryName}.${platformArchABI}.node`,
      }
    })
    const found = PLATFORMS.map(platformManifest).map(({ name, os, cpu, libc, main }) => {
      return { name, os, cpu, libc, main }
    })
    assert.deepEqual(found, wanted)
  })

  it('are in npm/ as they are for this version', () => {
    assert.deepEqual(
      fs.readdirSync(path.join(root, 'npm')).sort(),
      PLATFORMS.map(({ name }) => name).sort(),
    )
    for (const platform of PLATFORMS) {
      const file = path.join(packageFolder(platform), 'package.json')
      assert.deepEqual(JSON.parse(fs.readFileSync(file, 'utf8')), platformManifest(platform))
    }
  })

  it('are what the published package depends on, each optionally and in its own version', () => {
    const published = mainManifest()
    assert.deepEqual(
      published.optionalDependencies,
      Object.fromEntries(PLATFORMS.map((it) => [platformManifest(it).name, manifest.version])),
    )
    assert.ok(!published.files.some((name) => name.endsWith('.node')))
    // For another platform.
    for (const name of SOURCES) assert.ok(published.files.includes(name), name)
    assert.deepEqual(published.dependencies, manifest.dependencies)
  })

  it('are not asked for in a clone, where they may not exist yet', () => {
    assert.equal('optionalDependencies' in manifest, false)
  })
})
