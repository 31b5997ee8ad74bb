const fs = require('node:fs')

// The kernel's own count, in nanoseconds, of the time that a thread has run: `process.cpuUsage`
// knows only all threads together, and `process.threadCpuUsage` came with Node 23.9.
const SCHEDSTAT = `/proc/self/task/${process.pid}/schedstat`

/** CPU time so far in microseconds: of the main thread (NaN where it cannot be had), and of all. */
function cpuTimes() {
  const { user, system } = process.cpuUsage()
  return { main: mainThread(), process: user + system }
}

function mainThread() {
  if (process.threadCpuUsage) {
    const { user, system } = process.threadCpuUsage()
    return user + system
  }
  try {
    return Number(fs.readFileSync(SCHEDSTAT, 'utf8').split(' ')[0]) / 1000
  } catch {
    return Number.NaN
  }
}

/** Number of threads; NaN where it cannot be had. */
function threads() {
  try {
    return fs.readdirSync('/proc/self/task').length
  } catch {
    return Number.NaN
  }
}

module.exports = { cpuTimes, threads }
