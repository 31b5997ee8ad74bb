// The store is what koa-session takes as `store`.

import createSession, { type CreateSessionOptions } from 'koa-session-7'
import SessionStore from 'koa-session-mongo-native'

const store = new SessionStore({ connection: 'mongodb://localhost' })

export const option: CreateSessionOptions['store'] = store
export const middleware = createSession({ key: 'koa:sess', maxAge: 86400000, store }, {})

interface MySession {
  userId: string
}

const typed = new SessionStore<MySession>({ connection: 'mongodb://localhost' })
export const typedOption: CreateSessionOptions['store'] = typed

interface Session {
  toJSON(): object
  readonly length: number
  // biome-ignore lint/suspicious/noExplicitAny: as those typings have it.
  [key: string]: any
}

/** The option in the typings that koa-session 5 and 6 have apart from them, as to its shape. */
interface Stores {
  get(
    key: string,
    maxAge: number | 'session' | undefined,
    data: { rolling: boolean | undefined; ctx: object },
  ): unknown
  set(
    key: string,
    sess: Partial<Session> & { _expire?: number; _maxAge?: number },
    maxAge: number | 'session' | undefined,
    data: { changed: boolean; rolling: boolean | undefined; ctx: object },
  ): unknown
  destroy(key: string, data: { ctx: object }): unknown
}

export const older: Stores = store
export const typedOlder: Stores = typed
