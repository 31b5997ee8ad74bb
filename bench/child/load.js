// The visitors of the applications. Sockets and little else, so that the load leaves the processors
// to what is measured.

const { histogramOf } = require('../histogram')
const { median } = require('../statistics')
const { answer } = require('./answer')
const { now } = require('./now')
const { keepRate } = require('./schedule')
const { Visitor } = require('./visitor')

/** By the port of the application. */
const visitors = new Map()

answer({
  /** Opens the connections; every visitor signs in. */
  async connect({ port, connections }) {
    const all = await Promise.all(Array.from({ length: connections }, () => Visitor.connect(port)))
    for (const visitor of all) await visitor.signIn()
    visitors.set(port, all)
  },

  /** Every visitor asks for the page again as soon as it has the last answer. */
  async saturate({ port, page, ms }) {
    const latencies = []
    const start = now()
    const end = start + ms
    await Promise.all(visitors.get(port).map((visitor) => browse(visitor, page, end, latencies)))
    return figures(latencies, start)
  },

  /** Requests come at a rate of their own, whether those before are answered or not. */
  async keepRate({ port, ...how }) {
    const start = now()
    return figures(await keepRate(visitors.get(port), how), start)
  },
})

async function browse(visitor, page, end, latencies) {
  for (;;) {
    const start = now()
    if (start >= end) return
    await visitor.visit(page)
    latencies.push(now() - start)
  }
}

function figures(latencies, start) {
  const seconds = (now() - start) / 1000
  return {
    requests: latencies.length,
    perSecond: latencies.length / seconds,
    p50: median(latencies),
    latencies: histogramOf(latencies),
  }
}
