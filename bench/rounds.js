// Rounds alternate between those that are compared: A B C, A B C, … Each round is short, so what
// disturbs the machine for a while disturbs all of them alike.

const { quantileOf } = require('./histogram')

/**
 * @template T
 * @param {string[]} names
 * @param {number} count of rounds
 * @param {(name: string) => Promise<T>} round
 * @returns {Promise<Record<string, T[]>>} by name, in the order of the rounds
 */
async function alternate(names, count, round) {
  const results = Object.fromEntries(names.map((name) => [name, []]))
  for (let number = 0; number < count; number++) {
    for (const name of names) results[name].push(await round(name))
  }
  return results
}

/**
 * What a row keeps of the rounds: their figures, and the p99 of all latencies together.
 *
 * @param {Record<string, any[]>} measured by store; each round with the histogram of its `latencies`
 * @returns {{ stores: Record<string, any[]>, p99: Record<string, number> }}
 */
function together(measured) {
  const stores = {}
  const p99 = {}
  for (const [name, rounds] of Object.entries(measured)) {
    stores[name] = rounds.map(({ latencies, ...figures }) => figures)
    p99[name] = quantileOf(
      rounds.map(({ latencies }) => latencies),
      0.99,
    )
  }
  return { stores, p99 }
}

module.exports = { alternate, together }
