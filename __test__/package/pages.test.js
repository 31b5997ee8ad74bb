'use strict'

// Every page for readers holds together: links and anchors lead somewhere, commands are there, and
// snippets are at least valid. What a block is, its first line says:
//
//   ```js, ```ts       code for an application: type-checked; what it takes for granted is in GIVEN
//   ```js mongosh      for MongoDB's shell: parsed
//   ```json            parsed
//   ```sh              commands: npm's scripts are looked up
//   ```text, ```yaml   anything else, shown as it is

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const ts = require('typescript')
const { allPages, readPage, root } = require('../support/pages')
const { typeErrors } = require('../support/snippet-types')

const pages = allPages().map(readPage)
const byFile = new Map(pages.map((page) => [page.file, page]))
const { scripts } = require('../../package.json')

/** Programs that a reader is told to run. */
const PROGRAMS = [
  'npm',
  'npx',
  'node',
  'cargo',
  'docker',
  'git',
  'kubectl',
  'mkdir',
  'curl',
  'openssl',
]

describe('every page', () => {
  for (const { file, links } of pages) {
    it(`${file} links to what is there`, () => {
      const broken = links.filter((target) => !leadsSomewhere(file, target))
      assert.deepEqual(broken, [])
    })
  }

  for (const { file, blocks, prose } of pages) {
    it(`${file} has blocks of known kinds, and commands that are there`, () => {
      for (const { language, kind, code } of blocks) {
        const known = ['js', 'ts', 'json', 'sh', 'text', 'yaml']
        assert.ok(known.includes(language), `a block begins with \`\`\`${language}:\n${code}`)
        assert.ok(kind === undefined || (language === 'js' && kind === 'mongosh'), kind)
        if (language === 'json') JSON.parse(code)
        if (kind === 'mongosh') assert.deepEqual(syntaxErrors(code), [], code)
        if (language === 'sh') for (const line of commandsOf(code)) assertCommand(line)
      }
      for (const [, script] of prose.matchAll(/npm run ([a-z][\w:-]*)/g)) {
        assert.ok(scripts[script], `npm run ${script}`)
      }
    })
  }

  it('that shows a chart says which server it was measured with, and how to measure another', () => {
    const charts = pages.filter(({ links }) => links.some((target) => target.endsWith('.svg')))
    assert.ok(charts.length >= 3)
    for (const { file, text, links } of charts) {
      assert.match(text, /SecantusDB/, file)
      assert.match(text, /MONGODB_URI=/, file)
      for (const target of links.filter((one) => one.endsWith('.svg'))) {
        const chart = path.join(root, path.dirname(file), target)
        assert.match(fs.readFileSync(chart, 'utf8'), /Measured with /, target)
      }
    }
  })

  it('has snippets without type errors', { timeout: 120_000 }, () => {
    const snippets = pages.flatMap(({ blocks }) =>
      blocks.filter(({ language, kind }) => ['js', 'ts'].includes(language) && !kind),
    )
    assert.ok(snippets.length > 10)
    assert.deepEqual(typeErrors(snippets), [])
  })
})

function leadsSomewhere(file, target) {
  if (/^https?:\/\//.test(target)) return URL.canParse(target)
  const [place, anchor] = target.split('#')
  const wanted = place === '' ? file : path.posix.join(path.posix.dirname(file), decodeURI(place))
  if (!fs.existsSync(path.join(root, wanted))) return false
  if (anchor === undefined) return true
  const page = byFile.get(wanted) ?? (wanted.endsWith('.md') ? readPage(wanted) : undefined)
  return page?.anchors.includes(decodeURIComponent(anchor)) ?? false
}

/** Without comments and continuation lines. */
function commandsOf(code) {
  const lines = code.replaceAll(/\\\n\s*/g, ' ').split('\n')
  return lines.map((line) => line.replace(/(^|\s)# .*/, '').trim()).filter(Boolean)
}

function assertCommand(line) {
  const words = line.split(/\s+/).filter((word) => !/^[A-Z_]+=/.test(word))
  assert.ok(PROGRAMS.includes(words[0]), `${words[0]}, in: ${line}`)
  if (words[0] === 'npm' && words[1] === 'run') assert.ok(scripts[words[2]], line)
}

function syntaxErrors(code) {
  const options = { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, allowJs: true }
  const { diagnostics } = ts.transpileModule(code, {
    compilerOptions: options,
    fileName: 'snippet.mjs',
    reportDiagnostics: true,
  })
  return diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
}
