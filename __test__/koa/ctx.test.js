'use strict'

// Whatever object a request's `ctx` is, no call throws, and what the request read is known by it.
// (Sections 5 and 6 of the contract.)

const assert = require('node:assert/strict')
const { before, describe, it } = require('node:test')
const { setImmediate } = require('node:timers/promises')
const { isDeepStrictEqual } = require('node:util')
const v8 = require('node:v8')
const vm = require('node:vm')
const fc = require('fast-check')
const { SessionStoreError } = require('../..')
const { Requests } = require('../../lib/call/knowledge')
const { decoder, encode } = require('../../lib/values/values')
const { useDatabase } = require('../support/database')

// From V8 14 on an object that cannot be extended may refuse private fields, too. Node 26 has it
// as an option; some day it may be the rule.
if (Number.parseInt(process.versions.v8, 10) >= 14) {
  v8.setFlagsFromString('--js-nonextensible-applies-to-private')
}

v8.setFlagsFromString('--expose-gc')
const collectGarbage = vm.runInNewContext('gc')

const decode = decoder(() => undefined)

let store
const database = useDatabase({
  setUp: () => {
    store = database.store()
  },
})

/** A Proxy each of whose traps throws: nobody may look at it. */
function untouchable(target = {}) {
  const names = Object.getOwnPropertyNames(Reflect)
  const trap = () => {
    throw new TypeError('do-not-show')
  }
  return new Proxy(target, Object.fromEntries(names.map((name) => [name, trap])))
}

