const { median } = require('../statistics')
const { number, titleOf } = require('./words')

/** One line that tells a case's outcome while the rest is still being measured. */
function summary(row) {
  const figures = Object.entries(row.stores).map(
    ([name, rounds]) => `${name} ${number(median(rounds.map((round) => round.perSecond)))}`,
  )
  return `${titleOf(row)}: ${figures.join(', ')} per second`
}

module.exports = { summary }
