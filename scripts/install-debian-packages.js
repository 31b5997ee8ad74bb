'use strict'

// npm run setup:debian: installs with apt-get, as root, what some tests need beyond the project's own
// set-up, and builds the server that they need. This is the only script that changes the system; it is
// what CI runs before npm test, which itself uses what is there.
//   npm run setup:debian -- platforms      what building and trying the platforms needs, instead

const { CHROMIUM, findChromium } = require('./browser')
const { Problem, fail, run, runQuietly } = require('./command')
const { TOOLS, findSecantusRust, installSecantusRust } = require('./servers/secantus-rust')

/** What is missing, as Debian calls it. */
function missingPackages(forPlatforms) {
  const works = (program, ...words) => runQuietly(program, words).ok
  return [
    ...(works('cc', '--version') ? [] : ['build-essential']),
    // A server that fails commands on request lives in a virtual environment of Python.
    ...(works('python3', '-c', 'import ensurepip') ? [] : ['python3-venv']),
    ...(forPlatforms ? missingForPlatforms(works) : missingForTests()),
  ]
}

function missingForTests() {
  return [
    ...(CHROMIUM && !findChromium() ? [CHROMIUM] : []),
    ...(findSecantusRust() ? [] : Object.values(TOOLS).flat()),
  ]
}

function missingForPlatforms(works) {
  return [
    ...(works('python3', '-m', 'pip', '--version') ? [] : ['python3-pip']),
    ...(works('openssl', 'version') ? [] : ['openssl']),
  ]
}

async function main(words) {
  const forPlatforms = words.includes('platforms')
  const packages = missingPackages(forPlatforms)
  // Other releases and processors are looked for where apt gets this one's: it has to know where that is.
  if (packages.length > 0 || forPlatforms) await aptGet('update', '-qq')
  if (packages.length > 0) {
    console.log(`Installing ${packages.join(', ')} (apt-get) …`)
    await aptGet('install', '-qq', '-y', '--no-install-recommends', ...packages)
  }
  if (!forPlatforms) await setUpTests()
  console.log('What is needed is installed.')
}

async function setUpTests() {
  if (!findSecantusRust() && !(await installSecantusRust(console.log))) {
    throw new Problem('SecantusDB (Rust) could not be installed; see above.')
  }
  if (!findChromium()) {
    console.log('There is no browser: the tests of the demo will be skipped.')
    console.log('Install Google Chrome, or say in CHROMIUM where one is.')
  }
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

main(process.argv.slice(2)).catch(fail)
