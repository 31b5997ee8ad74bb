'use strict'

// What OtherProcess of process.js runs: destroys each session whose id it is sent.

const { SessionStore } = require('../..')

const store = new SessionStore(JSON.parse(process.env.STORE_OPTIONS))

process.on('message', async (id) => {
  await store.destroy(id)
  process.send('destroyed')
})
