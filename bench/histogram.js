// Latencies of many rounds together: a percentile of each round, one in a hundred of a few hundred,
// would be chance.

/** A bucket ends one percent above where it begins, the first at a tenth of a microsecond. */
const GROWTH = Math.log(1.01)
const LEAST = 1e-4

/**
 * @param {ArrayLike<number>} latencies in milliseconds
 * @returns {[number, number][]} how many there are in each bucket that is not empty
 */
function histogramOf(latencies) {
  const counts = new Map()
  for (let place = 0; place < latencies.length; place++) {
    const bucket = Math.max(0, Math.ceil(Math.log(latencies[place] / LEAST) / GROWTH))
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
  }
  return [...counts]
}

/**
 * @param {[number, number][][]} histograms
 * @param {number} share such as 0.99
 * @returns {number} in milliseconds
 */
function quantileOf(histograms, share) {
  const sorted = histograms.flat().sort(([one], [other]) => one - other)
  let rest = sorted.reduce((sum, [, count]) => sum + count, 0) * share
  const found = sorted.find(([, count]) => {
    rest -= count
    return rest < 0
  })
  return found ? LEAST * Math.exp((found[0] - 0.5) * GROWTH) : Number.NaN
}

module.exports = { histogramOf, quantileOf }
