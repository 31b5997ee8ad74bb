'use strict'

// What the constructor's options and a connection become: an address for the Rust side, in which
// nothing is lost.

const assert = require('node:assert/strict')
const { readOptions } = require('../../lib/options/options')
const { SessionStoreError } = require('../../lib/errors')

/** The address that a store made with these options connects to. */
function addressOf(options) {
  const { uri, ...address } = readOptions(options).source.address()
  const [base, query] = uri.split('?')
  return { base, parameters: Object.fromEntries(new URLSearchParams(query)), ...address }
}

function parametersOf(options) {
  return addressOf(options).parameters
}

/** What the error says that the options cause; it must not show any of the secrets. */
function refusal(options, secrets = []) {
  let error
  assert.throws(
    () => readOptions(options),
    (thrown) => {
      error = thrown
      return true
    },
  )
  assert.ok(error instanceof SessionStoreError, String(error))
  assert.equal(error.code, 'ERR_OPTIONS')
  for (const secret of secrets) assert.ok(!error.message.includes(secret), error.message)
  return error.message
}

module.exports = { addressOf, parametersOf, refusal }
