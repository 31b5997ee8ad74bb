'use strict'

// Keys that are missing, wrong or changed; values that were changed, cut or moved: a session that
// cannot be read is refused, for itself alone, and left as it is.

const assert = require('node:assert/strict')
const { randomBytes } = require('node:crypto')
const { describe, it } = require('node:test')
const { inspect } = require('node:util')
const { SessionStoreError } = require('../..')
const { useDatabase } = require('../support/database')
const { Binary, SUBTYPE, fingerprint } = require('../support/sealed-format')

const OLD = randomBytes(32)
const NEW = randomBytes(32).toString('base64')
const MAX_AGE = 60_000

const database = useDatabase()
const storeWith = (...keys) => database.store({ encryption: { keys } })

const stored = async (id) => (await database.collection().findOne({ _id: id })).data

const undecipherable = (error) => {
  assert.ok(error instanceof SessionStoreError)
  assert.equal(error.code, 'ERR_DECRYPT')
  const shown = inspect(error)
  assert.ok(!shown.includes(NEW) && !shown.includes(OLD.toString('hex')))
  return true
}

async function change(store, id, changes, meanwhile) {
  const request = { ctx: {} }
  const session = await store.get(id, undefined, request)
  await meanwhile?.()
  return store.set(id, { ...session, ...changes }, MAX_AGE, request)
}

/** The keys under which the values of a session are encrypted. */
async function keysOf(id) {
  const fingerprints = new Map([OLD, NEW].map((key) => [fingerprint(key).toString('hex'), key]))
  const values = Object.values(await stored(id)).filter((value) => value instanceof Binary)
  return values.map((value) => fingerprints.get(value.buffer.toString('hex', 1, 5)))
}

describe('under a key that is not there', { timeout: 60_000 }, () => {
  it('a session is refused by its fingerprint, for itself alone, and stays as it is', async () => {
    const [before, after] = [storeWith(OLD), storeWith(NEW)]
    await before.set('foreign', { a: 1 }, MAX_AGE)
    const document = await stored('foreign')
    const good = Array.from({ length: 20 }, (_, index) => `good ${index}`)
    await Promise.all(good.map((id) => after.set(id, { id }, MAX_AGE)))
    const hasFingerprint = (error) =>
      undecipherable(error) && error.message.includes(fingerprint(OLD).toString('hex'))
    const refused = assert.rejects(after.get('foreign'), hasFingerprint)
    const found = await Promise.all(good.map((id) => after.get(id)))
    assert.deepEqual(
      found,
      good.map((id) => ({ id })),
    )
    await refused
    assert.deepEqual(await stored('foreign'), document)
    assert.deepEqual(await before.get('foreign'), { a: 1 })
  })

  it('a change that has to read the session first is refused, and overwrites nothing', async () => {
    const [before, after] = [storeWith(OLD), storeWith(NEW)]
    const plain = database.store({ encryption: undefined })
    await plain.set('meanwhile', { a: 1, b: 1 }, MAX_AGE)
    const encrypts = () => before.set('meanwhile', { a: 1, b: 2 }, MAX_AGE)
    await assert.rejects(change(after, 'meanwhile', { a: 2 }, encrypts), undecipherable)
    assert.deepEqual(await before.get('meanwhile'), { a: 1, b: 2 })
    // A path that no update can name takes the same way.
    await after.set('dotted', { a: 1 }, MAX_AGE)
    const takesOver = () => before.set('dotted', { a: 3 }, MAX_AGE)
    await assert.rejects(change(after, 'dotted', { 'x.y': 1 }, takesOver), undecipherable)
    assert.deepEqual(await before.get('dotted'), { a: 3 })
  })

  it('a touch and a destroy need none; a whole write is the caller’s will', async () => {
    const [before, after] = [storeWith(OLD), storeWith(NEW)]
    await before.set('touched', { a: 1, _expire: 5, _maxAge: 1000 }, MAX_AGE)
    assert.equal(await after.touch('touched', 120_000), true)
    assert.equal((await before.get('touched')).a, 1)
    await after.set('touched', { a: 2 }, MAX_AGE)
    assert.deepEqual(await after.get('touched'), { a: 2 })
    await before.destroy('touched')
    assert.equal(await after.get('touched'), undefined)
  })

  it('one of many in a listing hides no other', async () => {
    const [before, after] = [storeWith(OLD), storeWith(NEW)]
    await after.clear()
    await before.set('listed 1', { a: 1 }, MAX_AGE)
    await after.set('listed 2', { a: 2 }, MAX_AGE)
    assert.deepEqual((await after.ids().toArray()).sort(), ['listed 1', 'listed 2'])
  })
})

