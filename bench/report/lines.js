const { median } = require('../statistics')
const { number, titleOf } = require('./words')

/** One line that tells a case's outcome while the rest is still being measured. */
function summary(row) {
  const figures = Object.entries(row.stores).map(
    ([name, rounds]) => `${name} ${number(median(rounds.map((round) => round.perSecond)))}`,
  )
  return `${titleOf(row)}: ${figures.join(', ')} per second`
}

/** @param {{ name: string, times: Record<string, number[]> }} row of the section of values */
function valuesSummary({ name, times }) {
  const both = (one, other) => number(median(times[one]) + median(times[other]))
  const [ours, official] = [both('encode', 'decode'), both('serialize', 'deserialize')]
  return `${name}: written and read in ${ours} µs, by the bson package in ${official} µs`
}

module.exports = { summary, valuesSummary }
