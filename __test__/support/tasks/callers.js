'use strict'

const { runCallers } = require('../history-caller')

module.exports = ({ stores }, plan) => runCallers(stores, plan)
