'use strict'

// The pages that readers see, in parts: headings, links, tables and fenced blocks.

const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..', '..')

/** Every page of the repository that is for readers. */
function allPages() {
  const own = fs.readdirSync(root).filter((name) => name.endsWith('.md'))
  const docs = fs
    .readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
  const others = ['fuzz/README.md', 'bench/results/results.md']
  return [...own, ...docs.map((name) => `docs/${name}`), ...others]
}

/** @param {string} file from the repository's root */
function readPage(file) {
  const text = fs.readFileSync(path.join(root, file), 'utf8')
  const fences = text.matchAll(/^```([^\n`]*)\n(.*?)^```$/gms)
  const blocks = Array.from(fences, ([, info, code]) => {
    const [language = '', kind] = info.trim().split(/\s+/)
    return { file, language, kind, code, used: false }
  })
  const prose = text.replace(/^```.*?^```$/gms, '')
  const headings = Array.from(prose.matchAll(/^(#+) (.+)$/gm), ([, marks, words]) => ({
    level: marks.length,
    words: words.trim(),
  }))
  return {
    file,
    text,
    prose,
    blocks,
    headings,
    anchors: anchorsOf(headings),
    links: linksOf(prose),
  }
}

/** As GitHub makes them: a number is added where the same words came before. */
function anchorsOf(headings) {
  const seen = new Map()
  return headings.map(({ words }) => {
    const plain = words.replaceAll(/[`*]|\]\([^)]*\)|\[/g, '').toLowerCase()
    const anchor = plain.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-')
    const times = seen.get(anchor) ?? 0
    seen.set(anchor, times + 1)
    return times === 0 ? anchor : `${anchor}-${times}`
  })
}

/** The targets of links and images, inline or as references. */
function linksOf(prose) {
  const withoutCode = prose.replaceAll(/`[^`]*`/g, '``')
  const inline = withoutCode.matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)
  const references = withoutCode.matchAll(/^\[[^\]]+\]: (\S+)/gm)
  return [...inline, ...references].map(([, target]) => target)
}

/** The rows of all tables whose first cell is code: the words in code, and the other cells. */
function rowsOf(text) {
  return Array.from(text.matchAll(/^\| (`[^|]+) \| (.*) \|$/gm), ([, first, rest]) => ({
    names: Array.from(first.matchAll(/`([^`]+)`/g), ([, name]) => name),
    cells: rest.split(' | '),
  }))
}

/** The next block of a page with these words in it. */
function take(page, words) {
  const block = page.blocks.find(({ code, used }) => !used && code.includes(words))
  if (!block) throw new Error(`${page.file} has no block with ${words}`)
  block.used = true
  return block.code
}

module.exports = { allPages, linksOf, readPage, root, rowsOf, take }
