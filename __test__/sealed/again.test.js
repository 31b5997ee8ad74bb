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

const FOLDERS = ['concurrency', 'koa']

/** A child of a test runner would report to it, and not say what failed. */
const { NODE_TEST_CONTEXT, ...environment } = process.env

describe('with every session encrypted', { timeout: 900_000 }, () => {
  for (const folder of FOLDERS) {
    for (const file of readdirSync(path.join(__dirname, '..', folder))) {
      test(`all of ${folder}/${file} holds`, async () => {
        const script = path.join(__dirname, '..', folder, file)
        const child = spawn(process.execPath, ['--test', '--test-reporter=spec', script], {
          env: { ...environment, SEALED: '1' },
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
        assert.equal(code, 0, output)
        assert.match(output, /^ℹ pass [1-9]/m)
      })
    }
  }
})
