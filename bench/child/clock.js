// A thread that sleeps until the next request is due: timers of the event loop know whole milliseconds
// only, and at 2,000 requests a second two are due in each.

const { parentPort } = require('node:worker_threads')
const { now } = require('./now')

const nothing = new Int32Array(new SharedArrayBuffer(4))

parentPort.on('message', (/** @type {number[]} */ dues) => {
  let due = 0
  while (due < dues.length) {
    const wait = dues[due] - now()
    if (wait > 0) Atomics.wait(nothing, 0, 0, wait)
    while (due < dues.length && dues[due] <= now()) due++
    parentPort.postMessage(due)
  }
})
