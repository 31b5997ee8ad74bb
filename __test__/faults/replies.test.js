'use strict'

// What MongoDB says of a write, in whatever type of number: a mongod writes int32, and not each server
// that speaks its protocol does. A refusal that cannot be read is one all the same: of whom nobody
// knows, so all that travelled together fail.

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { Double, Int32, Long } = require('bson')
const { Batch } = require('../support/batch')
const { useNetwork } = require('../support/network')
const { faults } = require('../support/proxy')

const DOCUMENT_VALIDATION_FAILURE = 121

/** The refused session is the last of the batch, so that the places of the others stay as they are. */
const LAST = 6

/** What an operation fails with whose reply cannot be understood. */
const FAILED = ['ERR_SERVER', 'ERR_SESSION_VALUE']

const TYPES = {
  'an int32': (number) => new Int32(number),
  'an int64': (number) => Long.fromNumber(number),
  'a double': (number) => new Double(number),
}

describe('a reply', { timeout: 120_000 }, () => {
  const network = useNetwork()

  /** MongoDB executes a command but for its last statement, and says so by these errors. */
  const refuseLast = (writeErrors) => async (exchange) => {
    const list = exchange.command === 'update' ? 'updates' : 'deletes'
    await exchange.send({ change: (body) => void body[list].pop() })
    const change = (reply) => void Object.assign(reply, { writeErrors })
    await exchange.answer(await exchange.reply(), { change })
  }

  const refusal = (index) => ({ index, code: DOCUMENT_VALIDATION_FAILURE, errmsg: 'refused' })

  const kinds = {
    set: ['update', (batch, index) => batch.set(index)],
    destroy: ['delete', (batch, index) => batch.destroy(index)],
  }

  for (const [type, number] of Object.entries(TYPES)) {
    for (const [kind, [command, operation]] of Object.entries(kinds)) {
      test(`names a ${kind} that was refused by ${type}`, async () => {
        const batch = await Batch.gather(network, `${kind} by ${type}`, LAST)
        const fault = refuseLast([refusal(number(LAST))])
        const outcomes = await batch.send(command, (index) => operation(batch, index), { fault })
        assert.deepEqual(
          outcomes.map(({ reason }) => reason && [reason.code, reason.mongoCode]),
          batch.each((index) => {
            return index === LAST ? ['ERR_SERVER', DOCUMENT_VALIDATION_FAILURE] : undefined
          }),
        )
      })
    }

    test(`says by ${type} that a lone set was refused, and why`, async () => {
      const store = network.store()
      const code = number(DOCUMENT_VALIDATION_FAILURE)
      const writeErrors = [{ index: number(0), code, errmsg: 'refused' }]
      const refuse = (exchange) => exchange.pretend({ ok: 1, n: number(0), writeErrors })
      const when = (exchange) => exchange.names(['lone'])
      network.proxy.inject(refuse, { commands: ['update'], when })
      await assert.rejects(store.set('lone', { a: 1 }), {
        code: 'ERR_SERVER',
        mongoCode: DOCUMENT_VALIDATION_FAILURE,
      })
    })

    test(`says by ${type} which sessions were there, and which are new`, async () => {
      const store = network.store()
      const events = []
      for (const event of ['create', 'update', 'touch', 'destroy', 'dropped']) {
        store.on(event, (id) => events.push(`${event} ${id}`))
      }
      let finds = 0
      const count = (exchange) => {
        finds++
        return faults.none(exchange)
      }
      const retype = async (exchange) => {
        const change = (reply) => {
          reply.n = number(Number(reply.n))
          for (const entry of reply.upserted ?? []) entry.index = number(Number(entry.index))
        }
        await exchange.send()
        await exchange.answer(await exchange.reply(), { change })
      }
      const ids = [`there by ${type}`, `new by ${type}`]
      await store.set(ids[0], { a: 1 })
      const request = { ctx: {} }
      const session = await store.get(ids[0], undefined, request)
      events.length = 0
      const when = (exchange) => exchange.names(ids)
      network.proxy.inject(retype, { commands: ['update', 'delete'], when, times: Infinity })
      network.proxy.inject(count, { commands: ['find'], when, times: Infinity })
      await store.set(ids[0], { ...session, a: 2 }, undefined, request)
      await store.set(ids[1], { a: 1 })
      await store.destroy(ids[0])
      // Events come after the promises.
      await new Promise(setImmediate)
      assert.deepEqual(events, [`update ${ids[0]}`, `create ${ids[1]}`, `destroy ${ids[0]}`])
      assert.equal(finds, 0)
    })
  }

  for (const [what, writeErrors] of Object.entries({
    'without a place': [{ code: DOCUMENT_VALIDATION_FAILURE, errmsg: 'refused' }],
    'with a place that is no number': [refusal('6')],
    'with a place before the first': [refusal(-1)],
    'with a place after the last': [refusal(7)],
    'with a place between two': [refusal(5.5)],
    'with a place that is not a number': [refusal(new Double(Number.NaN))],
    'that is no document': ['refused'],
    'that is none of a list': refusal(LAST),
  })) {
    for (const [kind, [command, operation]] of Object.entries(kinds)) {
      test(`to each ${kind} with a refusal ${what} acknowledges nothing`, async () => {
        const batch = await Batch.gather(network, `${kind} ${what}`, LAST)
        const fault = refuseLast(writeErrors)
        const outcomes = await batch.send(command, (index) => operation(batch, index), { fault })
        for (const { reason } of outcomes) assert.ok(FAILED.includes(reason?.code), String(reason))
      })
    }
  }
})
