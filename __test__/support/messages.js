'use strict'

// MongoDB's messages, as a proxy has to know them: where one ends, what it says, and how to say
// something else in its place.

const { deserialize, serialize } = require('bson')

const LENGTH_OF_HEADER = 16
/** Behind the header come flags, and the kind of the one section that the driver sends. */
const START_OF_BODY = LENGTH_OF_HEADER + 4 + 1
/** Of the reply to a greeting of before OP_MSG: flags, a cursor and two numbers. */
const START_OF_OLD_REPLY = LENGTH_OF_HEADER + 4 + 8 + 4 + 4
const HAS_CHECKSUM = 1
const OP_REPLY = 1
const OP_MSG = 2013

/** Numbers keep their types, so that what is sent on in their place is the same. */
const EXACT = { promoteValues: false, bsonRegExp: true }

/** The messages in a stream of bytes, each as its bytes. */
async function* messages(socket) {
  let bytes = Buffer.alloc(0)
  for await (const chunk of socket) {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    while (bytes.length >= LENGTH_OF_HEADER && bytes.length >= bytes.readInt32LE(0)) {
      const length = bytes.readInt32LE(0)
      yield bytes.subarray(0, length)
      bytes = bytes.subarray(length)
    }
  }
}

/** A command or a reply as a document. */
function bodyOf(message, options) {
  return deserialize(message.subarray(startOfBody(message)), options)
}

/**
 * The same message with another body: `change` is given the document, and gives another or alters it.
 * @param {Buffer} message
 * @param {(body: any) => any} change
 * @param {object} [options] of `deserialize`: by default every number is of the class of its type
 */
function withBody(message, change, options = EXACT) {
  const body = bodyOf(message, options)
  const bytes = serialize(change(body) ?? body)
  const changed = Buffer.concat([message.subarray(0, startOfBody(message)), bytes])
  changed.writeInt32LE(changed.length, 0)
  if (message.readInt32LE(12) === OP_MSG) {
    const flags = changed.readUInt32LE(LENGTH_OF_HEADER)
    changed.writeUInt32LE(flags & ~HAS_CHECKSUM, LENGTH_OF_HEADER)
  }
  return changed
}

/**
 * A reply to this command that no server has made.
 * @param {Buffer} message
 * @param {object} body
 */
function replyTo(message, body) {
  const head = Buffer.alloc(START_OF_BODY)
  head.writeInt32LE(message.readInt32LE(4), 8)
  head.writeInt32LE(OP_MSG, 12)
  const reply = Buffer.concat([head, serialize(body)])
  reply.writeInt32LE(reply.length, 0)
  return reply
}

/** The first key of the body is the command's name. */
function commandOf(message) {
  if (message.readInt32LE(12) !== OP_MSG) return 'hello'
  const start = START_OF_BODY + 4 + 1
  return message.toString('utf8', start, message.indexOf(0, start))
}

function startOfBody(message) {
  const kind = message.readInt32LE(12)
  if (kind === OP_MSG) return START_OF_BODY
  if (kind === OP_REPLY) return START_OF_OLD_REPLY
  // A new connection greets as before OP_MSG: with flags, a collection's name, and two numbers.
  return message.indexOf(0, LENGTH_OF_HEADER + 4) + 1 + 8
}

module.exports = { bodyOf, commandOf, messages, replyTo, withBody }
