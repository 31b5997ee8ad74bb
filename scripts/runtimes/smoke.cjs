'use strict'

// What every runtime has to be able to do: node smoke.cjs, bun smoke.cjs, deno run -A smoke.cjs.

const assert = require('node:assert/strict')
const { SessionStore } = require('../..')
const { useEveryCall } = require('./calls.cjs')

async function main() {
  const connection = process.env.MONGODB_URI ?? ''
  const store = new SessionStore({ connection })
  const session = { views: 1, when: new Date(0), name: 'Zoë 🍪' }
  await store.set('smoke', session)
  assert.deepEqual(await store.get('smoke'), session)
  const ids = Array.from({ length: 200 }, (_, index) => `smoke ${index}`)
  await Promise.all(ids.map((id, index) => store.set(id, { index })))
  const read = await Promise.all(ids.map((id) => store.get(id)))
  assert.deepEqual(
    read.map((session) => session?.index),
    ids.map((_, index) => index),
  )
  await Promise.all(ids.map((id) => store.destroy(id)))
  await store.destroy('smoke')
  assert.equal(await store.get('smoke'), undefined)
  await assert.rejects(store.set('', {}), { name: 'SessionStoreError', code: 'ERR_SESSION_ID' })
  await store.close()
  await assert.rejects(store.get('smoke'), { code: 'ERR_CLOSED' })
  await useEveryCall(SessionStore, connection)
  console.log('Every call works, also 200 at once')
}

main()
