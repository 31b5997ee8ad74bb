// How a target is written, and whether a figure reaches it.

const { ratio } = require('../statistics')

/**
 * @typedef {{ target: string, measured: string, reached: boolean | undefined }} Goal
 */

/**
 * @param {number} limit
 * @param {number | undefined} value
 * @param {string} [unit]
 * @param {string} [detail] which case it was
 * @returns {Goal}
 */
function atMost(limit, value, unit = ' ×', detail = '') {
  const known = isKnown(value)
  return {
    target: `at most ${limit}${unit}`,
    measured: known ? `${value.toFixed(value < 0.1 ? 3 : 2)}${unit}${detail}` : '–',
    reached: known ? value <= limit : undefined,
  }
}

/** @returns {Goal} */
function atLeast(limit, value) {
  const known = isKnown(value)
  return {
    target: `at least ${limit} ×`,
    measured: known ? `${value.toFixed(2)} ×` : '–',
    reached: known ? value >= limit : undefined,
  }
}

/** @returns {Goal} `share` of the other's is to be one of so many parts, or less */
function atMostOneOf(parts, share) {
  const known = isKnown(share)
  return {
    target: `at most 1/${parts}`,
    measured: known ? `1/${(1 / share).toFixed(1)}` : '–',
    reached: known ? share <= 1 / parts : undefined,
  }
}

const isKnown = (value) => value !== undefined && !Number.isNaN(value)

/** Ours over another store; undefined where it was not measured. */
function against(row, other, figure) {
  if (!row?.stores.ours || !row.stores[other]) return undefined
  if (figure === 'p99') return row.p99 && row.p99.ours / row.p99[other]
  return ratio(row.stores.ours, row.stores[other], figure)
}

module.exports = { against, atLeast, atMost, atMostOneOf }
