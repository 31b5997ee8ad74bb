'use strict'

// npm run test:platforms: loads the binary of each platform where it runs, or in what comes nearest to
// that here, and drives a store against a MongoDB; says what could not be tried.
//   npm run test:platforms -- linux-x64-musl      only these

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { Problem, elapsed, fail, isWindows } = require('../../command')
const { nameOf } = require('../../package/manifests')
const { setUp } = require('../../setup')
const { examine } = require('../examine')
const { binaryFile, choose } = require('../list')
const { layApplication } = require('./application')
const { LOADS, steps } = require('./drive')

const LONGEST_MS = 300_000

/**
 * @typedef {object} Way a way to run a platform's Node here
 * @property {string} words
 * @property {() => Promise<{ program: string, args: string[], script?: string,
 *   env?: NodeJS.ProcessEnv }>} [start]
 *   without it there is nothing that runs it
 * @property {() => { step: string, failed?: string }[]} [look] what the file alone tells
 * @property {string} [missing] what this way cannot tell
 */

async function main() {
  const platforms = choose(process.argv.slice(2))
  const unbuilt = platforms.filter((platform) => !fs.existsSync(binaryFile(platform)))
  if (unbuilt.length > 0) {
    const names = unbuilt.map(({ name }) => name).join(' ')
    throw new Problem(`There is no binary yet for ${names}.`, `npm run build:all -- ${names}`)
  }
  await setUp()
  const application = layApplication()
  const { startServers } = require('./server')
  const servers = await startServers(application, console.log)
  console.log(`Against ${servers.description}\n`)
  const results = []
  try {
    const settings = path.join(application, 'settings.json')
    fs.writeFileSync(settings, JSON.stringify(servers.settings))
    for (const platform of platforms) results.push(...(await tryPlatform(platform, application)))
  } finally {
    await servers.stop()
  }
  report(results)
}

async function tryPlatform(platform, application) {
  const { waysFor } = require('./ways')
  const results = []
  for (const way of await waysFor(platform, application)) {
    const start = performance.now()
    console.log(`▶ ${platform.name}: ${way.words}`)
    const found = [...examined(platform), ...(way.look?.() ?? [])]
    if (way.start) found.push(...(await drive(platform, application, await way.start())))
    for (const { step, failed } of found)
      console.log(failed ? `  ✗ ${step}\n    ${failed}` : `  ✓ ${step}`)
    if (way.missing) console.log(`  – not tried: ${way.missing}`)
    console.log(`  ${elapsed(start)}\n`)
    results.push({ platform, way, failed: found.filter(({ failed }) => failed) })
  }
  return results
}

function examined(platform) {
  const { oldest, faults } = examine(platform)
  return [{ step: `it needs ${oldest} at most`, failed: faults.join(', ') || undefined }]
}

/** Runs drive.js, and reads what it says of each step. */
async function drive(
  platform,
  application,
  { program, args, script = 'drive.js', env = process.env },
) {
  const result = `result-${platform.name}.jsonl`
  fs.rmSync(path.join(application, result), { force: true })
  const output = path.join(application, 'output.txt')
  const file = fs.openSync(output, 'w')
  // Not pipes: Windows' Node under Wine has none.
  const child = spawn(program, [...args, script, 'settings.json', result], {
    cwd: application,
    env,
    stdio: ['ignore', file, file],
    detached: true,
  })
  const timer = setTimeout(() => end(child), LONGEST_MS)
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(signal ?? code))
  }).finally(() => clearTimeout(timer))
  fs.closeSync(file)
  return inOrder(platform, readLines(path.join(application, result)), code, output)
}

/** With what it has started, such as the program that an emulator runs. */
function end(child) {
  if (isWindows) child.kill()
  else process.kill(-(child.pid ?? 0), 'SIGKILL')
}

function inOrder(platform, lines, code, output) {
  const said = new Map(lines.map((line) => [line.step, line]))
  const ended = code === 0 && lines.some(({ done }) => done)
  const words = () => `${code}: ${fs.readFileSync(output, 'utf8').trim().slice(-2000)}`
  const { node = 'no Node', system = '' } = lines[0] ?? {}
  return [
    {
      step: `it runs in Node ${node}, ${system}`,
      failed: lines.length === 0 ? words() : undefined,
    },
    { step: 'what it loads is the package of this platform', failed: stranger(platform, said) },
    ...steps.map((step) => said.get(step) ?? { step, failed: 'it did not come to this' }),
    { step: 'the process ends by itself', failed: ended ? undefined : words() },
  ]
}

function stranger(platform, said) {
  const { binary = 'nothing' } = said.get(LOADS) ?? {}
  const [folder] = binary.split(/[\\/]/).slice(-2)
  return folder === nameOf(platform) ? undefined : `it is ${binary}`
}

function readLines(file) {
  if (!fs.existsSync(file)) return []
  const lines = fs.readFileSync(file, 'utf8').split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line))
}

function report(results) {
  const faulty = results.filter(({ failed }) => failed.length > 0)
  const untried = results.filter(({ way }) => way.missing)
  for (const { platform, way } of untried)
    console.log(`– ${platform.name}: not tried: ${way.missing}`)
  if (faulty.length > 0) {
    const words = faulty.flatMap(({ platform, way, failed }) =>
      failed.map(({ step }) => `${platform.name}, ${way.words}: ${step}`),
    )
    throw new Problem('Not every binary does what it has to.', words.join('\n'))
  }
  console.log(`\n✓ ${results.length} systems, all well`)
}

main().catch(fail)
