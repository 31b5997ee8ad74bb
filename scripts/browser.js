'use strict'

// The browser that the tests of the demo drive.

const { runQuietly } = require('./command')

/** Its package in Debian. */
const CHROMIUM = 'chromium'

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/google-chrome', '/usr/bin/chromium-browser']

/** @returns {string | undefined} the program, where there is one */
function findChromium() {
  const programs = process.env.CHROMIUM ? [process.env.CHROMIUM] : PROGRAMS
  return programs.find((program) => runQuietly(program, ['--version']).ok)
}

module.exports = { CHROMIUM, findChromium }
