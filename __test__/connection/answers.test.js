'use strict'

// Answers that are unusual, and what is told of them. A proxy makes them.

const assert = require('node:assert/strict')
const { inspect } = require('node:util')
const { describe, it } = require('node:test')
const { causeOf, failure } = require('../support/outcome')
const { useNetwork } = require('../support/network')
const { GREETINGS, faults } = require('../support/proxy')

const network = useNetwork()
const KEPT = 'what the server says may repeat content'

/** What every server says of itself; no more, so that the driver does not go round the proxy. */
const GREETING = {
  ok: 1,
  maxBsonObjectSize: 2 ** 24,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  minWireVersion: 0,
  maxWireVersion: 21,
  readOnly: false,
}

describe('a server', { timeout: 60_000 }, () => {
  it('that is not behind a load balancer is not for `loadBalanced`', async () => {
    const connection = network.proxy.uri.replace('directConnection', 'loadBalanced')
    const store = network.store({ connection })
    store.on('warning', () => {})
    for (const call of [() => store.get('id'), () => store.set('id', {})]) {
      const { code, message } = await failure(call())
      assert.equal(code, 'ERR_OPTIONS')
      assert.match(
        message,
        /^`loadBalanced` is for servers behind a load balancer .* leave it out$/,
      )
    }
  })

  it('that refuses an operation without a code is told so', async () => {
    const store = network.store()
    await store.set('id', { a: 1 })
    const refused = network.proxy.inject((exchange) => exchange.pretend({ ok: 0, errmsg: KEPT }), {
      times: Infinity,
    })
    for (const call of [
      () => store.get('id'),
      () => store.set('id', {}),
      () => store.destroy('id'),
    ]) {
      const error = await failure(call())
      assert.equal(error.code, 'ERR_SERVER')
      assert.equal(error.message, 'MongoDB refused the operation without a code that says why')
      assert.ok(!inspect(error).includes(KEPT))
    }
    refused.end()
    assert.deepEqual(await store.get('id'), { a: 1 })
  })

  const causes = {
    'that refuses the greeting': [
      () => ({ ok: 0, code: 59, codeName: 'CommandNotFound', errmsg: KEPT }),
      /: refused the driver's greeting \(CommandNotFound, code 59\)$/,
    ],
    'that refuses the greeting without a code': [
      () => ({ ok: 0, errmsg: KEPT }),
      /: refused the driver's greeting without a code, or answered as no MongoDB does$/,
    ],
    'that is too old': [
      () => ({ ...GREETING, ismaster: true, maxWireVersion: 6 }),
      /: is older than MongoDB 4\.4, or answers as if it were$/,
    ],
    'whose replica set is not initiated': [
      () => ({ ...GREETING, ismaster: false, isreplicaset: true }),
      /: its replica set is not initiated, or does not know it$/,
    ],
  }
  for (const [name, [change, cause]] of Object.entries(causes)) {
    it(`${name} is told so`, async () => {
      network.proxy.inject(faults.rewrite(change), { commands: GREETINGS, times: Infinity })
      const connection = network.proxy.uri.replace('?directConnection=true', '')
      const told = await causeOf({ connection })
      assert.match(told, cause)
      assert.ok(!told.includes(KEPT))
    })
  }
})
