'use strict'

// The browser that the tests of the demo drive.

const fs = require('node:fs')
const { runQuietly } = require('./command')

/** Its package in Debian. Ubuntu has one of that name, too, but no browser in it. */
const CHROMIUM = isUbuntu() ? undefined : 'chromium'

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser']

/** @returns {string | undefined} the program, where there is one */
function findChromium() {
  const programs = process.env.CHROMIUM ? [process.env.CHROMIUM] : PROGRAMS
  return programs.find((program) => runQuietly(program, ['--version']).ok)
}

function isUbuntu() {
  const file = '/etc/os-release'
  return fs.existsSync(file) && /^ID=ubuntu$/m.test(fs.readFileSync(file, 'utf8'))
}

module.exports = { CHROMIUM, findChromium }
