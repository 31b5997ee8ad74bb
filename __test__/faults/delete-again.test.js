'use strict'

// A delete that does not delete: DocumentDB on PostgreSQL answers that it found none (`n: 0`) where
// another client is updating the session at the same time, and the session stays. Who signs out is
// told so only when the session is gone.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { Batch } = require('../support/batch')
const { named, useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

/** Over a direct connection, the drivers' specification turns 'primary' into 'primaryPreferred'. */
const PRIMARY = [undefined, 'primary', 'primaryPreferred']

describe('a destroy that MongoDB answers as if there were no session', { timeout: 60_000 }, () => {
  const network = useNetwork()

  /** For so many deletes the server leaves these sessions as they are. */
  function spare(ids, times) {
    const spared = async (exchange) => {
      const change = (body) => {
        body.deletes = body.deletes.filter(({ q }) => !ids.includes(q._id))
      }
      if (exchange.ids.every((id) => ids.includes(id))) return exchange.pretend({ ok: 1, n: 0 })
      await exchange.send({ change })
      return exchange.answer(await exchange.reply())
    }
    const when = (exchange) => exchange.names(ids)
    return network.proxy.inject(spared, { commands: ['delete'], when, times })
  }

  /** The commands on these sessions from now on, and where the reads are sent. */
  function watch(ids) {
    const commands = []
    const modes = []
    const look = (exchange) => {
      commands.push(exchange.command)
      if (exchange.command === 'find') modes.push(exchange.body.$readPreference?.mode)
      return faults.none(exchange)
    }
    const when = (exchange) => exchange.names(ids)
    network.proxy.inject(look, { when, times: Infinity })
    return { commands, modes }
  }

  for (const [often, times] of Object.entries({ once: 1, 'three times': 3 })) {
    test(`${often} is sent again, since the session is still there`, async () => {
      const store = network.store()
      await store.set('there', { a: 1 })
      const { struck } = spare(['there'], times)
      await store.destroy('there')
      assert.deepEqual(await network.stored(['there']), new Map())
      await struck
    })
  }

  test('among others is sent again', async () => {
    const batch = await Batch.gather(network, 'spared', 3)
    const spared = [batch.ids[1], batch.ids[3]]
    const deletes = []
    const sparing = async (exchange) => {
      deletes.push(exchange.ids)
      if (deletes.length > 1) return faults.none(exchange)
      await exchange.send({
        change: (body) => {
          body.deletes = body.deletes.filter(({ q }) => !spared.includes(q._id))
        },
      })
      return exchange.answer(await exchange.reply())
    }
    const destroy = (index) => batch.destroy(index)
    for (const { status } of await batch.send('delete', destroy, { fault: sparing })) {
      assert.equal(status, 'fulfilled')
    }
    assert.deepEqual(
      await batch.stored(),
      batch.each(() => undefined),
    )
    // Those that are gone are not asked for a second time.
    assert.deepEqual(deletes.slice(1).flat().sort(), spared)
  })

  for (const readPreference of ['secondary', 'nearest']) {
    test(`asks the primary whether the session is there, not the ${readPreference}`, async () => {
      const store = network.store({ readPreference })
      await store.set('primary', { a: 1 })
      spare(['primary'], 1)
      const { modes } = watch(['primary'])
      await store.destroy('primary')
      assert.ok(modes.length > 0)
      for (const mode of modes) assert.ok(PRIMARY.includes(mode), `it reads by '${mode}'`)
      assert.deepEqual(await network.stored(['primary']), new Map())
    })
  }

  test('costs one question, where the session really was gone', async () => {
    const store = network.store()
    await store.get('any')
    const { commands } = watch(['gone'])
    await store.destroy('gone')
    assert.deepEqual(commands, ['delete', 'find'])
  })

  test('costs nothing, where MongoDB says that it was there', async () => {
    const store = network.store()
    const ids = named('was there', 20)
    await Promise.all(ids.map((id) => store.set(id, { id })))
    const { commands } = watch(ids)
    for (const id of ids) await store.destroy(id)
    assert.deepEqual(
      commands,
      ids.map(() => 'delete'),
    )
  })
})
