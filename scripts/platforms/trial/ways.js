'use strict'

// How each platform can be run here, and what that leaves open.

const { glibcRoot, inRoot, muslRoot, rootsRefused } = require('./roots')

/**
 * @param {import('../list').Platform} platform
 * @param {string} application the folder that it is tried in
 * @returns {Promise<import('./run').Way[]>}
 */
async function waysFor(platform, application) {
  if (process.platform === platform.os && platform.os !== 'linux') return [atHome(platform)]
  return { linux: linuxWays, darwin: appleWays, win32: windowsWays }[platform.os](
    platform,
    application,
  )
}

function atHome({ arch }) {
  if (arch !== process.arch) return { words: 'its file', missing: 'the processor is another' }
  return { words: 'this machine', start: async () => ({ program: process.execPath, args: [] }) }
}

function linuxWays(platform, application) {
  const { arch, system } = platform
  const emulated = arch === process.arch ? '' : ', under qemu'
  const root = system === 'musl' ? muslRoot : glibcRoot
  const words =
    system === 'musl' ? `a system with musl 1.2.5${emulated}` : `Debian 11, glibc 2.31${emulated}`
  const refused = rootsRefused()
  const there = refused
    ? notEntered(words, refused)
    : {
        words,
        start: async () => inRoot(root(arch), arch, application),
        missing:
          emulated && "the processor's own order of memory accesses, which qemu does not have",
      }
  return isThisMachine(platform) ? [atHome(platform), there] : [there]
}

/** By hand it is said; where a release is made, what was not tried is not released. */
function notEntered(words, refused) {
  if (process.env.CI !== 'true') return { words, missing: refused }
  return { words, look: () => [{ step: 'its file system is entered', failed: refused }] }
}

function isThisMachine({ os, arch, system }) {
  if (process.platform !== os || process.arch !== arch) return false
  const { header } = /** @type {any} */ (process.report.getReport())
  return (system === 'glibc') === Boolean(header.glibcVersionRuntime)
}

/** @returns {import('./run').Way[]} */
function appleWays(platform, _application) {
  const { lookAt } = require('./apple')
  return [
    {
      words: 'its file',
      look: () => lookAt(platform),
      missing: 'running it: no emulator has macOS; the release workflow does, on its own system',
    },
  ]
}

/** @returns {import('./run').Way[]} */
function windowsWays({ arch }, _application) {
  if (arch !== 'x64') {
    const missing =
      'running it: Wine here has x64 only; the release workflow does, on its own system'
    return [{ words: 'its file', missing }]
  }
  const { wine } = require('./wine')
  return [
    {
      words: 'Wine, with the real node.exe',
      start: () => wine(console.log),
      missing: "Windows' own sockets and DNS settings: Wine's lead to Linux's",
    },
  ]
}

module.exports = { waysFor }
