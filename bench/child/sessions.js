/** As koa-session counts: milliseconds. */
const MAX_AGE = 86_400_000

/**
 * What a shop might keep: about 1 KB or 16 KB as JSON, strings and numbers, nested as usual.
 *
 * @param {number} size in bytes of JSON
 * @param {number} seed so that no two sessions are equal
 */
function makeSession(size, seed) {
  const session = {
    userInfo: {
      name: `Visitor ${seed}`,
      email: `visitor${seed}@example.com`,
      age: 18 + (seed % 60),
    },
    csrf: hash(seed).repeat(4),
    locale: 'en-GB',
    views: seed,
    cart: [],
    _expire: Date.now() + MAX_AGE,
    _maxAge: MAX_AGE,
  }
  let length = JSON.stringify(session).length
  for (let item = 0; length < size - 60; item++) {
    const line = {
      sku: hash(seed + item),
      title: `Article ${item} in the size that fits`,
      price: 9.99 + item,
      quantity: 1 + (item % 3),
      gift: item % 4 === 0,
    }
    session.cart.push(line)
    length += JSON.stringify(line).length + 1
  }
  return session
}

/** The same id for the same number in every process, in no order that an index could profit from. */
function makeId(kind, number) {
  return `${hash(number)}-${kind}-${number}`
}

function hash(number) {
  const mixed = Math.imul(number ^ (number >>> 16), 0x45d9f3b) ^ 0x9e3779b9
  return (Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) >>> 0).toString(16).padStart(8, '0')
}

module.exports = { MAX_AGE, makeId, makeSession }
