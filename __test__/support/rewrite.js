'use strict'

// Replies that say something else than the server did.

const { deserialize, serialize } = require('bson')

const LENGTH_OF_HEADER = 16
const OP_MSG = 2013
/** Behind the header: flags and the kind of the only section; or what OP_REPLY has. */
const BEFORE_BODY = { [OP_MSG]: 5, 1: 20 }

/**
 * @param {Buffer} reply a message of MongoDB's protocol
 * @param {(body: object) => object} change gives another body
 */
function rewritten(reply, change) {
  const start = LENGTH_OF_HEADER + BEFORE_BODY[reply.readInt32LE(12)]
  const body = deserialize(reply.subarray(start), { promoteLongs: false })
  const message = Buffer.concat([reply.subarray(0, start), serialize(change(body))])
  message.writeInt32LE(message.length, 0)
  if (message.readInt32LE(12) === OP_MSG) {
    message.writeUInt32LE(message.readUInt32LE(LENGTH_OF_HEADER) & ~1, LENGTH_OF_HEADER) // no checksum
  }
  return message
}

/** A fault of the proxy: the server does what it is told, and the reply says something else. */
const rewrite = (change) => async (exchange) => {
  await exchange.send()
  await exchange.answer(rewritten(await exchange.reply(), change))
}

module.exports = { rewrite, rewritten }
