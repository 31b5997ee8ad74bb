'use strict'

// Loaded into every process of the test run, before anything else: collects what the tests keep
// secret (passwords, session ids, text in sessions) and what the store tells (errors, warnings, and
// stores as printed), and fails the process if one shows the other.

const path = require('node:path')
const { inspect } = require('node:util')
const root = path.join(__dirname, '..', '..')
const errors = require(path.join(root, 'lib', 'errors'))

/** Shorter ones, such as `id`, stand in any sentence. */
const SHORTEST = 10

/** More than this a process need not remember. */
const MOST = 20_000

const secrets = new Set()
const told = new Set()

function keep(secret) {
  if (typeof secret === 'string' && secret.length >= SHORTEST && secrets.size < MOST) {
    secrets.add(secret)
  }
}

function keepTextOf(data, depth = 0) {
  if (typeof data === 'string') {
    keep(data)
  } else if (typeof data === 'object' && data !== null && depth < 5 && !ArrayBuffer.isView(data)) {
    for (const { value } of Object.values(Object.getOwnPropertyDescriptors(data))) {
      keepTextOf(value, depth + 1)
    }
  }
}

function tell(value) {
  if (told.size < MOST) told.add(inspect(value, { depth: 10, showHidden: true }))
}

const Original = errors.SessionStoreError
errors.SessionStoreError = class SessionStoreError extends Original {
  constructor(code, message, details) {
    super(code, message, details)
    tell(this)
  }
}

errors.optionsError = (message, cause) =>
  new errors.SessionStoreError('ERR_OPTIONS', message, { cause })

// Only now, since they take the class of errors as they find it.
const options = require(path.join(root, 'lib', 'options'))
const values = require(path.join(root, 'lib', 'values'))

const { readOptions } = options
options.readOptions = (given) => {
  const { connection } = given ?? {}
  if (typeof connection === 'string') {
    keep(connection)
    const password = /^[^:]+:\/\/[^:@/]*:([^@/]*)@/.exec(connection)?.[1]
    keep(password)
  }
  keep((connection?.client ?? connection)?.options?.credentials?.password)
  return readOptions(given)
}

const { encode } = values
values.encode = (data) => {
  keepTextOf(data)
  return encode(data)
}

const SessionStore = require(root)
for (const call of ['get', 'set', 'destroy']) {
  const original = SessionStore.prototype[call]
  SessionStore.prototype[call] = function (id, ...rest) {
    keep(id)
    return original.call(this, id, ...rest)
  }
}
const { close } = SessionStore.prototype
SessionStore.prototype.close = function () {
  tell(this)
  return close.call(this)
}
process.on('warning', tell)

process.on('exit', () => {
  const shown = [...secrets].filter((secret) => [...told].some((text) => text.includes(secret)))
  if (shown.length > 0) {
    const text = [...told].find((words) => words.includes(shown[0]))
    console.error(`The store shows what it has to keep to itself: ${shown[0]}\nin: ${text}`)
    process.exitCode = 1
  }
})
