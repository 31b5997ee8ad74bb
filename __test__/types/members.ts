// What the members take and give, and that what they do not take is an error.

import {
  SessionStore,
  SessionStoreError,
  type SessionStoreErrorCode,
} from 'koa-session-mongo-native'

const store = SessionStore.create({ connection: 'mongodb://localhost' })
const ctx = {}

export async function right() {
  const session = await store.get('id', 86_400_000, { ctx, rolling: false })
  const name: string = session?.userInfo.name
  const written: { views: number } = await store.set('id', { views: 1 }, 'session', { ctx })
  await store.set('id', { views: 1 })
  const gone: Promise<void> = store.destroy('id', { ctx })
  const closed: Promise<void> = store.close()
  const documents = await store.session?.find()
  return { name, written, gone, closed, documents }
}

store
  .on('create', (id) => id.toUpperCase())
  .on('dropped', (id) => id.toUpperCase())
  .once('warning', ({ code, mongoCode }) => `${code} ${mongoCode ?? 0}`)

export function isAway(error: unknown) {
  return error instanceof SessionStoreError && error.code === 'ERR_UNAVAILABLE'
}

export const everyCode: Record<SessionStoreErrorCode, true> = {
  ERR_OPTIONS: true,
  ERR_SESSION_ID: true,
  ERR_SESSION_VALUE: true,
  ERR_SESSION_TOO_LARGE: true,
  ERR_UNAVAILABLE: true,
  ERR_TIMEOUT: true,
  ERR_AUTH: true,
  ERR_SERVER: true,
  ERR_CLOSED: true,
  ERR_BINARY: true,
  INFO_AVAILABLE: true,
}

export async function wrong() {
  // @ts-expect-error: an id is a string
  await store.get(1)
  // @ts-expect-error: there may be no session
  ;(await store.get('id')).userInfo
  // @ts-expect-error: a session is an object
  await store.set('id', 'text')
  // @ts-expect-error: a word for maxAge is 'session'
  await store.set('id', {}, 'forever')
  // @ts-expect-error: destroy takes no maxAge
  await store.destroy('id', 1000)
}

// @ts-expect-error: the store never emits this
store.on('error', () => {})
// @ts-expect-error: a typing error
store.once('destroyed', () => {})
// @ts-expect-error: the id is a string
store.on('update', (id: number) => id)
// @ts-expect-error: the model is the store's
store.session = undefined
// @ts-expect-error: no such code
export const code: SessionStoreErrorCode = 'ERR_UNKNOWN'
// @ts-expect-error: an error has a code
new SessionStoreError('closed')
