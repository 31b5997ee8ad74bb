'use strict'

// A collection that stores on Mongoose and connect-mongo have used, with many sessions, and what adopt()
// has to make of it.

const assert = require('node:assert/strict')
const { connectMongo, expressSessionOf } = require('./connect-mongo')

const AT_ONCE = 2000
const HOUR = 3_600_000
const NOTHING_LEFT = { unreadable: 0, unfit: 0, other: 0, busy: 0 }

/**
 * So many documents in turn as Mongoose's stores and as connect-mongo write them, with the indexes of
 * both: connect-mongo wrote the first, which the others repeat under other ids and for other users.
 * @returns {Promise<number>} when the first of connect-mongo's sessions ends
 */
async function fill(collection, count, options) {
  const express = await connectMongo('connect-mongo 6', options)
  await express.set('model', expressSessionOf({ user: 'none' }))
  await express.close()
  const model = await collection.findOneAndDelete({ _id: 'model' })
  await collection.createIndex({ updatedAt: 1 }, { expireAfterSeconds: 7200 })
  const document = (user) =>
    user % 2 === 0
      ? {
          ...{ _id: idOf(user), data: { user: `user ${user}` } },
          updatedAt: new Date(model.expires.getTime() - HOUR + user),
        }
      : {
          ...{ _id: idOf(user), session: model.session.replace('none', `user ${user}`) },
          expires: new Date(model.expires.getTime() + user),
        }
  for (let user = 0; user < count; user += AT_ONCE) {
    const many = Array.from({ length: Math.min(AT_ONCE, count - user) }, (_, more) => user + more)
    await collection.insertMany(many.map(document))
  }
  return model.expires.getTime()
}

/** In no order that says anything. */
function idOf(user) {
  return `${String(user).split('').reverse().join('')} ${user}`
}

/** Every session is there, once, whole, and ends when it would have. */
async function assertAdopted(collection, count, end) {
  let seen = 0
  for await (const { _id, data, updatedAt, expiresAt, ...rest } of collection.find()) {
    const user = Number(_id.split(' ')[1])
    assert.deepEqual({ data, rest }, { data: { user: `user ${user}` }, rest: {} })
    assert.equal(_id, idOf(user))
    assert.ok(updatedAt instanceof Date)
    assert.equal(expiresAt.getTime(), user % 2 === 0 ? end - HOUR + user + 7200_000 : end + user)
    seen++
  }
  assert.equal(seen, count)
  const indexes = await collection.indexes()
  assert.deepEqual(indexes.map(({ name }) => name).sort(), ['_id_', 'expiresAt_1'])
}

/** Resolves as soon as so many are adopted. */
async function untilAdopted(collection, least) {
  while ((await countAdopted(collection)) < least);
}

function countAdopted(collection) {
  return collection.countDocuments({ expiresAt: { $exists: true } })
}

module.exports = { NOTHING_LEFT, assertAdopted, countAdopted, fill, untilAdopted }
