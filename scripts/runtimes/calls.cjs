'use strict'

// Every call of a store: what each platform, each runtime and each way to load the package has to be able
// to do, beyond a set, a get and a destroy.
// It takes nothing from its surroundings: its text is also put into programs that are bundled or compiled.

/**
 * @param {typeof import('../..')} SessionStore
 * @param {string} connection a replica set's: a standalone server cannot be watched
 */
async function useEveryCall(SessionStore, connection) {
  const same = (found, wanted) => {
    const [one, other] = [found, wanted].map((value) => JSON.stringify(value))
    if (one !== other) throw new Error(`it is ${one}, not ${other}`)
  }
  const user = { 'userInfo.id': 7 }
  const ids = ['one', 'three', 'two']

  const store = new SessionStore({ connection, collection: 'every_call', indexes: ['userInfo.id'] })
  await store.clear()
  await Promise.all(ids.map((id) => store.set(id, { id, userInfo: { id: 7 } })))
  same([await store.touch('one'), await store.touch('four')], [true, false])
  same(await store.length(user), 3)
  same(await store.ids(user).toArray(), ids)
  const listed = []
  for await (const { id, data, expiresAt } of store.all()) {
    listed.push([id, data?.id, expiresAt instanceof Date])
  }
  same(
    listed,
    ids.map((id) => [id, id, true]),
  )
  const changes = store.watch()
  await changes.opened
  await store.set('watched', {})
  same((await changes.next()).value, { type: 'create', id: 'watched' })
  await changes.return()
  same(await store.destroyMany(user, { except: 'one' }), 2)
  same(await store.ids(user).toArray(), ['one'])
  const { looked, adopted } = await store.adopt()
  same([looked, adopted], [2, 0])
  same(store.stats().calls.set.outcomes, { create: 4 })
  await store.clear()
  same(await store.length(), 0)
  await store.close()

  // What is sealed is nothing to who lacks the keys.
  const key = 'a key of at least thirty-two bytes'
  const options = { connection, collection: 'every_call_sealed' }
  const sealed = new SessionStore({ ...options, encryption: { keys: [key] }, hashIds: { key } })
  await sealed.clear()
  await sealed.set('sealed', { views: 1 })
  same(await sealed.get('sealed'), { views: 1 })
  const plain = new SessionStore(options)
  same((await plain.get('sealed')) === undefined, true)
  const [other] = await plain.all().toArray()
  same([other.id, other.error?.code], [sealed.storedId('sealed'), 'ERR_DECRYPT'])
  await sealed.destroy('sealed')
  await Promise.all([sealed.close(), plain.close()])
}

module.exports = { useEveryCall }
