'use strict'

/**
 * What every failure of the store is. `code` is stable; `message` is for people and never shows a
 * password, a key, a session id or session content.
 */
class SessionStoreError extends Error {
  /**
   * @param {string} code one of the codes that docs/errors.md lists
   * @param {string} message
   * @param {{ cause?: unknown, mongoCode?: number }} [details]
   */
  constructor(code, message, { cause, mongoCode } = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    if (mongoCode !== undefined) {
      /** MongoDB's own number for the error, where it gave one. */
      this.mongoCode = mongoCode
    }
  }
}

// On the prototype, as in Node's own errors, so that it does not show among the error's fields.
Object.defineProperty(SessionStoreError.prototype, 'name', {
  value: 'SessionStoreError',
  configurable: true,
  writable: true,
})

/**
 * @param {string} message
 * @param {unknown} [cause]
 */
function optionsError(message, cause) {
  return new SessionStoreError('ERR_OPTIONS', message, { cause })
}

// One by one: TypeScript 7 sees the class as a type only so.
exports.SessionStoreError = SessionStoreError
exports.optionsError = optionsError
