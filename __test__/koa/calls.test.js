'use strict'

// The three calls as koa-session 5 makes them, without ctx, and their order.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { useDatabase } = require('../support/database')

let store
const database = useDatabase({
  setUp: () => {
    // The long sequences below are longer under way than a web request may be.
    store = database.store({ timeoutMS: 120_000 })
  },
})

/** Random numbers below `limit`, the same for the same seed. */
function randomNumbers(seed) {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

describe('a call without ctx', { timeout: 120_000 }, () => {
  it('get resolves to undefined for an unknown id', async () => {
    assert.equal(await store.get('unknown'), undefined)
    assert.equal(await store.get('unknown', 1000, { rolling: false }), undefined)
  })

  it('set resolves to the very data it was given', async () => {
    const data = { a: { b: new Date() } }
    assert.equal(await store.set('very', data, 1000, { changed: true, rolling: false }), data)
    assert.equal(await store.set('very', data), data)
  })

  it('set writes the whole session, whatever `changed` and `rolling` say', async () => {
    await store.set('whole', { a: 1, b: 1 }, 1000, { changed: true, rolling: false })
    await store.set('whole', { b: 2 }, 1000, { changed: false, rolling: false })
    assert.deepEqual(await store.get('whole'), { b: 2 })
    await store.set('made', { a: 1 }, 1000, { changed: false })
    assert.deepEqual(await store.get('made'), { a: 1 })
  })

  it('set with a ctx that read nothing writes the whole session', async () => {
    const request = { ctx: {} }
    await store.set('elsewhere', { a: 1 })
    await store.get('elsewhere', 1000, request)
    await store.get('not there', 1000, request)
    await store.set('not there', { a: 1 }, 1000, request)
    assert.deepEqual(await store.get('not there'), { a: 1 })
    await store.set('whole', { a: 1 })
    await store.set('whole', { b: 1 }, 1000, request)
    assert.deepEqual(await store.get('whole'), { b: 1 })
  })

  it('destroy ends a session, and does not mind that there is none', async () => {
    await store.set('ended', { a: 1 })
    await store.destroy('ended')
    assert.equal(await store.get('ended'), undefined)
    assert.equal(await database.document('ended'), null)
    await store.destroy('ended')
    await store.destroy('never there')
  })

  it('works on an id as it is', async () => {
    const ids = ['a.b', '$where', '__proto__', '{"$ne":null}', 'ключ 🔑', ' ', 'x'.repeat(1024)]
    await Promise.all(ids.map((id) => store.set(id, { id })))
    for (const id of ids) {
      assert.deepEqual(await store.get(id), { id })
      assert.equal((await database.document(id)).data.id, id)
    }
  })
})

describe('operations on one id', { timeout: 240_000 }, () => {
  it('take effect in the order of their calls, without being awaited', async () => {
    const results = await Promise.all([
      store.get('order'),
      store.set('order', { step: 1 }),
      store.get('order'),
      store.set('order', { step: 2 }),
      store.set('order', { step: 3 }),
      store.get('order'),
      store.destroy('order'),
      store.get('order'),
      store.set('order', { step: 4 }),
      store.get('order'),
    ])
    const gets = [0, 2, 5, 7, 9].map((index) => results[index]?.step)
    assert.deepEqual(gets, [undefined, 1, 3, undefined, 4])
  })

  it('agree with a Map, thousands of them on few ids', async () => {
    const seed = Date.now() % 1_000_000
    const random = randomNumbers(seed)
    const model = new Map()
    const pending = []
    for (let step = 0; step < 3000; step++) {
      const id = `few ${random(12)}`
      const choice = random(10)
      if (choice < 7) {
        const expected = model.get(id)
        pending.push(store.get(id).then((found) => ({ step, found, expected })))
      } else if (choice < 9) {
        const session = random(2) ? { step } : { step, at: new Date(step) }
        model.set(id, session)
        pending.push(store.set(id, session))
      } else {
        model.delete(id)
        pending.push(store.destroy(id))
      }
    }
    for (const result of await Promise.all(pending)) {
      if (result && 'found' in result) {
        const { step, found, expected } = result
        assert.deepEqual(found, expected, `step ${step} of seed ${seed}`)
      }
    }
    for (let number = 0; number < 12; number++) {
      const id = `few ${number}`
      assert.deepEqual((await database.document(id))?.data, model.get(id), `seed ${seed}`)
    }
  })

  it('of one request take effect in the order of their calls, too', async () => {
    const request = { ctx: {} }
    await store.set('same', { a: 1 })
    await store.get('same', 1000, request)
    await Promise.all([
      store.set('same', { a: 2, b: 1 }, 1000, request),
      store.set('same', { a: 1, c: 1 }, 1000, request),
    ])
    assert.deepEqual(await store.get('same'), { a: 1, c: 1 })
  })

  it('that are refused do not hold up the others', async () => {
    const circular = {}
    circular.self = circular
    const [, refused, found] = await Promise.allSettled([
      store.set('refused', { a: 1 }),
      store.set('refused', circular),
      store.get('refused'),
    ])
    assert.equal(refused.reason.code, 'ERR_SESSION_VALUE')
    assert.deepEqual(found.value, { a: 1 })
  })
})

describe('close', { timeout: 60_000 }, () => {
  it('finishes what was accepted, and refuses what comes later', async () => {
    const own = database.store()
    const ids = Array.from({ length: 60 }, (_, index) => `closing ${index}`)
    const written = ids.flatMap((id) => [own.set(id, { a: 1 }), own.set(id, { a: 2 })])
    const closed = own.close()
    const expected = { name: 'SessionStoreError', code: 'ERR_CLOSED' }
    await assert.rejects(own.get('late'), expected)
    await assert.rejects(own.set('late', {}), expected)
    await assert.rejects(own.destroy('late'), expected)
    await closed
    await Promise.all(written)
    const documents = await Promise.all(ids.map((id) => database.document(id)))
    assert.ok(documents.every(({ data }) => data.a === 2))
    await assert.rejects(own.get('late'), expected)
    await own.close()
  })

  it('of a store that was never used resolves', async () => {
    await database.store().close()
  })

  it('is what `await using` calls at the end of its block', async () => {
    const own = database.store()
    const written = own.set('used', { a: 1 })
    await own[Symbol.asyncDispose]()
    await written
    await assert.rejects(own.get('used'), { code: 'ERR_CLOSED' })
    assert.deepEqual(await store.get('used'), { a: 1 })
  })
})
