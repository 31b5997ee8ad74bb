'use strict'

// Before npm publish of the repository itself: it would publish the addon of this machine's platform
// to all, and none of the others.

const { Problem, fail } = require('../command')

fail(
  new Problem(
    'This folder is not what is published.',
    'npm run build:all && npm run pack:all makes what is; npm run release publishes it.',
  ),
)
