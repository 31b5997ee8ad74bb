'use strict'

// The text of a release: the section of CHANGELOG.md with its number.
//   node scripts/release/notes.js 1.0.0

const fs = require('node:fs')
const path = require('node:path')
const { Problem, fail, root } = require('../command')

function notesOf(version) {
  const text = fs.readFileSync(path.join(root, 'CHANGELOG.md'), 'utf8')
  const sections = text.split(/^## /m).slice(1)
  const section = sections.find((it) => it.split('\n')[0].split(' ')[0] === version)
  const notes = section?.split('\n').slice(1).join('\n').trim()
  if (notes) return notes
  throw new Problem(
    `CHANGELOG.md has no section about ${version}.`,
    `Give what the release brings the heading '## ${version}', with the day.`,
  )
}

module.exports = { notesOf }

if (require.main === module) {
  try {
    console.log(notesOf(process.argv[2] ?? ''))
  } catch (error) {
    fail(error)
  }
}
