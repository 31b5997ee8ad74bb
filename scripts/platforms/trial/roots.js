'use strict'

// Other Linux systems, as folders: what a Node needs of Debian's older releases, of another processor,
// or of a system with musl. A program runs in one by chroot, in a view of the file system of its own,
// so that nothing is left mounted; for another processor under qemu.

const fs = require('node:fs')
const path = require('node:path')
const { runQuietly } = require('../../command')
const { unpackDebian } = require('../debian')
const { CACHE } = require('../list')
const { nodeFromNpm, nodeFromPyPI } = require('./nodes')

const ROOTS = path.join(CACHE, 'trial', 'roots')

/** Debian 11: glibc 2.31. Debian 10 is no longer where packages come from. */
const OLD_DEBIAN = 'bullseye'
/** musl 1.2.5; the Node for musl needs one later than Debian 12's. */
const NEW_DEBIAN = 'trixie'

function glibcRoot(arch) {
  return prepared(`glibc-${arch}`, (folder) => {
    unpackDebian(folder, ['libc6', 'libstdc++6'], {
      suite: OLD_DEBIAN,
      architecture: inDebian(arch),
    })
    put(nodeFromNpm(`node-linux-${arch}`, '20'), folder)
  })
}

function muslRoot(arch) {
  return prepared(`musl-${arch}`, (folder) => {
    unpackDebian(folder, ['musl'], { suite: NEW_DEBIAN, architecture: inDebian(arch) })
    const { node, libraries } = nodeFromPyPI(arch)
    put(node, folder)
    // Node looks for them there, from the folder that it is in.
    fs.cpSync(libraries, path.join(folder, path.basename(libraries)), { recursive: true })
    // As in Alpine, where it is what tells the systems apart.
    const ldd = `#!/bin/sh\nexec /lib/ld-musl-${arch === 'x64' ? 'x86_64' : 'aarch64'}.so.1 --list -- "$@"\n`
    fs.writeFileSync(path.join(folder, 'usr/bin/ldd'), ldd, { mode: 0o755 })
  })
}

function prepared(name, prepare) {
  const folder = path.join(ROOTS, name)
  const mark = path.join(folder, 'ready')
  if (fs.existsSync(mark)) return folder
  prepare(folder)
  for (const name of ['lib', 'lib64']) {
    const [place, own] = [path.join(folder, name), path.join(folder, 'usr', name)]
    if (!fs.existsSync(place) && fs.existsSync(own)) fs.symlinkSync(`usr/${name}`, place)
  }
  for (const name of ['proc', 'dev', 'tmp', 'etc', 'application']) {
    fs.mkdirSync(path.join(folder, name), { recursive: true })
  }
  fs.writeFileSync(path.join(folder, 'etc/resolv.conf'), 'nameserver 127.0.0.1\n')
  fs.writeFileSync(mark, '')
  return folder
}

function put(node, folder) {
  fs.mkdirSync(path.join(folder, 'usr/bin'), { recursive: true })
  fs.copyFileSync(node, path.join(folder, 'usr/bin/node'))
  fs.chmodSync(path.join(folder, 'usr/bin/node'), 0o755)
}

/**
 * How to run a Node in a root: its own processes, its own view of the files.
 * @returns {{ program: string, args: string[], script: string }} to be followed by Node's arguments
 */
function inRoot(folder, arch, application) {
  const own = process.getuid?.() === 0 ? [] : ['--map-root-user']
  const mounted =
    'mount --rbind /proc proc && mount --rbind /dev dev && mount --bind "$1" application'
  const enter = `cd "$0" && ${mounted} && shift && exec chroot . "$@"`
  const emulator = arch === process.arch ? [] : [emulatorIn(folder, arch)]
  const node = [...emulator, '/usr/bin/node']
  return {
    program: 'unshare',
    args: [...own, '--mount', 'sh', '-c', enter, folder, application, ...node],
    script: '/application/drive.js',
  }
}

/** qemu, which needs nothing but itself, put where the root's programs can be given to it. */
function emulatorIn(folder, arch) {
  const name = `qemu-${arch === 'x64' ? 'x86_64' : 'aarch64'}-static`
  const place = path.join(folder, name)
  if (!fs.existsSync(place)) {
    const tools = path.join(CACHE, 'trial', 'qemu')
    if (!fs.existsSync(tools)) unpackDebian(tools, ['qemu-user-static'])
    const unpacked = path.join(tools, 'usr/bin', name)
    fs.copyFileSync(fs.existsSync(unpacked) ? unpacked : `/usr/bin/${name}`, place)
  }
  return `/${name}`
}

/** Why no other root can be entered here; nothing where it can. */
function rootsRefused() {
  const own = process.getuid?.() === 0 ? [] : ['--map-root-user']
  const { ok, stderr } = runQuietly('unshare', [...own, '--mount', 'true'])
  return ok
    ? undefined
    : `a file system of its own is refused here (${stderr.trim()}); run it as root`
}

function inDebian(arch) {
  return arch === 'x64' ? 'amd64' : arch
}

module.exports = { glibcRoot, inRoot, muslRoot, rootsRefused }
