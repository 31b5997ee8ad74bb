'use strict'

// A thousand visitors, from a process of their own, and what they cost this one.

const { spawn } = require('node:child_process')
const diagnostics = require('node:diagnostics_channel')
const path = require('node:path')
const { monitorEventLoopDelay } = require('node:perf_hooks')

const SAMPLE_MS = 250
const RESOLUTION_MS = 5
const VISITORS = 1000
const VISITS = 8

/** On which the store tells that a call has ended. */
const CHANNELS = ['get', 'set'].map((call) => `tracing:koa-session-mongo-native:${call}:asyncEnd`)

class Load {
  #store
  #events
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #visitors

  constructor({ store, events }) {
    this.#store = store
    this.#events = events
  }

  begin(ctx) {
    if (this.#visitors) ctx.throw(409, 'They are on their way already.')
    const { port } = ctx.req.socket.address()
    const args = [
      path.join(__dirname, 'visitors.js'),
      String(port),
      String(VISITORS),
      String(VISITS),
    ]
    const visitors = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#visitors = visitors
    this.#events.quiet = true
    this.#events.tell({ from: 'load', type: 'began', visitors: VISITORS, visits: VISITS })
    const end = this.#sample()
    let answer = ''
    visitors.stdout.on('data', (text) => {
      answer += text
    })
    visitors.once('close', () => {
      this.#visitors = undefined
      this.#events.quiet = false
      end()
      this.#events.tell({ from: 'load', type: 'ended', ...JSON.parse(answer || '{}') })
    })
    ctx.body = { visitors: VISITORS }
  }

  /** Tells what happens, four times a second; returns what ends that. */
  #sample() {
    const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    delay.enable()
    let ended = 0
    const onEnd = () => {
      ended++
    }
    for (const channel of CHANNELS) diagnostics.subscribe(channel, onEnd)
    let before = this.#store.stats().batches
    const tell = () => {
      const now = this.#store.stats().batches
      const batches = now.count - before.count
      this.#events.tell({
        from: 'load',
        type: 'sample',
        perSecond: Math.round((ended * 1000) / SAMPLE_MS),
        perBatch: batches > 0 ? (now.operations - before.operations) / batches : 0,
        delay: Math.max(0, delay.percentile(50) / 1e6 - RESOLUTION_MS),
      })
      ended = 0
      before = now
      delay.reset()
    }
    const timer = setInterval(tell, SAMPLE_MS)
    return () => {
      clearInterval(timer)
      for (const channel of CHANNELS) diagnostics.unsubscribe(channel, onEnd)
      delay.disable()
    }
  }

  end() {
    this.#visitors?.kill()
  }
}

module.exports = { Load }
