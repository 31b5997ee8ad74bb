'use strict'

// A mongos behind a balancer that sends each command to another one, which knows of no cursor of the first:
// what does not come with the first reply is lost.

const NOT_FOUND = { ok: 0, code: 43, codeName: 'CursorNotFound', errmsg: 'cursor not found' }

/**
 * @param {import('./proxy').TcpProxy} proxy
 * @param {number} most documents that the first reply to a `find` brings
 * @returns {() => number} how many cursors were lost
 */
function loseCursors(proxy, most) {
  let lost = 0
  proxy.disguise({
    command: (body, { command }) => {
      if (command === 'find') body.batchSize = Math.min(body.batchSize ?? most, most)
    },
    refusal: ({ command }) => {
      if (command !== 'getMore') return
      lost++
      return NOT_FOUND
    },
  })
  return () => lost
}

module.exports = { loseCursors }
