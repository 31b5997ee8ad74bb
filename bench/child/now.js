/** Milliseconds by a clock that all threads of a process share, which `performance.now` is not. */
const now = () => Number(process.hrtime.bigint()) / 1e6

module.exports = { now }
