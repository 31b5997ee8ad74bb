'use strict'

// Prints the path of a mongod, downloading one first if need be.
// A program of its own, so that a download that never starts can be ended (see mongodb-find.js).

const { MongoBinary } = require('mongodb-memory-server-core')

MongoBinary.getPath().then(
  (path) => console.log(`mongod: ${path}`),
  (error) => {
    console.error(error.message)
    process.exitCode = 1
  },
)
