// The calls beyond those of koa-session: what they take and give, and that a mistake is an error.

import { SessionStore } from 'koa-session-mongo-native'

interface MySession {
  userInfo?: { id: number }
}

const store = new SessionStore<MySession>({ connection: 'mongodb://localhost' })
const user = { 'userInfo.id': 42 }

export async function right() {
  const there: boolean = await store.touch('id', 'session')
  const ids: string[] = await store.ids(user).toArray()
  for await (const { id, data, error } of store.all({ $or: [user] }, { operators: true })) {
    ids.push(`${id} ${data?.userInfo?.id} ${error?.code}`)
  }
  const count: number = (await store.length()) + (await store.length(user))
  const ended: number =
    (await store.destroyMany(user)) +
    (await store.destroyMany(user, { except: 'id', operators: false })) +
    (await store.destroyMany(user, { except: ['id'] as const }))
  const changes = store.watch(user)
  await changes.opened
  for await (const change of changes) {
    if (change.type !== 'gap') ids.push(change.id)
  }
  const { adopted, left } = await store.adopt()
  const { outcomes } = store.stats().calls.destroyMany
  await store.clear()
  return { there, count, ended, adopted, left: left.busy, outcomes, stored: store.storedId('id') }
}

export async function wrong() {
  // @ts-expect-error: of all there is clear()
  await store.destroyMany()
  // @ts-expect-error: a typing error
  await store.destroyMany(user, { excpet: 'id' })
  // @ts-expect-error: an id is a string
  await store.destroyMany(user, { except: 1 })
  // @ts-expect-error: a word for maxAge is 'session'
  await store.touch('a', 'forever')
  // @ts-expect-error: page by page, so with await
  for (const { id } of store.all()) id.toUpperCase()
  // @ts-expect-error: there is no list before toArray()
  store.ids().length
  // @ts-expect-error: a promise: it was not awaited
  const count: number = store.length()
  for await (const change of store.watch()) {
    // @ts-expect-error: a gap has no id
    change.id
    // @ts-expect-error: a typing error
    if (change.type === 'destory') break
  }
  for await (const { data } of store.all()) {
    // @ts-expect-error: it may not be readable
    data.userInfo
  }
  // @ts-expect-error: a typing error
  const { adoptd } = await store.adopt()
  // @ts-expect-error: a typing error
  store.stats().calls.gett
  // @ts-expect-error: it takes no filter, and would end more than was meant
  await store.clear({})
  // @ts-expect-error: an id is no filter
  await store.length('id')
  // @ts-expect-error: nor is a list of them
  await store.length(['id'])
  // @ts-expect-error: nor is a Map
  await store.length(new Map([['userInfo.id', 42]]))
  // @ts-expect-error: a typing error
  await store.length(user, { operator: true })
  // @ts-expect-error: an id is a string
  store.storedId(1)
  return { count, adoptd }
}
