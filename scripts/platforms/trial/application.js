'use strict'

// The folder in which every platform tries the package: an application that has installed it, with
// the packages of all platforms, so that the package itself has to find the one that fits.

const fs = require('node:fs')
const path = require('node:path')
const { root } = require('../../command')
const { mainManifest, nameOf, platformManifest } = require('../../package/manifests')
const { CACHE, PLATFORMS, binaryFile } = require('../list')

const APPLICATION = path.join(CACHE, 'trial', 'application')

/** @returns {string} the folder */
function layApplication() {
  const modules = path.join(APPLICATION, 'node_modules')
  fs.rmSync(APPLICATION, { recursive: true, force: true })
  const manifest = mainManifest()
  lay(path.join(modules, manifest.name), manifest, root, manifest.files)
  for (const platform of PLATFORMS.filter((platform) => fs.existsSync(binaryFile(platform)))) {
    const own = platformManifest(platform)
    lay(path.join(modules, nameOf(platform)), own, path.dirname(binaryFile(platform)), own.files)
  }
  for (const name of Object.keys(manifest.dependencies)) {
    const from = path.join(root, 'node_modules', name)
    fs.cpSync(from, path.join(modules, name), { recursive: true })
  }
  // Without one, it would be part of this repository to Node, and get the package from there.
  const own = { name: 'application', private: true }
  fs.writeFileSync(path.join(APPLICATION, 'package.json'), JSON.stringify(own))
  fs.copyFileSync(path.join(__dirname, 'drive.js'), path.join(APPLICATION, 'drive.js'))
  const calls = path.join(root, 'scripts', 'runtimes', 'calls.cjs')
  fs.copyFileSync(calls, path.join(APPLICATION, 'calls.cjs'))
  return APPLICATION
}

function lay(folder, manifest, from, files) {
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest))
  for (const name of files) {
    const source = path.join(from, name)
    if (fs.existsSync(source)) fs.cpSync(source, path.join(folder, name), { recursive: true })
  }
}

module.exports = { layApplication }
