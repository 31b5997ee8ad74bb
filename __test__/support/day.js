'use strict'

// A day's worth of operations, compressed in time, and what the process is made of meanwhile.

const { readFileSync, readdirSync } = require('node:fs')
const { memory } = require('../../scripts/memory')

const VISITORS = 100

/** So many visits a session lasts, and so many sessions of its own a visitor comes back to. */
const VISITS = 25
const SESSIONS = 20

let days = 0

/**
 * At least so many operations. Nobody else comes to a visitor's sessions, so each read is known
 * exactly: one that finds something else is a loss.
 * @param {import('../..').SessionStore} store
 * @param {number} total
 * @param {{ operations: number, losses: number }} [done] is kept up to date
 */
async function day(store, total, done = { operations: 0, losses: 0 }) {
  const today = ++days
  const visitor = async (name) => {
    const visits = new Map()
    for (let number = 0; done.operations < total; number++) {
      const id = `${name} ${number % SESSIONS}`
      const request = { ctx: {} }
      const session = await store.get(id, undefined, request)
      if (session?.visits !== visits.get(id)) done.losses++
      const next = { ...session, visits: (session?.visits ?? 0) + 1 }
      await store.set(id, next, undefined, request)
      visits.set(id, next.visits)
      done.operations += 2
      if (next.visits === VISITS) {
        await store.destroy(id)
        visits.delete(id)
        done.operations++
      }
    }
  }
  await Promise.all(
    Array.from({ length: VISITORS }, (_, number) => visitor(`day ${today} ${number}`)),
  )
  return done
}

/** What this process is made of now; Linux only. Collects garbage if it may. */
function footprint() {
  globalThis.gc?.()
  return {
    memory: memory(),
    threads: Number(readFileSync('/proc/self/status', 'utf8').match(/^Threads:\s+(\d+)/m)[1]),
    files: readdirSync('/proc/self/fd').length,
    handles: /** @type {any} */ (process)._getActiveHandles().length,
  }
}

module.exports = { day, footprint }
