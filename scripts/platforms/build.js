'use strict'

// npm run build:all: the binary of each platform, in npm/<platform>/. What is there already, from the
// same sources, tools and settings, is not built again.
//   npm run build:all -- linux-x64-musl win32-x64-msvc      only these

const { spawn } = require('node:child_process')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const { Problem, elapsed, fail, root } = require('../command')
const { CACHE, PLATFORMS, binaryFile, choose } = require('./list')
const { examine } = require('./examine')
const { recipeFor } = require('./recipe')
const { table } = require('./table')
const { writeThirdParty } = require('./third-party')

async function main() {
  const platforms = choose(process.argv.slice(2))
  sayWhatComes(platforms)
  const rows = []
  for (const [index, platform] of platforms.entries()) {
    rows.push(await build(platform, `[${index + 1}/${platforms.length}] ${platform.name}`))
  }
  console.log(`\n${table(['platform', 'size', 'oldest system', 'sha256'], rows.map(asRow))}`)
  const faulty = rows.filter(({ faults }) => faults.length > 0)
  if (faulty.length > 0) {
    const words = faulty.flatMap(({ platform, faults }) =>
      faults.map((it) => `${platform.name}: ${it}`),
    )
    throw new Problem('Not every binary is as it has to be.', words.join('\n'))
  }
}

function sayWhatComes(platforms) {
  console.log(
    `Building for ${platforms.length} of ${PLATFORMS.length} platforms, some minutes each. What this needs (zig, Debian's Rust,\n` +
      'about 1.5 GB) is kept in .platforms/, which may be deleted at any time; nothing is installed elsewhere.\n',
  )
}

async function build(platform, title) {
  const start = performance.now()
  const log = (line) => console.log(`${title}: ${line}`)
  const recipe = await recipeFor(platform, log)
  if (isBuilt(platform, recipe)) {
    log('is up to date')
  } else {
    log('building …')
    await compile(recipe, log, start)
    take(platform, recipe)
    log(`built in ${elapsed(start)}`)
  }
  writeThirdParty(platform)
  return { platform, ...examine(platform) }
}

/** cargo shows its progress on a terminal; elsewhere a line now and then tells that it goes on. */
async function compile({ args, env }, log, start) {
  const terminal = process.stderr.isTTY
  const child = spawn('cargo', args, {
    cwd: root,
    env,
    stdio: ['ignore', 'inherit', terminal ? 'inherit' : 'pipe'],
  })
  let words = ''
  let crates = 0
  child.stderr?.setEncoding('utf8').on('data', (text) => {
    crates += text.match(/^\s*Compiling /gm)?.length ?? 0
    words = (words + text).slice(-20_000)
  })
  const timer = setInterval(() => log(`… ${crates} crates after ${elapsed(start)}`), 30_000)
  if (terminal) clearInterval(timer)
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  }).finally(() => clearInterval(timer))
  if (code === 0) return
  const advice = terminal ? '' : words.slice(words.search(/^(error|warning: unused)/m)).trim()
  throw new Problem('cargo failed; what it said is here.', advice)
}

/** Moves the result to its place, and notes what it was made from. */
function take(platform, { output, fingerprint }) {
  const file = binaryFile(platform)
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.copyFileSync(output, file)
  const note = noteOf(platform)
  fs.mkdirSync(path.dirname(note), { recursive: true })
  fs.writeFileSync(note, JSON.stringify({ fingerprint, sha256: sha256(file) }))
}

function isBuilt(platform, { fingerprint }) {
  const file = binaryFile(platform)
  if (!fs.existsSync(file) || !fs.existsSync(noteOf(platform))) return false
  const note = JSON.parse(fs.readFileSync(noteOf(platform), 'utf8'))
  return note.fingerprint === fingerprint && note.sha256 === sha256(file)
}

function noteOf({ name }) {
  return path.join(CACHE, 'built', `${name}.json`)
}

function sha256(file) {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex')
}

function asRow({ platform, size, oldest }) {
  return [platform.name, `${(size / 1e6).toFixed(2)} MB`, oldest, sha256(binaryFile(platform))]
}

main().catch(fail)
