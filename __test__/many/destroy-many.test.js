'use strict'

// `destroyMany` and `clear` end sessions on every server at once, in order with all other calls, and
// requests that are under way do not bring them back.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { useDatabase } = require('../support/database')
const { Gate } = require('../support/gate')
const { useNetwork } = require('../support/network')
const { failure } = require('../support/outcome')
const { faults } = require('../support/proxy')

const HOUR = 3_600_000
const named = (name, count) => Array.from({ length: count }, (_, number) => `${name} ${number}`)

describe('destroyMany', { timeout: 120_000 }, () => {
  let store
  const database = useDatabase({
    setUp: () => {
      store = database.store()
    },
  })

  const fill = (ids, data) => Promise.all(ids.map((id) => store.set(id, data, HOUR)))

  it('ends what matches, and says how many live sessions that were', async () => {
    await fill(named('of 1', 5), { user: 1 })
    await fill(named('of 2', 3), { user: 2 })
    const over = { data: { user: 1 }, updatedAt: new Date(0), expiresAt: new Date(0) }
    await database.collection().insertOne({ _id: 'over', ...over })
    assert.equal(await store.destroyMany({ user: 1 }), 5)
    assert.deepEqual(await store.ids().toArray(), named('of 2', 3))
    assert.equal(await database.document('over'), null)
    assert.equal(await store.destroyMany({ user: 1 }), 0)
  })

  it('leaves the sessions that it is told to leave', async () => {
    const ids = named('except', 4)
    await fill(ids, { user: 3 })
    assert.equal(await store.destroyMany({ user: 3 }, { except: [ids[0], ids[1], 'no other'] }), 2)
    assert.equal(await store.destroyMany({ user: 3 }, { except: ids[0] }), 1)
    assert.equal(await store.destroyMany({ user: 3 }), 1)
  })

  it('takes effect in the order of the calls', async () => {
    const other = database.store()
    for (let round = 0; round < 20; round++) {
      const ended = await Promise.all([
        other.set('order', { user: 4, round }),
        other.destroyMany({ user: 4 }),
        other.get('order'),
        other.set('order', { user: 4, again: round }),
        other.get('order'),
        other.length({ user: 4 }),
        other.destroyMany({ user: 4 }),
        other.touch('order'),
      ])
      const again = { user: 4, again: round }
      assert.deepEqual(ended.slice(1), [1, undefined, again, again, 1, 1, false])
    }
  })

  it('ends sessions while requests in other processes change them', async () => {
    const other = database.store()
    for (let round = 0; round < 10; round++) {
      const ids = named(`busy ${round}`, 30)
      await fill(ids, { user: 5 })
      const dropped = []
      const requests = ids.map(async (id) => {
        const request = { ctx: {} }
        const session = await other.get(id, HOUR, request)
        if (session) await other.set(id, { ...session, visits: 1 }, HOUR, request)
        dropped.push(id)
      })
      await store.destroyMany({ user: 5 })
      await Promise.all(requests)
      assert.equal(dropped.length, ids.length)
      assert.deepEqual(await other.ids({ user: 5 }).toArray(), [])
    }
  })

  it('leaves a session that matches no longer when its turn comes', async () => {
    await fill(['stays'], { user: 6 })
    const request = { ctx: {} }
    await store.get('stays', HOUR, request)
    // It is called first, and is executed before the search.
    const [, count] = await Promise.all([
      store.set('stays', { user: 7 }, HOUR, request),
      store.destroyMany({ user: 6 }),
    ])
    assert.equal(count, 0)
    assert.deepEqual(await store.get('stays'), { user: 7 })
  })

  it('tells the event destroy of each', async () => {
    const ids = named('told', 3)
    await fill(ids, { user: 8 })
    const told = []
    const listen = (id) => told.push(id)
    store.on('destroy', listen)
    await store.destroyMany({ user: 8 }, { except: ids[1] })
    await new Promise(setImmediate)
    store.off('destroy', listen)
    assert.deepEqual(told.sort(), [ids[0], ids[2]])
  })

  it('tells of live sessions only: to everybody else the others were gone before', async () => {
    await fill(named('lived', 3), { user: 11 })
    const over = { data: { user: 11 }, updatedAt: new Date(0), expiresAt: new Date(0) }
    const documents = named('over', 3).map((_id) => ({ _id, ...over }))
    await database.collection().insertMany(documents)
    const told = []
    const listen = (id) => told.push(id)
    store.on('destroy', listen)
    assert.equal(await store.destroyMany({ user: 11 }), 3)
    await new Promise(setImmediate)
    store.off('destroy', listen)
    assert.deepEqual(told.sort(), named('lived', 3))
    assert.equal(await database.document('over 0'), null)
  })

  it('of thousands of sessions goes on page by page, beside others', async () => {
    const documents = named('large', 5000).map((_id) => ({
      _id,
      data: { user: 9 },
      updatedAt: new Date(),
      expiresAt: new Date(Date.now() + HOUR),
    }))
    await database.collection('large').insertMany(documents)
    const large = database.store({ collection: 'large' })
    const swept = large.destroyMany({ user: 9 })
    let ended = false
    swept.then(() => {
      ended = true
    })
    let others = 0
    while (!ended) {
      await large.set('other', { others })
      assert.deepEqual(await large.get('other'), { others })
      others++
    }
    assert.equal(await swept, 5000)
    assert.ok(others > 1)
    assert.deepEqual(await large.ids().toArray(), ['other'])
  })

  it('and close() end what was called', async () => {
    const ids = named('closing', 50)
    await fill(ids, { user: 10 })
    const closing = database.store()
    const swept = closing.destroyMany({ user: 10 })
    await closing.close()
    assert.equal(await swept, 50)
    assert.equal((await failure(closing.destroyMany({ user: 10 }))).code, 'ERR_CLOSED')
    assert.equal((await failure(closing.clear())).code, 'ERR_CLOSED')
  })

  it('without a filter is clear(), which keeps the collection and its indexes', async () => {
    const cleared = database.store({ collection: 'cleared' })
    for (const id of named('cleared', 20)) await cleared.set(id, { a: 1 })
    const indexes = await database.indexes('cleared')
    assert.equal(await cleared.clear(), undefined)
    assert.equal(await cleared.length(), 0)
    assert.deepEqual(await database.indexes('cleared'), indexes)
  })
})

