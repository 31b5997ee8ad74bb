'use strict'

/**
 * Gives the stored id of a session's id, as Rust does: `src/seal/ids.rs`.
 * @param {import('./keys').Keys | undefined} hashIds
 * @returns {(id: string) => string}
 */
function storedIdOf(hashIds) {
  if (!hashIds) {
    return (id) => id
  }
  // Only now: loading it would be the longest part of making a store, and few ask for hashes.
  const { createHmac, hkdfSync } = require('node:crypto')
  const [secret] = hashIds()
  /** @type {Buffer | undefined} */
  let key
  return (id) => {
    key ??= Buffer.from(hkdfSync('sha256', secret, 'koa-session-mongo-native', 'ids', 32))
    return `h1.${createHmac('sha256', key).update(id).digest('base64url')}`
  }
}

exports.storedIdOf = storedIdOf
