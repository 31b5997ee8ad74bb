'use strict'

// What the contract allows a history of operations on one session to look like. There has to be one
// order of all operations that keeps
// - the time: an operation that ended before another was called comes before it;
// - the calls: the operations of one store come in the order of their calls, awaited or not;
// - the meaning: every read finds what the writes before it left there.
// An operation that failed may have taken effect at any time after its call, or not at all.

const { groupBy } = require('./group')

/** koa-session's keys for the expiry, which a write renews together. */
const EXPIRY = ['_expire', '_maxAge', '_session']

/**
 * An operation as it was seen.
 *
 * `data`: what was written, or what was read. `request`: of a write, which operations of its request
 * it follows: what that read, the writes since, and how many of these it waited for.
 * @typedef {object} Operation
 * @property {'get' | 'set' | 'destroy'} kind
 * @property {number} store
 * @property {number} call
 * @property {number} end
 * @property {boolean} failed
 * @property {Record<string, any>} [data]
 * @property {{ read?: Record<string, any>, writes: Operation[], awaited: number }} [request]
 */

/**
 * Whether such an order exists.
 * @param {Operation[]} operations on one session, those of a store in the order of their calls
 * @param {boolean} [sparesTouches] whether a write of nothing but a new expiry may be left out
 */
function isAllowed(operations, sparesTouches = false) {
  const numbers = new Map(operations.map((operation, number) => [operation, number]))
  const failed = operations.filter((operation) => operation.failed)
  const chains = [...groupBy(operations, ({ store }) => store).values()]
    .map((chain) => chain.filter((operation) => !operation.failed))
    .filter((chain) => chain.length > 0)
  const firstEnds = chains.map(firstEndsOf)
  const seen = new Set()

  /** @param {number[]} places of the next in each chain */
  function search(places, usedFailed, dropped, session) {
    if (places.every((place, chain) => place === chains[chain].length)) return true
    const state = `${places}|${[...usedFailed]}|${[...dropped]}|${text(session)}`
    if (seen.has(state)) return false
    seen.add(state)
    const firstEnd = Math.min(...places.map((place, chain) => firstEnds[chain][place] ?? Infinity))
    const goOn = (operation, nextPlaces, nextFailed) =>
      operation.call <= firstEnd &&
      outcomes(operation, session, (write) => dropped.has(numbers.get(write)), sparesTouches).some(
        ({ session: next, isDropped }) =>
          search(
            nextPlaces,
            nextFailed,
            isDropped ? new Set([...dropped, numbers.get(operation)]) : dropped,
            next,
          ),
      )
    return (
      places.some((place, chain) => {
        const operation = chains[chain][place]
        return operation && goOn(operation, places.with(chain, place + 1), usedFailed)
      }) ||
      failed.some(
        (operation, index) =>
          !usedFailed.has(index) && goOn(operation, places, new Set([...usedFailed, index])),
      )
    )
  }

  const places = chains.map(() => 0)
  return search(places, new Set(), new Set(), undefined)
}

/** For each place in a chain, when the first of the rest ended. */
function firstEndsOf(chain) {
  const ends = []
  let first = Infinity
  for (let place = chain.length - 1; place >= 0; place--) {
    first = Math.min(first, chain[place].end)
    ends[place] = first
  }
  return ends
}

/** What the session may be after an operation; none if the operation cannot have happened here. */
function outcomes(operation, session, isDropped, sparesTouches) {
  const { kind, data, failed } = operation
  if (kind === 'get') {
    return failed || text(session) === text(data) ? [{ session }] : []
  }
  if (kind === 'destroy') return [{ session: undefined }]
  const changes = changesOf(operation, isDropped)
  return changes.flatMap((change) => {
    if (change === 'whole') return [{ session: data }]
    if (session === undefined) return [{ session, isDropped: true }]
    const applied = { session: apply(session, data, change) }
    const isTouch = [...change].every((key) => EXPIRY.includes(key))
    return sparesTouches && isTouch ? [applied, { session, isDropped: true }] : [applied]
  })
}

/**
 * Which keys a write may write: those that differ from what its request knew of the session, and
 * from all that it had under way then. Several possibilities, since only the store knows what had
 * ended when the write was called.
 */
function changesOf({ data, request }, isDropped) {
  if (request === undefined) return ['whole']
  const { read, writes, awaited } = request
  const possible = new Map()
  for (let ended = awaited; ended <= writes.length; ended++) {
    const known = writes.slice(0, ended).findLast((write) => !isDropped(write) && !write.failed)
    const base = known?.data ?? read
    const states = [base, ...writes.slice(ended).map((write) => write.data)]
    const change = base === undefined ? 'whole' : differing(states, data)
    possible.set(change === 'whole' ? change : [...change].sort().join(), change)
  }
  return [...possible.values()]
}

function differing(states, data) {
  const changed = new Set()
  for (const state of states) {
    for (const key of new Set([...Object.keys(state), ...Object.keys(data)])) {
      if (state[key] !== data[key]) changed.add(key)
    }
  }
  if (EXPIRY.some((key) => changed.has(key))) for (const key of EXPIRY) changed.add(key)
  return changed
}

function apply(session, data, change) {
  const next = { ...session }
  for (const key of change) {
    if (key in data) next[key] = data[key]
    else delete next[key]
  }
  return next
}

/** The same for equal sessions. */
function text(session) {
  return session === undefined ? '-' : JSON.stringify(Object.entries(session).sort())
}

module.exports = { isAllowed }
