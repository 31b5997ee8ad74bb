/** @param {number[]} values */
function median(values) {
  return quantile(values, 0.5)
}

/** The middle half of the values: half of the distance between the quartiles, over the median. */
function spread(values) {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / median(values)
}

function quantile(values, share) {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b)
  if (sorted.length === 0) return Number.NaN
  const place = (sorted.length - 1) * share
  const below = Math.floor(place)
  const above = Math.ceil(place)
  return sorted[below] + (sorted[above] - sorted[below]) * (place - below)
}

/**
 * The median of one side's figures over the other's, round by round: a neighbour that slows the
 * machine down for a while slows both sides of the same round down.
 *
 * @param {any[]} rounds
 * @param {any[]} others
 * @param {string} figure
 */
function ratio(rounds, others, figure) {
  return median(rounds.map((round, index) => round[figure] / others[index][figure]))
}

module.exports = { median, ratio, spread }
