'use strict'

const { readFileSync } = require('node:fs')

/**
 * The memory of this process in bytes, without the pages of files: the system takes those back and
 * reads them again as it sees fit.
 */
function memory() {
  const anonymous = /^RssAnon:\s+(\d+) kB$/m.exec(status())
  return anonymous ? Number(anonymous[1]) * 1024 : process.memoryUsage.rss()
}

/** As Linux tells it; empty elsewhere. */
function status() {
  try {
    return readFileSync('/proc/self/status', 'utf8')
  } catch {
    return ''
  }
}

module.exports = { memory }
