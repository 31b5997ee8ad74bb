'use strict'

// npm run test:runtimes: the whole of __test__/ on each supported version of Node, and the smoke test on
// Bun and Deno. The runtimes are npm packages that carry their program.
//   npm run test:runtimes -- 26 bun          only these
//   npm run test:runtimes -- 26 values       only these, and of the tests only those with this word

const { spawn } = require('node:child_process')
const path = require('node:path')
const { Problem, elapsed, fail, root } = require('../command')
const { nodeFromNpm, programFromNpm } = require('../platforms/trial/nodes')
const { setUp } = require('../setup')

const NODES = ['20', '22', '24', '26']
/** Version, package, the program in it, and what comes before the script. */
const OTHERS = {
  bun: { version: '1.4.5', name: `@oven/bun-${process.platform}-${process.arch}`, args: [] },
  deno: { version: '2.9.6', name: denoPackage(), args: ['run', '--allow-all'] },
}

async function main(words) {
  const runtimes = words.filter((word) => NODES.includes(word) || word in OTHERS)
  const [tests = '.test.js'] = words.filter((word) => !runtimes.includes(word))
  await setUp()
  const failed = []
  for (const name of runtimes.length > 0 ? runtimes : [...NODES, ...Object.keys(OTHERS)]) {
    const start = performance.now()
    const title = NODES.includes(name) ? `Node ${name}` : name
    console.log(`\n▶ ${title}`)
    const code = NODES.includes(name) ? await testOn(name, tests) : await smokeOn(OTHERS[name])
    console.log(`${code === 0 ? '✓' : '✗'} ${title}: ${elapsed(start)}`)
    if (code !== 0) failed.push(title)
  }
  if (failed.length > 0) throw new Problem(`These failed: ${failed.join(', ')}.`)
}

/** Its folder comes first on the PATH, so that all processes of the tests run on it. */
function testOn(version, tests) {
  const node = nodeFromNpm(`node-${process.platform}-${process.arch}`, version)
  const PATH = `${path.dirname(node)}${path.delimiter}${process.env.PATH}`
  return ended(node, ['scripts/test.js', tests], { PATH })
}

async function smokeOn({ name, version, args }) {
  const { startMongoDB } = require('../servers/mongodb')
  const mongodb = await startMongoDB()
  try {
    const program = programFromNpm(name, version, name.startsWith('@oven') ? 'bin/bun' : 'deno')
    return await ended(program, [...args, 'scripts/runtimes/smoke.cjs'], {
      MONGODB_URI: mongodb.uri,
    })
  } finally {
    await mongodb.stop()
  }
}

function denoPackage() {
  const libc = process.platform === 'linux' ? '-glibc' : ''
  return `@deno/${process.platform}-${process.arch}${libc}`
}

function ended(program, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
    })
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}

main(process.argv.slice(2)).catch(fail)
