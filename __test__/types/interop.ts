// A default import in CommonJS, by esModuleInterop, and named imports beside it.

import SessionStore, {
  SessionStore as Named,
  SessionStoreError,
  type SessionStoreErrorCode,
} from 'koa-session-mongo-native'

export const store: SessionStore = new SessionStore({ connection: 'mongodb://localhost' })
export const named: Named = new Named({ connection: 'mongodb://localhost' })
export const same: typeof SessionStore = Named
export const code: SessionStoreErrorCode = new SessionStoreError('ERR_AUTH', 'refused').code
