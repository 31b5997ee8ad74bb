const { spawn } = require('node:child_process')

/**
 * Starts a program of bench/ that prints its address. It ends when the pipe to it closes, so also when
 * this process is killed.
 *
 * @param {string} name for the message of an error
 * @param {string} program
 * @param {string[]} args
 * @returns {Promise<{ address: string, stop: () => void }>}
 */
async function startProgram(name, program, args = []) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], detached: true })
  const address = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`${name} ended`)))
    child.stdout.setEncoding('utf8').once('data', (line) => resolve(line.trim()))
  })
  return { address, stop: () => child.stdin.end() }
}

module.exports = { startProgram }
