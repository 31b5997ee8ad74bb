'use strict'

// What goes to the server is compressed where a connection string or an option says so.

const assert = require('node:assert/strict')
const { once } = require('node:events')
const net = require('node:net')
const { after, before, describe, it } = require('node:test')
const { MongoClient } = require('mongodb')
const { SessionStore } = require('../..')
const { startServer } = require('../../scripts/servers/mongodb')

const OP_COMPRESSED = 2012
const COMPRESSOR = { snappy: 1, zlib: 2 }

/** Behind the header come the former opcode, the former size, and the compressor. */
const PLACE_OF_COMPRESSOR = 16 + 4 + 4

describe('messages to the server', { timeout: 60_000 }, () => {
  let server
  let listener
  let known
  const sockets = new Set()
  const compressed = new Set()

  before(async () => {
    server = await startServer()
    const client = new MongoClient(server.uri)
    const hello = await client
      .db('admin')
      .command({ hello: 1, compression: Object.keys(COMPRESSOR) })
    known = hello.compression ?? []
    await client.close()
    listener = net.createServer((socket) => {
      const upstream = net.connect(server.port, '127.0.0.1')
      for (const one of [socket, upstream]) {
        sockets.add(one)
        one.on('error', () => {})
      }
      // The driver writes each message whole, and waits for the reply.
      socket.on('data', (bytes) => {
        const isCompressed =
          bytes.length > PLACE_OF_COMPRESSOR && bytes.readInt32LE(12) === OP_COMPRESSED
        if (isCompressed) compressed.add(bytes[PLACE_OF_COMPRESSOR])
      })
      socket.on('close', () => upstream.destroy())
      upstream.on('close', () => socket.destroy())
      socket.pipe(upstream).pipe(socket)
    })
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
  })

  after(async () => {
    listener.close()
    for (const socket of sockets) socket.destroy()
    await server.remove()
  })

  const uri = (parameters) =>
    `mongodb://127.0.0.1:${listener.address().port}/?directConnection=true${parameters}`

  /** By which compressors they are compressed. */
  async function compressorsOf(options) {
    compressed.clear()
    const session = { text: 'compressible '.repeat(1000) }
    const store = new SessionStore(options)
    await store.set('id', session)
    assert.deepEqual(await store.get('id'), session)
    await store.destroy('id')
    await store.close()
    return [...compressed]
  }

  for (const name of Object.keys(COMPRESSOR)) {
    it(`are compressed with ${name}, where that is asked for`, async (t) => {
      if (!known.includes(name)) return t.skip(`this server does not have ${name}`)
      const expected = [COMPRESSOR[name]]
      assert.deepEqual(await compressorsOf({ connection: uri(`&compressors=${name}`) }), expected)
      assert.deepEqual(await compressorsOf({ connection: uri(''), compressors: [name] }), expected)
      const leveled = `&compressors=zstd,${name}&zlibCompressionLevel=9`
      assert.deepEqual(await compressorsOf({ connection: uri(leveled) }), expected)
    })
  }

  it('are not, where nobody asks for it, or only for what the store does not have', async () => {
    for (const parameters of ['', '&compressors=none', '&compressors=zstd']) {
      assert.deepEqual(await compressorsOf({ connection: uri(parameters) }), [])
    }
  })

  it('are not, where it is the application’s client that compresses', async () => {
    const connection = new MongoClient(uri(''), { compressors: ['zlib'] })
    assert.deepEqual(await compressorsOf({ connection }), [])
  })
})
