const { median } = require('../statistics')
const { figureOf } = require('./figures')
const { number, titleOf } = require('./words')

/** One line that tells a case's outcome while the rest is still being measured. */
function summary(row) {
  // At a fixed rate it is the cost that differs.
  const [figure, unit] = row.rate
    ? ['mainCpu', 'µs of the main thread']
    : ['perSecond', 'per second']
  const figures = Object.keys(row.stores).map(
    (name) => `${name} ${number(figureOf(row, name, figure))}`,
  )
  return `${titleOf(row)}: ${figures.join(', ')} ${unit}`
}

/** @param {{ name: string, times: Record<string, number[]> }} row of the section of values */
function valuesSummary({ name, times }) {
  const both = (one, other) => number(median(times[one]) + median(times[other]))
  const [ours, official] = [both('encode', 'decode'), both('serialize', 'deserialize')]
  return `${name}: written and read in ${ours} µs, by the bson package in ${official} µs`
}

module.exports = { summary, valuesSummary }
