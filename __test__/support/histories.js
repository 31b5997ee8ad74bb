'use strict'

// Random histories: a few callers who read, write and destroy few sessions at the same time, over
// stores of this process and of others. A history that the model does not allow is shrunk.

const { randomBytes } = require('node:crypto')
const { inspect } = require('node:util')
const fc = require('fast-check')
const { SessionStore } = require('../..')
const { groupBy } = require('./group')
const { runCallers } = require('./history-caller')
const { isAllowed } = require('./history-model')
const { TaskProcess } = require('./tasks')

/** A path of MongoDB cannot name the last: it takes another way to be written. */
const KEYS = ['a', 'b', 'c.d']

/** So often a history is repeated while it is shrunk: what went wrong may take some luck. */
const ATTEMPTS = 25

/** A failure is to be told in time, be it not the shortest: milliseconds. */
const SHRINK_LIMIT = 20_000

const id = fc.nat(1)
const wait = fc.boolean()
const pause = fc.constantFrom('none', 'turn', 'exchange')
const keys = fc.uniqueArray(fc.constantFrom(...KEYS), { minLength: 1 })
const deed = fc.record({
  deed: fc.oneof(
    { weight: 6, arbitrary: fc.constant('change') },
    { weight: 2, arbitrary: fc.constantFrom('touch', 'remove') },
    { weight: 1, arbitrary: fc.constant('destroy') },
  ),
  keys,
  wait,
  pause,
})
const steps = [
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('get'), id, wait, pause }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('replace'), id, keys, wait, pause }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('destroy'), id, wait, pause }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('request'),
      id,
      deeds: fc.array(deed, { minLength: 1, maxLength: 3 }),
      pause,
    }),
  },
]
const sweep = { weight: 1, arbitrary: fc.record({ kind: fc.constant('sweep'), pause }) }

/** Callers, each with one of the stores. */
const historyOf = (stores, step) =>
  fc.array(
    fc.record({
      store: fc.nat(stores - 1),
      steps: fc.array(step, { minLength: 1, maxLength: 5 }),
    }),
    { minLength: 2, maxLength: 4 },
  )

/** The stores of a history: some here, one in each of the other processes. */
class Histories {
  #here = {}
  #others = []
  #seeder
  #count = 0
  operations = 0
  failures = 0
  runs = 0

  /**
   * @param {object[]} here options of a store each
   * @param {object[]} there likewise, a process for each
   * @param {object} [seeder] options of one that writes the sessions first
   */
  static async open(here, there, seeder) {
    const histories = new Histories()
    histories.#seeder = seeder && new SessionStore(seeder)
    for (const [number, options] of here.entries()) {
      histories.#here[number] = new SessionStore(options)
    }
    for (const [number, options] of there.entries()) {
      const other = new TaskProcess()
      histories.#others.push(other)
      await other.run('open', { [here.length + number]: options })
    }
    histories.#count = here.length + there.length
    return histories
  }

  async close() {
    const here = Object.values(this.#here).map((store) => store.close())
    const there = this.#others.map(async (other) => {
      await other.run('close')
      await other.end()
    })
    await Promise.all([...here, ...there, this.#seeder?.close()])
  }

  /**
   * Runs random histories until one is not allowed; then rejects with the seed, the shortest such
   * history that was found, and what was seen of it.
   * @param {object} settings
   * @param {number} settings.runs
   * @param {number} [settings.seed] one that a failure named
   * @param {boolean} [settings.sparesTouches] with `touchAfter`
   */
  async check({ runs, seed, sparesTouches }) {
    let attempts = 1
    let shrinkUntil = Infinity
    // A sweep also ends what was made since it began, where it looks once more for what has moved: with
    // plain ids left that is allowed, and no single order of operations says so.
    const step = fc.oneof(...steps, ...(this.#seeder ? [] : [sweep]))
    const property = fc.asyncProperty(historyOf(this.#count, step), async (callers) => {
      for (let attempt = 0; attempt < attempts && performance.now() < shrinkUntil; attempt++) {
        const record = await this.#run(callers)
        for (const operations of groupBy(record, (operation) => operation.id).values()) {
          if (isAllowed(operations, sparesTouches)) continue
          attempts = ATTEMPTS
          shrinkUntil = Math.min(shrinkUntil, performance.now() + SHRINK_LIMIT)
          throw new Error(`not allowed:\n${describeAll(operations)}`)
        }
      }
    })
    await fc.assert(property, { numRuns: runs, ...(seed === undefined ? undefined : { seed }) })
  }

  async #run(callers) {
    const plan = { name: randomBytes(6).toString('hex'), callers }
    const seed = [0, 1].map((id) => ({
      kind: 'replace',
      id,
      keys: KEYS,
      wait: true,
      pause: 'none',
    }))
    const record = this.#seeder
      ? await runCallers(
          { seeder: this.#seeder },
          { ...plan, callers: [{ store: 'seeder', steps: seed }] },
        )
      : []
    const runs = [
      runCallers(this.#here, plan),
      ...this.#others.map((other) => other.run('callers', plan)),
    ]
    record.push(...(await Promise.all(runs)).flat())
    const last = [0, 1].map((id) => ({ kind: 'get', id, wait: true, pause: 'none' }))
    record.push(
      ...(await runCallers(this.#here, { ...plan, callers: [{ store: 0, steps: last }] })),
    )
    this.runs++
    this.operations += record.length
    this.failures += record.filter(({ failed }) => failed).length
    return record
  }
}

function describeAll(operations) {
  const start = Math.min(...operations.map(({ call }) => call))
  const microseconds = (time) => Math.round((time - start) / 1000)
  return operations
    .toSorted((one, other) => one.call - other.call)
    .map(({ kind, store, call, end, failed, data, request }) => {
      const after = request && { read: request.read, writes: request.writes.length }
      const seen = { data, ...after, ...(failed && { failed }) }
      const when = `${microseconds(call)}–${microseconds(end)} µs`
      return `  store ${store} ${when} ${kind} ${inspect(seen, { breakLength: Infinity })}`
    })
    .join('\n')
}

module.exports = { Histories }
