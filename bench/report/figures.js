const { median } = require('../statistics')

/**
 * One figure of a store in a row: p99 of all rounds together, any other the median of the rounds.
 *
 * @param {any} row
 * @param {string} name of the store
 * @param {string} figure
 * @returns {number | undefined}
 */
function figureOf(row, name, figure) {
  if (figure === 'p99') return row.p99?.[name]
  return median(row.stores[name].map((round) => round[figure]))
}

module.exports = { figureOf }