function revoked(target = {}) {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

const OBJECTS = {
  'a frozen object': () => Object.freeze({ state: {} }),
  'a sealed object': () => Object.seal({ state: {} }),
  'an object that cannot be extended': () => Object.preventExtensions({}),
  'an object without a prototype': () => Object.create(null),
  'a frozen function': () => Object.freeze(() => {}),
  'an array': () => [],
  'a Proxy': () => new Proxy({}, {}),
  'a Proxy of a frozen object': () => new Proxy(Object.freeze({}), {}),
  'a Proxy that throws': () => untouchable(),
  'a Proxy of a frozen object that throws': () => untouchable(Object.freeze({})),
  'a revoked Proxy': () => revoked(),
  'a revoked Proxy of a function': () => revoked(() => {}),
}

const PRIMITIVES = [undefined, null, 0, 5, Number.NaN, 'ctx', true, 5n, Symbol('ctx')]

const CALLS = ['get', 'set', 'destroy']

function call(name, id, request) {
  const args = { get: [id, 1000], set: [id, { n: 1 }, 60_000], destroy: [id] }[name]
  // Throws here, not in the promise, if the call throws.
  return store[name](...args, request)
}

describe('a ctx', { timeout: 60_000 }, () => {
  for (const [name, make] of Object.entries(OBJECTS)) {
    it(`may be ${name}: what it read is known by it`, async () => {
      const ctx = make()
      const id = `a ctx: ${name}`
      await store.set(id, { mine: 1, others: 1 })
      const session = await store.get(id, 1000, { ctx })
      await store.set(id, { mine: 1, others: 2 })
      await store.set(id, { ...session, mine: 2 }, 60_000, { ctx })
      assert.deepEqual(await store.get(id), { mine: 2, others: 2 })
      await store.destroy(id)
      await store.set(id, { ...session, mine: 3 }, 60_000, { ctx })
      assert.equal(await store.get(id), undefined)
    })

    it(`may be ${name}: it is one request, not all of its kind`, async () => {
      const id = `one request: ${name}`
      await store.set(id, { n: 1 })
      await store.get(id, 1000, { ctx: make() })
      await store.destroy(id)
      await store.set(id, { n: 2 }, 60_000, { ctx: make() })
      assert.deepEqual(await store.get(id), { n: 2 })
    })
  }

  it('may be frozen between a read and a write', async () => {
    const ctx = {}
    await store.set('frozen later', { n: 1 })
    await store.get('frozen later', 1000, { ctx })
    await store.get('another', 1000, { ctx })
    Object.freeze(ctx)
    await store.get('a third', 1000, { ctx })
    await store.destroy('frozen later')
    await store.set('frozen later', { n: 2 }, 60_000, { ctx })
    assert.equal(await store.get('frozen later'), undefined)
  })

  it('may be no object: then the call is no part of a request', async () => {
    for (const ctx of PRIMITIVES) {
      const id = `no object: ${String(ctx)}`
      await store.set(id, { n: 1 }, 60_000, { ctx })
      await store.get(id, 1000, { ctx })
      await store.destroy(id, { ctx })
      await store.set(id, { n: 2 }, 60_000, { ctx })
      assert.deepEqual(await store.get(id, 1000, { ctx }), { n: 2 })
    }
  })
})

describe('what comes in its place', { timeout: 60_000 }, () => {
  it('may be nothing, or anything without a ctx', async () => {
    for (const request of [...PRIMITIVES, {}, [], () => {}, new Date(), Object.create(null)]) {
      for (const name of CALLS) await call(name, 'without ctx', request)
    }
  })

  const UNREADABLE = {
    'a getter that throws': {
      get ctx() {
        throw new TypeError('do-not-show')
      },
    },
    'a Proxy that throws': untouchable(),
    'a revoked Proxy': revoked(),
  }
  for (const [name, request] of Object.entries(UNREADABLE)) {
    it(`is refused if it cannot be read, since nobody knows whose call it is: ${name}`, async () => {
      await store.set('kept', { kept: true })
      for (const method of CALLS) {
        await assert.rejects(call(method, 'kept', request), (error) => {
          assert.ok(error instanceof SessionStoreError)
          assert.equal(error.code, 'ERR_SESSION_VALUE')
          assert.match(error.message, /ctx/)
          assert.doesNotMatch(`${error.stack}`, /do-not-show/)
          return true
        })
      }
      assert.deepEqual(await store.get('kept'), { kept: true })
    })
  }
})

describe('what cannot be read', { timeout: 60_000 }, () => {
  const SESSIONS = {
    'a Proxy that throws': () => untouchable(),
    'a Proxy of an array that throws': () => untouchable([]),
    'a revoked Proxy': () => revoked(),
    'a session that holds a revoked Proxy': () => ({ a: [revoked([])] }),
    'a session that throws what cannot be read': () => ({
      get a() {
        throw untouchable(new Error())
      },
    }),
    'a session that throws a revoked Proxy': () => ({
      toBSON: () => ({
        get a() {
          throw revoked()
        },
      }),
    }),
    'a session that throws what has no class': () => ({
      get a() {
        throw Object.create(null)
      },
    }),
    'a session that throws an error of a nameless class': () => ({
      get a() {
        throw new (class extends Error {
          static name = { toString: () => 'do-not-show' }
        })()
      },
    }),
  }
  for (const [name, make] of Object.entries(SESSIONS)) {
    it(`is refused as a session: ${name}`, async () => {
      const data = make()
      await assert.rejects(
        call('set', 'unreadable', undefined).then(() => store.set('x', data)),
        {
          name: 'SessionStoreError',
          code: 'ERR_SESSION_VALUE',
        },
      )
      assert.equal(await store.get('x'), undefined)
    })
  }

  it('is refused as an id, too', async () => {
    for (const id of [untouchable(), revoked(), { toString: untouchable() }, Symbol('id')]) {
      for (const method of CALLS) {
        await assert.rejects(call(method, id), { code: 'ERR_SESSION_ID' })
      }
    }
  })
})

describe('a ctx of many sessions', { timeout: 120_000 }, () => {
  it('keeps what it read of hundreds', async () => {
    const ctx = {}
    const ids = Array.from({ length: 500 }, (_, index) => `many ${index}`)
    await Promise.all(ids.map((id) => store.set(id, { mine: 1, others: 1 })))
    await Promise.all(ids.map((id) => store.get(id, 1000, { ctx })))
    await Promise.all(ids.map((id) => store.set(id, { mine: 1, others: 2 })))
    await store.destroy(ids[7])
    await Promise.all(ids.map((id) => store.set(id, { mine: 2, others: 1 }, 60_000, { ctx })))
    const found = await Promise.all(ids.map((id) => store.get(id)))
    const expected = ids.map((id) => (id === ids[7] ? undefined : { mine: 2, others: 2 }))
    assert.deepEqual(found, expected)
  })

  it('is of each store by itself, whatever the ids', async () => {
    const ctx = {}
    const other = database.store({ collection: 'others' })
    const stores = [store, other]
    for (const [index, each] of stores.entries()) {
      for (const id of ['1', '1 1', ' 1', '0 1']) await each.set(`x${id}`, { index, id })
    }
    for (const each of stores) {
      for (const id of ['1', '1 1', ' 1', '0 1']) await each.get(`x${id}`, 1000, { ctx })
    }
    await Promise.all(['1', '1 1', ' 1', '0 1'].map((id) => store.destroy(`x${id}`)))
    for (const each of stores) {
      for (const id of ['1', '1 1', ' 1', '0 1']) {
        await each.set(`x${id}`, { id }, 60_000, { ctx })
        const expected = each === store ? undefined : { id }
        assert.deepEqual(await each.get(`x${id}`), expected)
      }
    }
  })

  it('forgets those that it has not used for longest', async () => {
    const ctx = {}
    const ids = Array.from({ length: 1000 }, (_, index) => `forgotten ${index}`)
    await store.set('first', { n: 1 })
    await store.set('second', { n: 1 })
    await store.get('first', 1000, { ctx })
    await store.get('second', 1000, { ctx })
    for (const id of ids.slice(0, 500)) store.get(id, 1000, { ctx })
    await store.get('first', 1000, { ctx })
    await Promise.all(ids.slice(500).map((id) => store.get(id, 1000, { ctx })))
    await Promise.all([store.destroy('first'), store.destroy('second')])
    await store.set('first', { n: 2 }, 60_000, { ctx })
    await store.set('second', { n: 2 }, 60_000, { ctx })
    assert.equal(await store.get('first'), undefined)
    // As if it had not been read.
    assert.deepEqual(await store.get('second'), { n: 2 })
  })

  it('does not keep what it read of thousands', async () => {
    const ctx = Object.freeze({})
    const requests = new Requests()
    const known = Array.from({ length: 20_000 }, (_, index) => {
      const knowledge = requests.knowledgeOf(ctx, `kept ${index}`)
      knowledge.learn(knowledge.call(), { content: '{}', expiresAt: 0 })
      return new WeakRef(knowledge)
    })
    // What was referred to weakly stays until the end of the turn.
    await setImmediate()
    collectGarbage()
    const kept = known.filter((reference) => reference.deref() !== undefined).length
    assert.ok(kept > 0 && kept <= 1000, `${kept} are kept`)
  })
})

describe('a ctx whose writes fail on and on', { timeout: 60_000 }, () => {
  const START = { mine: 1, others: 1, kept: 'a' }
  const ATTEMPTS = 100

  let taken
  before(async () => {
    // What makes a write fail after it was sent.
    const field = database.isSealed ? 'lookup.taken' : 'data.taken'
    await database.collection('taken').createIndex({ [field]: 1 }, { unique: true, sparse: true })
    taken = database.store({ collection: 'taken', indexes: ['taken'] })
    await taken.set('holder', { taken: 1 })
  })

  /** A session that a request read, and could not write. */
  async function fail(id) {
    const request = { ctx: {} }
    await taken.set(id, START)
    await taken.get(id, 1000, request)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const data = { ...START, mine: attempt, [`key ${attempt}`]: attempt, taken: 1 }
      const { mongoCode } = await taken.set(id, data, 60_000, request).catch((error) => error)
      assert.equal(mongoCode, 11000)
    }
    return request
  }

  for (const executed of ['none', 0, 1, 50, ATTEMPTS - 1]) {
    it(`ends with what it wrote last, if one of them was executed all the same: ${executed}`, async () => {
      const id = `failing ${executed}`
      const request = await fail(id)
      // As if the answer had been lost; and somebody else changed another key.
      const stored = { 'data.others': 2 }
      if (executed !== 'none') {
        Object.assign(stored, { 'data.mine': executed, [`data.key ${executed}`]: executed })
      }
      await database.collection('taken').updateOne({ _id: id }, { $set: stored })
      await taken.set(id, START, 60_000, request)
      assert.deepEqual(await taken.get(id), { ...START, others: 2 })
    })
  }

  it('remembers few of them one by one', () => {
    const knowledge = new Requests().knowledgeOf({}, 'failing')
    for (let attempt = 0; attempt < 1000; attempt++) {
      knowledge.writes(knowledge.call(), encode({ ...START, mine: attempt }))
      assert.ok(knowledge.contents().length <= 17)
    }
    knowledge.learn(knowledge.call(), { content: '{}', expiresAt: 0 })
    assert.deepEqual(knowledge.contents(), [])
  })

  it('knows by as few what differs from any of them', () => {
    const session = fc.dictionary(
      fc.constantFrom('a', 'b', 'c', '__proto__', 'd.e', '_expire'),
      fc.constantFrom(1, 2, -0, 0, null, Number.NaN, 'x', [1], new Date(1), Buffer.from('a')),
    )
    const property = fc.property(
      fc.array(session, { minLength: 1, maxLength: 60 }),
      session,
      (all, data) => {
        const knowledge = new Requests().knowledgeOf({}, 'any')
        for (const each of all) knowledge.writes(knowledge.call(), encode(each))
        const known = knowledge.contents().map((content) => decode(content))
        const read = (bytes) => decode(encode(bytes))
        assert.deepEqual(toWrite(known, read(data)), toWrite(all.map(read), read(data)))
      },
    )
    fc.assert(property, { numRuns: 500 })
  })

  /** The keys in which a session differs from any of others. */
  function toWrite(sessions, data) {
    const keys = new Set([data, ...sessions].flatMap((session) => Object.keys(session)))
    const differs = (key) => sessions.some((session) => !isDeepStrictEqual(session[key], data[key]))
    return [...keys].filter(differs).sort()
  }
})