describe('an encrypted value', { timeout: 60_000 }, () => {
  const put = (id, key, bytes) => {
    const value = new Binary(bytes, SUBTYPE)
    return database.collection().updateOne({ _id: id }, { $set: { [`data.${key}`]: value } })
  }

  it('is refused with one bit changed, wherever, and cut or lengthened anywhere', async () => {
    const store = storeWith(NEW)
    const SESSION = { a: { b: 'text' } }
    await store.set('tampered', SESSION, MAX_AGE)
    const bytes = Buffer.from((await stored('tampered')).a.buffer)
    const variants = [Buffer.concat([bytes, Buffer.alloc(1)]), Buffer.alloc(0)]
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] ^= 1 << (at % 8)
      variants.push(changed, bytes.subarray(0, at))
    }
    for (const variant of variants) {
      await put('tampered', 'a', variant)
      await assert.rejects(store.get('tampered'), undecipherable)
    }
    await put('tampered', 'a', bytes)
    assert.deepEqual(await store.get('tampered'), SESSION)
  })

  it('is refused in another session and under another key', async () => {
    const store = storeWith(NEW)
    await store.set('mine', { admin: false, other: 1 }, MAX_AGE)
    await store.set('theirs', { admin: true, other: 1 }, MAX_AGE)
    const [mine, theirs] = [await stored('mine'), await stored('theirs')]
    await put('mine', 'admin', theirs.admin.buffer)
    await assert.rejects(store.get('mine'), undecipherable)
    await put('mine', 'admin', mine.other.buffer)
    await assert.rejects(store.get('mine'), undecipherable)
    await put('mine', 'admin', mine.admin.buffer)
    assert.deepEqual(await store.get('mine'), { admin: false, other: 1 })
  })
})

describe('a new key', { timeout: 120_000 }, () => {
  it('encrypts a session with its next write, all of it, a mere touch too', async () => {
    const [before, after] = [storeWith(OLD), storeWith(NEW, OLD)]
    for (const changes of [{ a: 2 }, { _expire: 2 }, { 'x.y': 1 }]) {
      await before.set('rotated', { a: 1, b: 1, _expire: 1 }, MAX_AGE)
      assert.deepEqual(new Set(await keysOf('rotated')), new Set([OLD]))
      await change(after, 'rotated', changes)
      assert.deepEqual(new Set(await keysOf('rotated')), new Set([NEW]))
      assert.deepEqual(await after.get('rotated'), { a: 1, b: 1, _expire: 1, ...changes })
    }
  })

  it('comes into use while others write, and no change is lost', async () => {
    // As they are rolled out: first all can read the new key, then all write it, then the old one goes.
    const stages = [[OLD], [OLD, NEW], [NEW, OLD], [NEW]]
    const ids = Array.from({ length: 12 }, (_, index) => `live ${index}`)
    const first = storeWith(OLD)
    await Promise.all(ids.map((id) => first.set(id, { start: id }, MAX_AGE)))
    const expected = new Map(ids.map((id) => [id, { start: id }]))
    for (const stage of [1, 2, 3]) {
      // Two generations at a time, as in a rolling deployment.
      const stores = [storeWith(...stages[stage - 1]), storeWith(...stages[stage])]
      if (stage === 3) {
        await Promise.all(ids.map((id) => change(stores[0], id, { [`last ${stage}`]: 1 })))
        for (const id of ids) expected.get(id)[`last ${stage}`] = 1
      }
      await Promise.all(
        ids.flatMap((id) =>
          [0, 1, 2, 3, 4, 5].map(async (number) => {
            const key = `stage ${stage} ${number}`
            await change(stores[number % 2], id, { [key]: number })
            expected.get(id)[key] = number
          }),
        ),
      )
      for (const id of ids) assert.deepEqual(await stores[1].get(id), expected.get(id))
    }
    for (const id of ids) assert.deepEqual(new Set(await keysOf(id)), new Set([NEW]))
  })

  it('shows in the stored bytes, by which docs/encryption.md finds what is still under the old', async () => {
    const store = storeWith(OLD)
    await store.clear()
    await store.set('old', { a: 1 }, MAX_AGE)
    await storeWith(NEW).set('new', { a: 1, b: 2 }, MAX_AGE)
    const uses = (key) => Buffer.concat([Buffer.from([1]), fingerprint(key)])
    const found = await database
      .collection()
      .aggregate([
        { $project: { value: { $objectToArray: '$data' } } },
        { $unwind: '$value' },
        { $match: { 'value.v': { $type: 'binData' } } },
      ])
      .toArray()
    const under = (key) => found.filter(({ value }) => value.v.buffer.indexOf(uses(key)) === 0)
    assert.deepEqual([under(OLD).length, under(NEW).length], [1, 2])
  })
})
