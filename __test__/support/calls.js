'use strict'

/** What is counted and traced. */
const CALLS = [
  'get',
  'set',
  'touch',
  'destroy',
  'all',
  'ids',
  'length',
  'destroyMany',
  'clear',
  'adopt',
  'watch',
]

module.exports = { CALLS }
