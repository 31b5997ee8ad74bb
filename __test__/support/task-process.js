'use strict'

// What TaskProcess of tasks.js runs: calls the function of a module that each message names.

const { SessionStore } = require('../..')

const stores = {}

process.on('message', async ({ number, task, args }) => {
  try {
    const result = await require(task)({ SessionStore, stores }, ...args)
    process.send({ number, result })
  } catch (error) {
    process.send({ number, error })
  }
})
