'use strict'

// Worker threads that load the addon, work and end, some of them terminated in the middle. Run in a
// process of its own: prints what that process was made of after each round, as JSON.

const { readFileSync, readdirSync } = require('node:fs')
const { once } = require('node:events')
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads')
const { SessionStore } = require('../..')

const AT_ONCE = 4

if (isMainThread) main(JSON.parse(process.argv[2]))
else work(workerData)

async function main({ options, rounds, operations }) {
  const store = new SessionStore(options)
  const figures = []
  for (let round = 0; round < rounds; round++) {
    const workers = Array.from({ length: AT_ONCE }, (_, number) =>
      run({ options, operations, name: `worker ${round} ${number}` }, number),
    )
    await Promise.all(workers)
    await store.set('main', { round })
    if ((await store.get('main')).round !== round) throw new Error('the main thread lost a write')
    global.gc?.()
    figures.push({ threads: threads(), files: readdirSync('/proc/self/fd').length })
  }
  await store.close()
  console.log(JSON.stringify(figures))
}

/** The last of them is terminated while it works, the one before it leaves its store open. */
async function run(data, number) {
  const worker = new Worker(__filename, { workerData: { ...data, close: number !== AT_ONCE - 2 } })
  const exit = once(worker, 'exit')
  const [verdict] = await once(worker, 'message')
  if (number === AT_ONCE - 1) return worker.terminate()
  if (verdict !== 'working') throw new Error(verdict)
  const [code] = await exit
  if (code !== 0) throw new Error(`a worker ended with ${code}`)
}

async function work({ options, name, operations, close }) {
  const store = new SessionStore(options)
  const underWay = Array.from({ length: operations }, async (_, index) => {
    const id = `${name} ${index}`
    await store.set(id, { id })
    if ((await store.get(id)).id !== id) throw new Error('a worker lost a write')
  })
  parentPort.postMessage('working')
  await Promise.all(underWay)
  if (close) await store.close()
}

function threads() {
  return Number(readFileSync('/proc/self/status', 'utf8').match(/^Threads:\s+(\d+)/m)[1])
}
