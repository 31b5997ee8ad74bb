'use strict'

// Before npm pack: a package without an addon would install, and fail when the first store is made.
// What npm pack makes of the repository itself is for this machine's platform alone.

const fs = require('node:fs')
const path = require('node:path')
const { Problem, fail, root } = require('../command')

try {
  const built = fs.readdirSync(root).filter((name) => name.endsWith('.node'))
  if (built.length === 0) {
    throw new Problem(
      'The native addon is not built, so the package would not work.',
      'Build it for this machine: npm run setup\nFor all platforms, in packages of their own: npm run build:all && npm run pack:all',
    )
  }
  for (const name of require('../../package.json').files) {
    if (name.includes('*') || fs.existsSync(path.join(root, name))) continue
    throw new Problem(`There is no ${name}.`, 'Build the addon: npm run setup')
  }
} catch (error) {
  fail(error)
}