describe('destroyMany over a network that fails', { timeout: 120_000 }, () => {
  const network = useNetwork({ needs: 'transactionNumbers' })

  it('loses nothing where answers are lost', async () => {
    const store = network.store({ timeoutMS: 20_000 })
    const ids = named('lost', 40)
    await Promise.all(ids.map((id) => store.set(id, { user: 1 })))
    for (const commands of [['find'], ['delete']]) {
      network.proxy.inject(faults.loseReply(), { commands })
    }
    assert.equal(await store.destroyMany({ user: 1 }), 40)
    assert.equal(await store.length(), 0)
  })

  it('says that MongoDB is away', async () => {
    const store = network.store()
    store.on('warning', () => {})
    await store.set('away', { user: 1 })
    network.proxy.inject((exchange) => exchange.reset(), { commands: null, times: Infinity })
    const { code } = await failure(store.destroyMany({ user: 1 }))
    assert.ok(['ERR_UNAVAILABLE', 'ERR_TIMEOUT'].includes(code))
  })

  it('ends the others where one session gets no answer, and then says so', async () => {
    const store = network.store({ timeoutMS: 3000 })
    const ids = named('silent', 20)
    await Promise.all(ids.map((id) => store.set(id, { user: 2 })))
    network.proxy.inject(() => new Promise(() => {}), {
      commands: ['delete'],
      when: ({ body }) => body.deletes?.some(({ q }) => q._id === 'silent 7'),
      times: Infinity,
    })
    const { code } = await failure(store.destroyMany({ user: 2 }))
    assert.equal(code, 'ERR_TIMEOUT')
    const left = await store.ids({ user: 2 }).toArray()
    assert.ok(left.includes('silent 7') && left.length < ids.length, `${left.length} left`)
  })

  it('does not wait for a session that gets no answer', async () => {
    const store = network.store({ timeoutMS: 6000 })
    await Promise.all(named('answered', 5).map((id) => store.set(id, { user: 3 })))
    const { struck, end } = network.proxy.inject(faults.silence, {
      commands: ['update'],
      when: (exchange) => exchange.names(['silent']),
      times: Infinity,
    })
    struck.catch(() => {})
    let isOver = false
    const silent = store.set('silent', { user: 3 }).catch(({ code }) => {
      isOver = true
      return code
    })
    assert.equal(await store.length({ user: 3 }), 5)
    assert.equal(await store.destroyMany({ user: 3 }), 5)
    assert.equal(isOver, false)
    assert.equal(await silent, 'ERR_TIMEOUT')
    end()
  })
})

