'use strict'

// In which order a server appends new keys of a `$set` differs: MongoDB sorts them, those that both
// begin with a digit by their length first; others sort them all as text, or keep the order given. A
// session comes back with its keys in its own order from each of them.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

const beginsWithDigit = (key) => /^[0-9]/.test(key)
const asText = (one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other))

const servers = {
  MongoDB: (keys) =>
    keys.toSorted((one, other) => {
      const numeric = beginsWithDigit(one) && beginsWithDigit(other)
      return (numeric && one.length - other.length) || asText(one, other)
    }),
  'a server that sorts as text': (keys) => keys.toSorted(asText),
  'a server that keeps the order given': (keys) => keys,
}

/** What each of them makes of a session by the updates of it. */
function execute(session, updates, order) {
  let data = session
  for (const { $set = {}, $unset = {} } of updates) {
    if ($set.data) {
      data = $set.data
      continue
    }
    const written = Object.keys($set).filter((path) => path.startsWith('data.'))
    const known = { ...data }
    const added = []
    for (const path of written) {
      const key = path.slice('data.'.length)
      if (key in known) known[key] = $set[path]
      else added.push(key)
    }
    for (const key of order(added)) known[key] = $set[`data.${key}`]
    for (const path of Object.keys($unset)) delete known[path.slice('data.'.length)]
    data = known
  }
  return data
}

describe('keys that a request adds stay in its order', { timeout: 60_000 }, () => {
  const network = useNetwork()

  for (const added of [
    ['2faVerified', '3dSecure'],
    ['3dSecure', '2faVerified'],
    ['10th', '9th'],
    ['9th', '10th'],
    ['01', '1a', '001'],
    ['1', '01', '9', '010', '10'],
    ['4294967295', '4294967296', '10000000000'],
    ['a10', 'a9'],
    ['a9', 'a10'],
    ['9', 'a', '10'],
    ['1', '-1', 'a'],
    ['B', 'a', 'ä'],
    ['a', 'B'],
    ['\uffee', '\u{1f600}'],
    ['\u{1f600}', '\uffee'],
    ['aa', 'ab', 'b'],
  ]) {
    test(added.join(', '), async () => {
      const store = network.store()
      const id = added.join()
      const before = { first: 1 }
      await store.set(id, before)
      const request = { ctx: {} }
      const session = await store.get(id, undefined, request)
      const updates = []
      const look = (exchange) => {
        updates.push(...exchange.statements.map(({ u }) => u))
        return faults.none(exchange)
      }
      const when = (exchange) => exchange.names([id])
      const { end } = network.proxy.inject(look, { commands: ['update'], when, times: Infinity })
      const data = { ...session }
      for (const key of added) data[key] = 1
      await store.set(id, data, undefined, request)
      end()
      const keys = Object.keys(data)
      for (const [server, order] of Object.entries(servers)) {
        assert.deepEqual(Object.keys(execute(before, updates, order)), keys, server)
      }
      assert.deepEqual(Object.keys(await store.get(id)), keys)
    })
  }
})
