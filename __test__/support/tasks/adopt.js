'use strict'

/** Resolves to what adopt() of the first store of this process did. */
module.exports = ({ stores }) => Object.values(stores)[0].adopt()
