'use strict'

// `all`, `ids` and `length`: the live sessions, page by page.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { ObjectId } = require('bson')
const { useDatabase } = require('../support/database')
const { loseCursors } = require('../support/lost-cursors')
const { memoryInUse, untilCollected } = require('../support/memory')
const { useNetwork } = require('../support/network')
const { failure } = require('../support/outcome')
const { faults } = require('../support/proxy')

const network = useNetwork()

let store
const database = useDatabase({
  setUp: () => {
    store = database.store()
  },
})

const HOUR = 3_600_000
const soon = () => new Date(Date.now() + HOUR)

/** Sessions as the store writes them, made by the official driver. */
function sessions(count, data = (number) => ({ number })) {
  return Array.from({ length: count }, (_, number) => ({
    _id: `id ${String(number).padStart(7, '0')}`,
    data: data(number),
    updatedAt: new Date(),
    expiresAt: soon(),
  }))
}

describe('all, ids and length', { timeout: 120_000 }, () => {
  it('give the live sessions in the order of their ids', async () => {
    const other = database.store({ collection: 'order' })
    const day = new Date('2026-01-01T00:00:00Z')
    await other.set('b', { user: { id: 1 }, day }, HOUR)
    await other.set('a', { user: { id: 2 } }, HOUR)
    await database.collection('order').insertMany([
      { _id: 'over', data: { user: { id: 1 } }, expiresAt: new Date(0) },
      { _id: 'no session', session: '{}' },
      { _id: 'of the original', data: { user: { id: 1 } }, updatedAt: day },
      { _id: new ObjectId(), data: { user: { id: 1 } } },
    ])
    assert.deepEqual(await other.ids().toArray(), ['a', 'b', 'of the original'])
    assert.deepEqual(await other.ids({ 'user.id': 1 }).toArray(), ['b', 'of the original'])
    assert.equal(await other.length(), 3)
    assert.equal(await other.length({ 'user.id': 2 }), 1)
    const [b, original] = await other.all({ 'user.id': 1 }).toArray()
    assert.deepEqual(b.data, { user: { id: 1 }, day })
    assert.equal(b.expiresAt - b.updatedAt, HOUR)
    const data = { user: { id: 1 } }
    const expected = { id: 'of the original', data, updatedAt: day, expiresAt: undefined }
    assert.deepEqual(original, expected)
  })

  it('give each session once, over many pages, while others go on', async () => {
    const documents = sessions(5000)
    await database.collection('pages').insertMany(documents)
    const other = database.store({ collection: 'pages' })
    const ids = []
    for await (const id of other.ids()) {
      ids.push(id)
      if (ids.length % 100 === 0) await other.set('one more', { ids: ids.length })
    }
    assert.deepEqual(
      ids.filter((id) => id !== 'one more'),
      documents.map(({ _id }) => _id),
    )
    const all = await other.all({ number: 4999 }).toArray()
    assert.deepEqual(
      all.map(({ data }) => data),
      [{ number: 4999 }],
    )
    assert.equal(await other.length(), 5001)
  })

  it('of a page hold no more than a few megabytes', async () => {
    const text = 'x'.repeat(3_000_000)
    const other = database.store({ collection: 'large' })
    for (let number = 0; number < 5; number++) await other.set(`${number}`, { text, number })
    const found = await other.all().toArray()
    assert.deepEqual(
      found.map(({ data }) => data.number),
      [0, 1, 2, 3, 4],
    )
  })

  it('take no more memory for more sessions', async () => {
    const data = (number) => ({ number, text: 'x'.repeat(1000) })
    const all = sessions(20_000, data)
    while (all.length > 0) await database.collection('memory').insertMany(all.splice(0, 2000))
    const other = database.store({ collection: 'memory' })
    let count = 0
    let before
    let most = 0
    for await (const { data: found } of other.all()) {
      assert.equal(found.number, count)
      count++
      if (count === 4000) before = memoryInUse()
      if (count > 4000 && count % 1000 === 0) most = Math.max(most, memoryInUse() - before)
    }
    assert.equal(count, 20_000)
    assert.ok(most < 8_000_000, `${most} bytes more`) // of 16 million that were listed since
  })

  it('leave nothing open when a loop is left early', async () => {
    const open = async () => {
      const { cursor } = (await database.command({ serverStatus: 1 })).metrics ?? {}
      return cursor?.open?.total
    }
    const before = await open()
    const listing = store.ids()
    for await (const _ of listing) break
    assert.equal(await open(), before)
    assert.deepEqual(await listing.toArray(), await store.ids().toArray())
  })

  it('see what was called before them', async () => {
    const id = 'called before'
    const [, length, ids] = await Promise.all([
      store.set(id, { mark: 'before' }),
      store.length({ mark: 'before' }),
      store.ids({ mark: 'before' }).toArray(),
    ])
    assert.equal(length, 1)
    assert.deepEqual(ids, [id])
  })

  it('show the others where one cannot be read', async () => {
    await database.collection('broken').insertMany(sessions(3))
    const deep = JSON.parse(`${'{"a":'.repeat(150)}1${'}'.repeat(150)}`)
    await database
      .collection('broken')
      .updateOne({ _id: 'id 0000001' }, { $set: { 'data.deep': deep } })
    const found = await database.store({ collection: 'broken' }).all().toArray()
    assert.equal(found.length, 3)
    assert.deepEqual(found[2].data, { number: 2 })
  })

  it('go on where each cursor is lost', async () => {
    const documents = sessions(600)
    await network.db.collection('lost').insertMany(documents)
    const lost = loseCursors(network.proxy, 100)
    const other = network.store({ collection: 'lost' })
    const expected = documents.map(({ _id }) => _id)
    assert.deepEqual(await other.ids().toArray(), expected)
    const all = await other.all().toArray()
    assert.deepEqual(
      all.map(({ id }) => id),
      expected,
    )
    assert.ok(lost() >= 10, `${lost()} cursors were lost`)
  })

  it('ask once for the sessions of a page', async () => {
    await network.db.collection('page').insertMany(sessions(200))
    const other = network.store({ collection: 'page' })
    assert.equal((await other.all().toArray()).length, 200)
    assert.equal(network.proxy.passed.getMore, undefined)
  })

  // MongoDB itself answers so where it is asked for a first batch of none.
  it('count where the count comes with the second reply', async () => {
    await network.db.collection('counted').insertMany(sessions(30))
    const command = (body) => {
      if (body.aggregate) body.cursor = { ...body.cursor, batchSize: 0 }
    }
    network.proxy.disguise({ command })
    const other = network.store({ collection: 'counted' })
    assert.equal(await other.length(), 30)
    assert.equal(await other.length({ number: 3 }), 1)
    assert.equal(await other.length({ number: 30 }), 0)
    assert.ok(network.proxy.passed.getMore > 0)
  })

  const unreadable = {
    'has no cursor': (reply) => {
      delete reply.cursor
    },
    'counts in text': ({ cursor }) => {
      cursor.firstBatch[0].n = 'thirty'
    },
    'has no count': ({ cursor }) => {
      cursor.firstBatch[0] = {}
    },
  }
  for (const [what, change] of Object.entries(unreadable)) {
    it(`fail where the reply ${what}: nobody is told that there are none`, async () => {
      const name = what.replaceAll(' ', '_')
      await network.db.collection(name).insertMany(sessions(30))
      const reply = (body, { command }) => {
        if (command === 'aggregate') change(body)
      }
      network.proxy.disguise({ reply })
      const other = network.store({ collection: name })
      assert.match((await failure(other.length())).message, /malformed/)
    })
  }

  it('leave nothing open when an iterator is dropped', async () => {
    const documents = sessions(5000)
    await network.db.collection('dropped').insertMany(documents)
    const other = network.store({ collection: 'dropped' })
    const begin = async () => (await other.ids()[Symbol.asyncIterator]().next()).value
    assert.equal(await begin(), documents[0]._id)
    await untilCollected(network.proxy.inject(faults.none, { commands: ['killCursors'] }).struck)
  })

  it('fail as soon as any other call where MongoDB is away', async () => {
    const connection = 'mongodb://127.0.0.1:1'
    const away = database.store({ connection, serverSelectionTimeoutMS: 1000 })
    away.on('warning', () => {})
    const order = []
    const named = (name, promise) => failure(promise).then(() => order.push(name))
    await Promise.all([
      named('get', away.get('x')).then(() => named('get after that', away.get('x'))),
      named('ids', away.ids().toArray()),
      named('all', away.all().toArray()),
    ])
    assert.equal(order.at(-1), 'get after that')
  })

  it('fail while they are iterated, not when they are called', async () => {
    const listing = store.all({ $where: 'true' })
    assert.equal((await failure(listing.toArray())).code, 'ERR_OPTIONS')
    const closed = database.store()
    const before = closed.ids()
    await closed.close()
    assert.equal((await failure(before.toArray())).code, 'ERR_CLOSED')
    assert.equal((await failure(closed.length())).code, 'ERR_CLOSED')
    const away = database.store({
      connection: 'mongodb://127.0.0.1:1',
      serverSelectionTimeoutMS: 100,
    })
    away.on('warning', () => {})
    assert.equal((await failure(away.ids().toArray())).code, 'ERR_UNAVAILABLE')
    assert.equal((await failure(away.length())).code, 'ERR_UNAVAILABLE')
  })
})
