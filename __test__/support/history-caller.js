'use strict'

// Carries out the callers of a history that belong to the stores of this process, and writes down
// what they saw. The clock is the machine's, so that several processes can be compared.

const now = () => Number(process.hrtime.bigint())

/** A long life: nothing expires while a history runs. */
const MAX_AGE = 3_600_000

/** In nanoseconds; a little less than the store's own 250 ms. */
const ORDER_LIMIT = 200_000_000

/**
 * @param {Record<number, import('../..').SessionStore>} stores
 * @param {object} plan
 * @param {string} plan.name part of the session ids
 * @param {object[]} plan.callers those of other processes are left out
 * @returns {Promise<object[]>} operations, those of a store in the order of their calls
 */
async function runCallers(stores, { name, callers }) {
  const record = []
  const mine = callers
    .map((caller, number) => ({ ...caller, number }))
    .filter(({ store }) => store in stores)
  await Promise.all(mine.map((caller) => new Caller(stores, name, caller, record).run()))
  return record
}

class Caller {
  #underWay = []
  #values = 0

  constructor(stores, name, { store, steps, number }, record) {
    this.store = stores[store]
    this.storeNumber = store
    this.name = name
    this.steps = steps
    this.number = number
    this.record = record
  }

  async run() {
    for (const step of this.steps) {
      await this.#pause(step.pause)
      await this[step.kind](step)
    }
    await Promise.all(this.#underWay)
  }

  /** Lets other callers come between: a turn of the event loop, or a whole exchange. */
  async #pause(kind) {
    if (kind === 'turn') await new Promise(setImmediate)
    if (kind === 'exchange') await this.store.get(`${this.name} nobody`).catch(() => {})
  }

  async get({ id, wait }) {
    await this.#call(wait, { kind: 'get', id }, () => this.store.get(this.#id(id)))
  }

  async destroy({ id, wait }) {
    await this.#call(wait, { kind: 'destroy', id }, () => this.store.destroy(this.#id(id)))
  }

  /** Ends both sessions of the history. */
  async sweep() {
    const sent = [0, 1].map((id) => ({ kind: 'destroy', id }))
    const call = now()
    let sweep
    const send = () => {
      sweep ??= this.store.destroyMany({ history: this.name })
      return sweep
    }
    await Promise.all(sent.map((operation) => this.#call(true, operation, send)))
    for (const operation of sent) {
      // One call of both: it may have gone far when the second was written down.
      operation.call = call
      // What is called after it waits for it no longer than this; then only the time orders them.
      if (operation.end - operation.call > ORDER_LIMIT)
        operation.store = `a sweep of ${operation.store}`
    }
  }

  /** A write that knows of no read. */
  async replace({ id, keys, wait }) {
    const data = {
      ...Object.fromEntries(keys.map((key) => [key, this.#value()])),
      ...this.#expiry(),
      history: this.name,
    }
    const set = () => this.store.set(this.#id(id), data, MAX_AGE)
    await this.#call(wait, { kind: 'set', id, data: { ...data } }, set)
  }

  /** What koa-session does for one request: reads the session, changes it, writes it. */
  async request({ id, deeds }) {
    const request = { ctx: {} }
    const get = () => this.store.get(this.#id(id), MAX_AGE, request)
    const found = await this.#call(true, { kind: 'get', id }, get)
    if (found.failed) return
    let data = { ...found.data }
    let known = { read: found.data, writes: [], awaited: 0 }
    for (const { deed, keys, wait, pause } of deeds) {
      await this.#pause(pause)
      if (deed === 'destroy') {
        const destroy = () => this.store.destroy(this.#id(id), request)
        await this.#call(wait, { kind: 'destroy', id }, destroy)
        known = { read: undefined, writes: [], awaited: 0 }
        data = {}
        continue
      }
      data = this.#changed(data, deed, keys)
      const written = { ...data }
      const operation = { kind: 'set', id, data: written, request: { ...known } }
      const sent = this.#call(wait, operation, () =>
        this.store.set(this.#id(id), written, MAX_AGE, request),
      )
      known = { ...known, writes: [...known.writes, operation] }
      await sent
      if (wait && !operation.failed) known.awaited = known.writes.length
    }
  }

  #changed(data, deed, keys) {
    const changed = {
      ...data,
      history: this.name,
      ...(deed === 'change' && '_expire' in data ? {} : this.#expiry()),
    }
    for (const key of deed === 'touch' ? [] : keys) {
      if (deed === 'remove') delete changed[key]
      else changed[key] = this.#value()
    }
    return changed
  }

  #id(id) {
    return `${this.name} ${id}`
  }

  /** A value that nobody else writes. */
  #value() {
    this.#values++
    return `${this.number}.${this.#values}`
  }

  #expiry() {
    return { _expire: this.#value(), _maxAge: MAX_AGE }
  }

  async #call(wait, operation, send) {
    Object.assign(operation, { store: this.storeNumber, end: Infinity, failed: false })
    this.record.push(operation)
    operation.call = now()
    const settled = send().then(
      (data) => {
        operation.end = now()
        if (operation.kind === 'get') operation.data = data
      },
      ({ code }) => {
        operation.failed = true
        operation.code = code
      },
    )
    this.#underWay.push(settled)
    if (wait) await settled
    return operation
  }
}

module.exports = { runCallers }
