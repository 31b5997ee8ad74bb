// `require` in TypeScript: `const SessionStore = require(…)` and its destructuring.

import SessionStore = require('koa-session-mongo-native')

import type { SessionStoreOptions } from 'koa-session-mongo-native'

const { SessionStore: Named, SessionStoreError } = SessionStore

const options: SessionStoreOptions = { connection: 'mongodb://localhost', expires: 86400 }
const store: SessionStore = new SessionStore(options)
const named: SessionStore = new Named(options)
const created: SessionStore.SessionStore = Named.create(options)
const error: SessionStore.SessionStoreError = new SessionStoreError('ERR_CLOSED', 'closed')

export = { store, named, created, error }
