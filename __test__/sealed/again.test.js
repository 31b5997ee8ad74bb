'use strict'

// With `encryption` everything that holds without it holds as well: the files that are about requests
// at the same time, changes, koa-session and random histories run once more, every store encrypting
// (`__test__/support/database.js`).

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { readdirSync } = require('node:fs')
const path = require('node:path')
const { text } = require('node:stream/consumers')
const { describe, test } = require('node:test')

const filesOf = (folder) =>
  readdirSync(path.join(__dirname, '..', folder)).map((file) => `${folder}/${file}`)

/** By what is on besides. */
const RUNS = {
  encryption: [...filesOf('concurrency'), ...filesOf('koa')],
  hashIds: ['concurrency/history.test.js', 'concurrency/concurrency.test.js'],
}

/** What hangs is named by the child that it hangs in. */
const CHILD = ['--test', '--test-reporter=spec', '--test-timeout=240000']

/** A child of a test runner would report to it, and not say what failed. */
const { NODE_TEST_CONTEXT, ...environment } = process.env

for (const [what, files] of Object.entries(RUNS)) {
  describe(`with ${what}`, { timeout: 900_000 }, () => {
    for (const file of files) {
      test(`all of ${file} holds`, async () => {
        const script = path.join(__dirname, '..', file)
        const child = spawn(process.execPath, [...CHILD, script], {
          env: { ...environment, SEALED: what },
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
        assert.equal(code, 0, output)
        assert.match(output, /^ℹ pass [1-9]/m)
      })
    }
  })
}
