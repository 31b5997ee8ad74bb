'use strict'

// Requests at the same time in one session, each held at every point while another runs to its end:
// what each changed is kept, and nothing else is touched.

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const { Visitor, startApp, versionsWithCtx } = require('../support/app')
const { useDatabase } = require('../support/database')
const { Gate } = require('../support/gate')

let store
let otherStore
const database = useDatabase({
  setUp: () => {
    store = database.store()
    otherStore = database.store()
  },
})

const START = { zulu: 1, alpha: { deep: [1] }, mike: 'm' }

async function startSession(t, version, config) {
  const visitor = new Visitor(await startApp(t, version, { store, maxAge: 60_000, ...config }))
  await visitor.change(START)
  return visitor
}

/** Where a request is held; each takes the gate and what the request does with its session. */
const POINTS = {
  'before reading': (gate, deed) => [
    (ctx) => deed(ctx.session, ctx),
    {
      beforeSession: async (_ctx, next) => {
        await gate.pass()
        await next()
      },
    },
  ],
  'after reading': (gate, deed) => [
    async (ctx) => {
      await gate.pass()
      await deed(ctx.session, ctx)
    },
  ],
  'before committing': (gate, deed) => [
    async (ctx) => {
      await deed(ctx.session, ctx)
      await gate.pass()
    },
  ],
}

/** Runs `other` to its end while a request that does `deed` is held at `point`. */
async function overlap(visitor, point, deed, other) {
  const gate = new Gate()
  const held = visitor.visit(...POINTS[point](gate, deed))
  await gate.reached
  await visitor.visit((ctx) => other(ctx.session, ctx))
  gate.open()
  await held
}

/** Holds a request for each deed after reading, then lets all go at once. */
async function allAtOnce(visitor, deeds) {
  const gates = deeds.map(() => new Gate())
  const held = deeds.map((deed, index) =>
    visitor.visit(...POINTS['after reading'](gates[index], deed)),
  )
  await Promise.all(gates.map((gate) => gate.reached))
  for (const gate of gates) gate.open()
  await Promise.all(held)
}

