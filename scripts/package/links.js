'use strict'

// The README on the package's page at npm, where a relative link leads nowhere. The address of the
// repository stands in one place, `repository` in package.json: with that line links are absolute.
// Without it they stay as they are, and lead to the pages that the package carries.

/**
 * @param {string} text Markdown
 * @param {{ version: string, repository?: string | { url: string } }} manifest
 */
function withAbsoluteLinks(text, { version, repository }) {
  const address = typeof repository === 'string' ? repository : repository?.url
  if (!address) return text
  const base = address.replace(/^git\+/, '').replace(/\.git$/, '')
  return text.replaceAll(
    /(!?\[[^\]]*\])\((?!https?:|#)([^)\s]+)\)/g,
    (_, words, target) =>
      `${words}(${base}/${words.startsWith('!') ? 'raw' : 'blob'}/v${version}/${target})`,
  )
}

module.exports = { withAbsoluteLinks }
