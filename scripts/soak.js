'use strict'

// npm run test:soak: the long form of what npm test proves in minutes. Prints what it did, and
// fails if anything was lost. SOAK=0.01 npm run test:soak does a hundredth of it.

const { Problem, fail, run } = require('./command')
const { setUp } = require('./setup')

async function main() {
  await setUp()
  const { prepareServers } = require('./servers/mongodb')
  await prepareServers({ patient: true })
  const code = await run('node', ['--expose-gc', '__test__/soak.js'])
  if (code !== 0) throw new Problem('The soak has found what must not be: see above.')
}

main().catch(fail)