for (const version of versionsWithCtx) {
  for (const point of Object.keys(POINTS)) {
    describe(`a request held ${point}, with ${version.name}`, { timeout: 60_000 }, () => {
      it('and another that change different keys both keep their change', async (t) => {
        const visitor = await startSession(t, version)
        await overlap(
          visitor,
          point,
          (session) => {
            session.zulu = 2
            session.held = true
          },
          (session) => {
            session.alpha.deep.push(2)
            session.other = true
          },
        )
        assert.deepEqual(await visitor.read(), {
          zulu: 2,
          alpha: { deep: [1, 2] },
          mike: 'm',
          held: true,
          other: true,
        })
      })

      it('and another that remove and change different keys both keep their change', async (t) => {
        const visitor = await startSession(t, version)
        await overlap(
          visitor,
          point,
          (session) => {
            delete session.zulu
          },
          (session) => {
            delete session.mike
            session.alpha = null
          },
        )
        assert.deepEqual(await visitor.read(), { alpha: null })
      })

      it('and that changes the same key later wins with its whole value', async (t) => {
        const visitor = await startSession(t, version)
        await overlap(
          visitor,
          point,
          (session) => {
            session.alpha = { held: { a: 1 } }
          },
          (session) => {
            session.alpha = { other: { b: 1 }, deep: [] }
          },
        )
        const { alpha } = await visitor.read()
        assert.deepEqual(alpha, { held: { a: 1 } })
      })

      it('and that only renews its session keeps the change of the other', async (t) => {
        const visitor = await startSession(t, version, { rolling: true })
        await overlap(
          visitor,
          point,
          () => {},
          (session) => {
            session.zulu = 2
            delete session.mike
          },
        )
        assert.deepEqual(await visitor.read(), { zulu: 2, alpha: { deep: [1] } })
      })

      for (const [what, deed] of Object.entries({
        'sets maxAge': (session) => {
          session.maxAge = 120_000
        },
        saves: (session) => session.save(),
      })) {
        it(`and that ${what} keeps the change of the other`, async (t) => {
          const visitor = await startSession(t, version)
          await overlap(visitor, point, deed, (session) => {
            session.zulu = 2
            delete session.mike
          })
          assert.deepEqual(await visitor.read(), { zulu: 2, alpha: { deep: [1] } })
        })
      }

      it('loses no key that a path of MongoDB cannot name', async (t) => {
        const visitor = await startSession(t, version)
        await visitor.change({ 'a.b': 1, $where: 1, '': 1 })
        await overlap(
          visitor,
          point,
          (session) => {
            session['a.b'] = 2
            session.$set = 'held'
            session.zulu = 2
          },
          (session) => {
            session[''] = 2
            session['alpha.deep'] = 'other'
            delete session.$where
          },
        )
        assert.deepEqual(await visitor.read(), {
          ...START,
          zulu: 2,
          'a.b': 2,
          $set: 'held',
          '': 2,
          'alpha.deep': 'other',
        })
      })

      it('keeps the order of the keys', async (t) => {
        const visitor = await startSession(t, version)
        await overlap(
          visitor,
          point,
          (session) => {
            session.whisky = 1
            session.bravo = 1
            session.kilo = 1
          },
          (session) => {
            session.mike = 'changed'
          },
        )
        const keys = ['zulu', 'alpha', 'mike', 'whisky', 'bravo', 'kilo']
        assert.deepEqual(Object.keys(await visitor.read()), keys)
        const { data } = await database.document(visitor.id)
        assert.deepEqual(
          Object.keys(data).filter((key) => !key.startsWith('_')),
          keys,
        )
      })

      it('and a write by another store are both kept', async (t) => {
        const visitor = await startSession(t, version)
        const gate = new Gate()
        const held = visitor.visit(
          ...POINTS[point](gate, (session) => {
            session.zulu = 2
          }),
        )
        await gate.reached
        const request = { ctx: {} }
        const session = await otherStore.get(visitor.id, undefined, request)
        session.mike = 'other store'
        await otherStore.set(visitor.id, session, 60_000, request)
        gate.open()
        await held
        assert.deepEqual(await visitor.read(), { ...START, zulu: 2, mike: 'other store' })
      })
    })
  }

  describe(`many requests at once, with ${version.name}`, { timeout: 60_000 }, () => {
    it('each keep the key that they add', async (t) => {
      const visitor = await startSession(t, version)
      const added = Object.fromEntries(
        Array.from({ length: 12 }, (_, index) => [`k${index}`, index]),
      )
      await allAtOnce(
        visitor,
        Object.entries(added).map(([key, value]) => (session) => {
          session[key] = value
        }),
      )
      assert.deepEqual(await visitor.read(), { ...START, ...added })
    })

    it('each keep a key that no path of MongoDB can name', async (t) => {
      const visitor = await startSession(t, version)
      const added = { 'a.a': 1, 'a.b': 2, $a: 3, $b: 4, '': 5, '.': 6, '$.': 7, a: 8 }
      await allAtOnce(
        visitor,
        Object.entries(added).map(([key, value]) => (session) => {
          session[key] = value
        }),
      )
      assert.deepEqual(await visitor.read(), { ...START, ...added })
    })

    it('leave one of the values that they gave to the same key', async (t) => {
      const visitor = await startSession(t, version)
      const values = Array.from({ length: 8 }, (_, index) => ({ by: index, same: [index, index] }))
      await allAtOnce(
        visitor,
        values.map((value) => (session) => {
          session.alpha = value
        }),
      )
      const { alpha } = await visitor.read()
      assert.deepEqual(alpha, values[alpha.by])
    })
  })

  it(`the keys of a session keep the order they were replaced in, with ${version.name}`, async (t) => {
    const visitor = await startSession(t, version)
    await visitor.visit((ctx) => {
      const { zulu, alpha, mike } = ctx.session
      ctx.session = { mike, zulu, alpha }
    })
    assert.deepEqual(Object.keys(await visitor.read()), ['mike', 'zulu', 'alpha'])
  })
}

it('compare-and-swap works on sessions with values that are not equal to themselves', async () => {
  const mixed = { nan: Number.NaN, at: new Date(0), pattern: /^a/i, $gt: { $in: [1] }, 'a.b': 1 }
  await store.set('mixed', mixed)
  const first = { ctx: {} }
  const second = { ctx: {} }
  const [a, b] = await Promise.all([
    store.get('mixed', undefined, first),
    store.get('mixed', undefined, second),
  ])
  a['a.b'] = 2
  b['b.c'] = Number.NaN
  await Promise.all([store.set('mixed', a, 1000, first), store.set('mixed', b, 1000, second)])
  assert.deepEqual(await store.get('mixed'), { ...mixed, 'a.b': 2, 'b.c': Number.NaN })
})