describe('a session that is written whole after destroyMany was called', {
  timeout: 60_000,
}, () => {
  const network = useNetwork()
  const UNAUTHORIZED = 13
  const FIRST = { user: 1, first: true }
  const SECOND = { user: 1, second: true }

  /** destroyMany, and a gate that holds back what it finds for longer than other calls wait for it. */
  async function sweep(id, store = network.store()) {
    await store.set(id, FIRST)
    const found = new Gate()
    network.proxy.inject(faults.holdReply(found), { commands: ['find'] })
    const swept = store.destroyMany({ user: 1 })
    await found.reached
    return { store, swept, found }
  }

  it('stays', async () => {
    const { store, swept, found } = await sweep('written')
    await store.set('written', SECOND)
    found.open()
    assert.equal(await swept, 0)
    assert.deepEqual(await store.get('written'), SECOND)
    await store.destroy('written')
  })

  it('is ended if the write fails', async () => {
    const { store, swept, found } = await sweep('refused')
    const refuse = faults.fail({ errorCode: UNAUTHORIZED })
    network.proxy.inject(refuse, { commands: ['update'] })
    await assert.rejects(store.set('refused', SECOND), { mongoCode: UNAUTHORIZED })
    found.open()
    assert.equal(await swept, 1)
    assert.equal(await store.get('refused'), undefined)
  })

  for (const [outcome, fault, ended] of [
    ['stays if a write succeeds', faults.none, 0],
    ['is ended if a write fails', faults.fail({ errorCode: UNAUTHORIZED }), 1],
  ]) {
    it(`${outcome} that is still under way when it is found`, async () => {
      const id = outcome
      const { store, swept, found } = await sweep(id)
      const written = new Gate()
      const late = async (exchange) => {
        await written.pass()
        await fault(exchange)
      }
      network.proxy.inject(late, { commands: ['update'] })
      const set = store.set(id, SECOND).catch(({ mongoCode }) => mongoCode)
      await written.reached
      found.open()
      // Another search shows that the first has been read.
      await store.length({ user: 1 })
      written.open()
      assert.deepEqual(await set, ended ? UNAUTHORIZED : SECOND)
      assert.equal(await swept, ended)
      assert.deepEqual(await store.get(id), ended ? undefined : SECOND)
      await store.destroy(id)
    })
  }

  it('is ended under both of its ids if the write fails, where it is under its plain one, too', async () => {
    const id = 'at both places'
    const hashed = network.store({ hashIds: { key: 'a key for ids of thirty-two bytes or more' } })
    await hashed.set(id, FIRST)
    const plain = network.store()
    const { swept, found } = await sweep(id, {
      set: () => plain.set(id, FIRST),
      destroyMany: (filter) => hashed.destroyMany(filter),
    })
    const written = new Gate()
    const refuse = async (exchange) => {
      await written.pass()
      await faults.fail({ errorCode: UNAUTHORIZED })(exchange)
    }
    network.proxy.inject(refuse, { commands: ['update'] })
    const set = assert.rejects(hashed.set(id, SECOND), { mongoCode: UNAUTHORIZED })
    await written.reached
    found.open()
    await hashed.length({ user: 1 })
    written.open()
    await set
    await swept
    assert.equal(await network.collection.countDocuments({ 'data.user': 1 }), 0)
  })
})

describe('a session that was written before destroyMany was called', { timeout: 60_000 }, () => {
  const network = useNetwork()

  it('is ended, however long it has to wait for an answer', async () => {
    const store = network.store({ timeoutMS: 4000 })
    await store.set('waiting', { user: 1 })
    const read = new Gate()
    network.proxy.inject(faults.holdReply(read), {
      commands: ['find'],
      when: (exchange) => exchange.names(['waiting']),
    })
    const got = store.get('waiting')
    await read.reached
    const set = store.set('waiting', { user: 1, again: true })
    const swept = store.destroyMany({ user: 1 })
    // A quarter of its time is over when destroyMany goes on without it.
    assert.equal(await store.length({ user: 1 }), 1)
    read.open()
    await Promise.all([got, set])
    assert.equal(await swept, 1)
    assert.equal(await store.get('waiting'), undefined)
  })
})
