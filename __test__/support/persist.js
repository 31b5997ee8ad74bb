'use strict'

const assert = require('node:assert/strict')
const { GONE } = require('./network')

/** Calls again for as long as there is no server or no answer; not, once it `isHopeless`. */
async function persist(call, isHopeless = () => false) {
  while (!isHopeless()) {
    try {
      return await call()
    } catch (error) {
      assert.ok(GONE.includes(error.code), error)
    }
  }
  return undefined
}

module.exports = { persist }
