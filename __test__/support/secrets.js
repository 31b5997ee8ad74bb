'use strict'

// Loaded into every process and thread of the test run, before anything else: collects what the
// tests keep secret (passwords, session ids, text in sessions) and what the store tells (errors,
// warnings, and stores as printed), and fails the process if one shows the other.

const fs = require('node:fs')
const path = require('node:path')
const { inspect, types } = require('node:util')
const { isMainThread } = require('node:worker_threads')
const root = path.join(__dirname, '..', '..')
const errors = require(path.join(root, 'lib', 'errors'))

/** Shorter ones, such as `id`, stand in any sentence. */
const SHORTEST = 10

/** More than this a process need not remember. */
const MOST = 20_000

/** So deep the text of a session is looked for: an instance may hold on to anything. */
const DEEPEST = 100
const DEEPEST_INSTANCE = 5

/** The events whose only argument is an id, as it should be. */
const EVENTS_WITH_ID = ['create', 'update', 'touch', 'destroy', 'dropped']

const secrets = new Set()
const told = new Set()

function keep(secret) {
  if (typeof secret === 'string' && secret.length >= SHORTEST && secrets.size < MOST) {
    secrets.add(secret)
  }
}

function keepTextOf(data, depth = 0, seen = new Set()) {
  if (typeof data === 'string') {
    keep(data)
  } else if (typeof data === 'object' && data !== null && !ArrayBuffer.isView(data)) {
    const deepest = isOfSession(data) ? DEEPEST : DEEPEST_INSTANCE
    if (depth >= deepest || seen.has(data)) return
    seen.add(data)
    const properties = Object.values(Object.getOwnPropertyDescriptors(data))
    const items = types.isMap(data) ? [...data.values()] : []
    for (const value of [...properties.map(({ value }) => value), ...items]) {
      keepTextOf(value, depth + 1, seen)
    }
  }
}

/** As much as can be read: a Proxy may throw at whoever looks. */
function keepReadable(data) {
  try {
    keepTextOf(data)
  } catch {
    // What nobody can read, nobody can show.
  }
}

/** Text is in objects, in arrays, in maps, and in what BSON has for references and code. */
function isOfSession(data) {
  const prototype = Object.getPrototypeOf(data)
  const isPlain = prototype === Object.prototype || prototype === null
  return isPlain || Array.isArray(data) || types.isMap(data) || '_bsontype' in data
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
const options = require(path.join(root, 'lib', 'options', 'options'))
const values = require(path.join(root, 'lib', 'values', 'values'))

function decoded(text) {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const { readOptions } = options
options.readOptions = (given) => {
  const { connection } = given ?? {}
  if (typeof connection === 'string') {
    keep(connection)
    const password = /^[^:]+:\/\/[^:@/]*:([^@/]*)@/.exec(connection)?.[1]
    keep(password)
    keep(decoded(password))
  }
  keep((connection?.client ?? connection)?.options?.credentials?.password)
  return readOptions(given)
}

const { decoder, encode } = values
values.encode = (data, written) => {
  keepReadable(data)
  return encode(data, written)
}
values.decoder = (bson) => {
  const decode = decoder(bson)
  return (content) => {
    const data = decode(content)
    keepReadable(data)
    return data
  }
}

const SessionStore = require(root)
for (const call of ['get', 'set', 'destroy']) {
  const original = SessionStore.prototype[call]
  SessionStore.prototype[call] = function (id, ...rest) {
    keep(id)
    return original.call(this, id, ...rest)
  }
}
const { emit } = SessionStore.prototype
SessionStore.prototype.emit = function (event, ...details) {
  if (!EVENTS_WITH_ID.includes(event)) details.forEach(tell)
  return emit.call(this, event, ...details)
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
    const message = `The store shows what it has to keep to itself: ${shown[0]}\nin: ${text}\n`
    fs.writeSync(2, message)
    process.exitCode = 1
    // A thread has an exit code of its own, which nobody may look at.
    if (!isMainThread) process.kill(process.pid, 'SIGKILL')
  }
})
