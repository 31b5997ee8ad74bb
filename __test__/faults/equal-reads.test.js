'use strict'

// Many requests for one session at once: they are answered together, but not with a copy for each of
// them in memory at the same time.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const { describe, test } = require('node:test')
const { useNetwork } = require('../support/network')
const { runInProcess } = require('../support/process')

const STATUS = '/proc/self/status'
const skip = fs.existsSync(STATUS) ? false : 'only Linux says how much memory a process ever used'

const LENGTH = 100_000
const MANY = 6000

describe('reads of one session', { timeout: 120_000, skip }, () => {
  const network = useNetwork()

  test('take less memory at once than a copy for each of them', async () => {
    const { code, stdout, stderr } = await runInProcess(
      async ({ SessionStore, options: { length, many, status, ...options } }) => {
        const { readFileSync } = require('node:fs')
        const peak = () => Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(status, 'utf8'))[1])
        const store = new SessionStore(options)
        await store.set('one', { text: 'x'.repeat(length) })
        const read = async () => {
          const session = await store.get('one')
          if (session.text.length !== length) throw new Error('not the session')
        }
        for (let each = 0; each < 200; each++) await read()
        const before = peak()
        await Promise.all(Array.from({ length: many }, read))
        console.log((peak() - before) * 1024)
        await store.close()
      },
      {
        connection: network.proxy.uri,
        timeoutMS: 30_000,
        length: LENGTH,
        many: MANY,
        status: STATUS,
      },
    )
    assert.equal(code, 0, stderr)
    const grown = Number(stdout)
    assert.ok(grown < MANY * LENGTH, `${grown} bytes for ${MANY} reads of ${LENGTH}`)
  })
})
