// Rounds alternate between those that are compared: A B C, A B C, … Each round is short, so what
// disturbs the machine for a while disturbs all of them alike.

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

module.exports = { alternate }
