'use strict'

// npm run test:reproducible: builds a platform's binary from two clean clones in different folders,
// and compares the bytes. Takes two whole builds.
//   npm run test:reproducible -- linux-x64-musl      another platform than linux-x64-gnu

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { Problem, elapsed, fail, root, run, runQuietly } = require('../command')
const { CACHE, binaryFile, choose } = require('./list')
const { recipeFor } = require('./recipe')

async function main(names) {
  const [platform] = choose(names.length > 0 ? names : ['linux-x64-gnu'])
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'koa-session-reproduce-'))
  try {
    // Installs the tools, where they are not there yet: once, for both clones.
    fs.mkdirSync(CACHE, { recursive: true })
    await recipeFor(platform, console.log)
    // Of unequal length, and one with a space.
    const clones = ['one', 'another clone of it'].map((name) => path.join(folder, name))
    const built = []
    for (const clone of clones) built.push(await build(clone, platform))
    const difference = built[0].findIndex((byte, index) => byte !== built[1][index])
    if (built[0].length !== built[1].length || difference !== -1) {
      throw new Problem(`The two differ, first at byte ${difference}.`)
    }
    console.log(
      `\n✓ Two builds of ${platform.name} in different folders have the same ${built[0].length} bytes`,
    )
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

async function build(clone, platform) {
  const start = performance.now()
  const cloned = runQuietly('git', ['clone', '--quiet', root, clone])
  if (!cloned.ok) throw new Problem('git cannot clone the repository.', cloned.stderr.trim())
  // The tools are large, and the same; what is compiled is not shared.
  const cache = path.join(clone, path.basename(CACHE))
  fs.mkdirSync(cache)
  for (const name of fs.readdirSync(CACHE).filter((name) => /^(zig-|rust$)/.test(name))) {
    fs.symlinkSync(path.join(CACHE, name), path.join(cache, name))
  }
  const script = path.join(clone, 'scripts/platforms/build.js')
  if ((await run(process.execPath, [script, platform.name])) !== 0) {
    throw new Problem('A build failed; what it said is above.')
  }
  console.log(`A build in ${elapsed(start)}`)
  return fs.readFileSync(path.join(clone, path.relative(root, binaryFile(platform))))
}

main(process.argv.slice(2)).catch(fail)
