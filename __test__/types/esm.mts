// Imports in an ES module, with Node's resolution and with a bundler's.

import SessionStore, * as all from 'koa-session-mongo-native'
import {
  SessionStore as Named,
  SessionStoreError,
  type SessionStoreOptions,
} from 'koa-session-mongo-native'

const options: SessionStoreOptions = { connection: 'mongodb://localhost' }
export const store: SessionStore = new SessionStore(options)
export const same: typeof SessionStore = Named
export const spaced: typeof SessionStore = all.default
export const error: Error = new SessionStoreError('ERR_AUTH', 'refused')

// @ts-expect-error: the module has these three values only
all.createStore
