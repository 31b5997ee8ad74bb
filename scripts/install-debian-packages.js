'use strict'

// npm run setup:debian: installs with apt-get, as root, what some tests need beyond the project's own
// set-up, and builds the server that they need. This is the only script that changes the system; it is
// what CI runs before npm test, which itself uses what is there.

const { CHROMIUM, findChromium } = require('./browser')
const { Problem, fail, run, runQuietly } = require('./command')
const { TOOLS, findSecantusRust, installSecantusRust } = require('./servers/secantus-rust')

/** What is missing, as Debian calls it. */
function missingPackages() {
  const works = (program, ...words) => runQuietly(program, words).ok
  return [
    ...(works('cc', '--version') ? [] : ['build-essential']),
    // A server that fails commands on request lives in a virtual environment of Python.
    ...(works('python3', '-c', 'import ensurepip') ? [] : ['python3-venv']),
    ...(findChromium() ? [] : [CHROMIUM]),
    ...(findSecantusRust() ? [] : Object.values(TOOLS).flat()),
  ]
}

async function main() {
  const packages = missingPackages()
  if (packages.length > 0) {
    console.log(`Installing ${packages.join(', ')} (apt-get) …`)
    await aptGet('update', '-qq')
    await aptGet('install', '-qq', '-y', '--no-install-recommends', ...packages)
  }
  if (!findSecantusRust() && !(await installSecantusRust(console.log))) {
    throw new Problem('SecantusDB (Rust) could not be installed; see above.')
  }
  console.log('All that the tests need is installed.')
}

/** @param {string[]} words */
async function aptGet(...words) {
  const isRoot = process.getuid?.() === 0
  const command = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...words]
  const [program, ...args] = isRoot ? command : ['sudo', '--non-interactive', ...command]
  const code = await run(program, args).catch(() => 127)
  if (code === 0) return
  throw new Problem(
    `apt-get ${words[0]} failed; its own message is above.`,
    'It needs Debian or Ubuntu, and root or sudo without a password.',
  )
}

main().catch(fail)
