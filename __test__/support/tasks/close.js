'use strict'

module.exports = async ({ stores }) => {
  await Promise.all(Object.values(stores).map((store) => store.close()))
}
