'use strict'

// Before npm pack: a package without an addon would install, and fail when the first store is made; one
// with an addon from before, or without optimisation, would be taken for this version.
// What npm pack makes of the repository itself is for this machine's platform alone.

const fs = require('node:fs')
const path = require('node:path')
const { Problem, fail, root } = require('../command')
const { MOST_BYTES } = require('../platforms/examine')
const { addonIsOld } = require('../setup')

/** The system's own linker leaves somewhat more than what is delivered; without optimisation it is thrice. */
const MOST_BYTES_HERE = 1.25 * MOST_BYTES

try {
  const built = fs.readdirSync(root).filter((name) => name.endsWith('.node'))
  if (built.length === 0) {
    throw new Problem(
      'The native addon is not built, so the package would not work.',
      'Build it for this machine: npm run setup\nFor all platforms, in packages of their own: npm run build:all && npm run pack:all',
    )
  }
  if (addonIsOld()) {
    throw new Problem(
      'The native addon is older than its sources, so the package would not be what they say.',
      'Build it anew: npm run setup',
    )
  }
  for (const name of built) checkSize(name)
  for (const name of require('../../package.json').files) {
    if (name.includes('*') || fs.existsSync(path.join(root, name))) continue
    throw new Problem(`There is no ${name}.`, 'Build the addon: npm run setup')
  }
} catch (error) {
  fail(error)
}

function checkSize(name) {
  const { size } = fs.statSync(path.join(root, name))
  if (size <= MOST_BYTES_HERE || process.env.PACK_LARGE === 'true') return
  throw new Problem(
    `${name} has ${inMegabytes(size)}, and an optimised one at most ${inMegabytes(MOST_BYTES_HERE)}.`,
    'Build it anew, without CARGO_PROFILE_… in the environment: npm run build\nTo pack it as it is: PACK_LARGE=true npm pack',
  )
}

function inMegabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
