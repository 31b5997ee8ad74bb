'use strict'

// What Node's diagnostics_channel tells of each call, for whoever subscribes: a tracing channel for
// each, as `koa-session-mongo-native:get`. What it tells is in index.d.ts.

const { AsyncResource } = require('node:async_hooks')
const { tracingChannel } = require('node:diagnostics_channel')
const { outcomeOf, toError } = require('./operation')

/** @typedef {import('./operation').Operation} Operation */
/** @typedef {import('./operation').Outcome} Outcome */
/** @typedef {import('node:diagnostics_channel').TracingChannel} TracingChannel */
/** @typedef {{ collection: string, outcome?: string, together?: number, error?: Error }} Told */

const PACKAGE = 'koa-session-mongo-native'

const PARTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error']

/** Held here: Node forgets a channel that nobody holds. @type {Map<string, TracingChannel>} */
const channels = new Map()

/** @param {string} call its name */
function channelOf(call) {
  let channel = channels.get(call)
  if (channel === undefined) {
    channel = tracingChannel(`${PACKAGE}:${call}`)
    channels.set(call, channel)
  }
  return channel
}

/** @param {any} channel Bun's does not tell */
function hasSubscribers(channel) {
  return channel.hasSubscribers ?? PARTS.some((part) => channel[part].hasSubscribers)
}

/** Traces the calls of one store. */
class Tracing {
  #collection
  #stats
  #underWay = 0

  /**
   * @param {string} collection
   * @param {import('./stats').Stats} stats
   */
  constructor(collection, stats) {
    this.#collection = collection
    this.#stats = stats
  }

  /** @param {Operation} operation */
  isHeard(operation) {
    return hasSubscribers(channelOf(operation.name))
  }

  /**
   * Sends an operation, and tells of it. A subscriber that throws does not disturb it: Node has that
   * end as an uncaught exception of its own.
   * @param {Operation} operation
   * @param {() => void} send
   */
  trace(operation, send) {
    const channel = channelOf(operation.name)
    /** @type {Told} */
    const told = { collection: this.#collection }
    if (this.#underWay++ === 0) {
      // Until then Rust does not say how many travel together.
      this.#stats.trace(true)
    }
    channel.start.runStores(told, () => {
      // It ends where it began, so that what the subscribers have put into the async context is there.
      const scope = new AsyncResource(`${PACKAGE}:${operation.name}`)
      operation.traced = (outcome, together) => {
        if (--this.#underWay === 0) {
          this.#stats.trace(false)
        }
        scope.runInAsyncScope(end, undefined, channel, told, outcome, together)
      }
      send()
    })
    channel.end.publish(told)
  }
}

/**
 * @param {TracingChannel} channel
 * @param {Told} told
 * @param {Outcome} outcome
 * @param {number} together
 */
function end(channel, told, outcome, together) {
  told.outcome = outcomeOf(outcome)
  told.together = together
  if (told.outcome.startsWith('ERR_')) {
    told.error = toError(/** @type {import('./operation').Failure} */ (outcome))
    channel.error.publish(told)
  }
  channel.asyncStart.publish(told)
  channel.asyncEnd.publish(told)
}

exports.Tracing = Tracing
