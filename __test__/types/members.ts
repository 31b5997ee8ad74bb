// What the members take and give, and that what they do not take is an error.

import { once } from 'node:events'
import {
  type SessionEvent,
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

const hear = (id: string) => id.toUpperCase()
const warned = ({ code, mongoCode }: SessionStoreError) => `${code} ${mongoCode ?? 0}`

store
  .on('create', (id) => id.toUpperCase())
  .on('dropped', (id) => id.toUpperCase())
  .once('warning', ({ code, mongoCode }) => `${code} ${mongoCode ?? 0}`)
  .addListener('update', hear)
  .prependListener('touch', hear)
  .prependOnceListener('warning', warned)
  .off('update', hear)
  .removeListener('warning', warned)
  .on('newListener', (event, listener) => store.off(event, listener))
  .removeAllListeners('touch')
  .removeAllListeners()

export const heard: boolean =
  store.emit('destroy', 'id') || store.emit('warning', {} as SessionStoreError)
export const count: number = store.listenerCount('create') + store.listenerCount('create', hear)
export const listeners: ((id: string) => void)[] = store.listeners('create')
export const next: Promise<unknown[]> = once(store, 'create')

/** Any event, whose kind only the running program knows. */
export function follow(event: SessionEvent) {
  return store.on(event, (id: string) => id)
}

export async function closedAtTheEnd() {
  await using inBlock = SessionStore.create({ connection: 'mongodb://localhost' })
  return inBlock.get('id')
}

interface MySession {
  userId: string
  views?: number
}

const typed = new SessionStore<MySession>({ connection: 'mongodb://localhost' })
export const same: SessionStore<MySession> = SessionStore.create<MySession>({
  connection: 'mongodb://localhost',
})
export const untyped: SessionStore = store

export async function withTypes() {
  const session = await typed.get('id')
  const views: number | undefined = session?.views
  const written: MySession = await typed.set('id', { userId: 'u', views: 1 })
  await typed.set('id', { userId: 'u', _expire: 1, _maxAge: 2 })
  if (session) await typed.set('id', { ...session, views: 2 })
  // @ts-expect-error: no such key
  session?.viewz
  // @ts-expect-error: a key is missing
  await typed.set('id', { views: 1 })
  // @ts-expect-error: of another type
  await typed.set('id', { userId: 'u', views: 'one' })
  // @ts-expect-error: a session is an object
  await typed.set('id', 'u')
  return { views, written }
}

class Cart {
  items: string[] = []
}

/** What may be a session. */
// biome-ignore lint/suspicious/noExplicitAny: what JavaScript hands over
export async function sessions(anything: any, record: Record<string, unknown>, mine: MySession) {
  await store.set('id', {})
  await store.set('id', anything)
  await store.set('id', record)
  await store.set('id', mine)
  await store.set('id', new Cart())
  await store.set('id', {
    list: [1],
    set: 1,
    call: 1,
    size: 2,
    has: true,
    at: new Date(),
  })
  await store.set('id', new Map([['a', 1]]))
}

/** What is none, since its content is not in its keys. */
export async function noSessions() {
  // @ts-expect-error: an array
  await store.set('x', [1])
  // @ts-expect-error: an array that cannot be changed
  await store.set('x', [1, 2] as const)
  // @ts-expect-error: a Set
  await store.set('x', new Set())
  // @ts-expect-error: a function
  await store.set('x', () => 1)
  // @ts-expect-error: a function that takes something
  await store.set('x', (a: string, b: number) => a + b)
  // @ts-expect-error: a class
  await store.set('x', Cart)
  // @ts-expect-error: a Date
  await store.set('x', new Date())
  // @ts-expect-error: a regular expression
  await store.set('x', /a/)
  // @ts-expect-error: a promise: it was not awaited
  await store.set('x', store.get('y'))
  // @ts-expect-error: a Buffer
  await store.set('x', Buffer.from('a'))
  // @ts-expect-error: bytes
  await store.set('x', new Uint8Array(1).buffer)
  // @ts-expect-error: a WeakMap
  await store.set('x', new WeakMap())
  // @ts-expect-error: a WeakSet
  await store.set('x', new WeakSet())
  // @ts-expect-error: a number
  await store.set('x', 1)
  // @ts-expect-error: null
  await store.set('x', null)
  // @ts-expect-error: nothing
  await store.set('x', undefined)
}

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
  ERR_DECRYPT: true,
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
// @ts-expect-error: a typing error
store.off('destoryed', hear)
// @ts-expect-error: a typing error
store.addListener('created', hear)
// @ts-expect-error: a typing error
store.removeListener('Create', hear)
// @ts-expect-error: a typing error
store.prependListener('updated', hear)
// @ts-expect-error: a typing error
store.emit('droped', 'id')
// @ts-expect-error: a typing error
store.listenerCount('warn')
// @ts-expect-error: a typing error
store.removeAllListeners('creat')
// @ts-expect-error: the id is missing
store.emit('create')
// @ts-expect-error: the id is a string
store.emit('create', 1)
// @ts-expect-error: the id is a string
store.on('update', (id: number) => id)
// @ts-expect-error: a warning is no id
store.on('warning', (id: string) => id)
// @ts-expect-error: an id is no warning
store.off('create', warned)
// @ts-expect-error: the model is the store's
store.session = undefined
// @ts-expect-error: no such code
export const code: SessionStoreErrorCode = 'ERR_UNKNOWN'
// @ts-expect-error: an error has a code
new SessionStoreError('closed')
