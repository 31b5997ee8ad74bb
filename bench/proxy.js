const { spawn } = require('node:child_process')

/**
 * @param {string} program
 * @param {string} uri of the MongoDB behind it
 * @param {number} roundTrip in milliseconds
 */
async function startProxy(program, uri, roundTrip) {
  const url = new URL(uri)
  // It ends when this pipe closes, so also when this process is killed.
  const proxy = spawn(program, [url.host, String(roundTrip)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  })
  const address = await new Promise((resolve, reject) => {
    proxy.once('error', reject)
    proxy.once('exit', () => reject(new Error('the proxy ended')))
    proxy.stdout.setEncoding('utf8').once('data', (line) => resolve(line.trim()))
  })
  url.host = address
  // A replica set tells its own addresses, and drivers would go round the proxy.
  url.searchParams.delete('replicaSet')
  url.searchParams.set('directConnection', 'true')
  return { uri: url.href, stop: () => proxy.stdin.end() }
}

/** A proxy can stand in front of one server without TLS. */
function canBeProxied(uri) {
  if (!uri.startsWith('mongodb://')) return false
  const authority = uri.slice('mongodb://'.length).split('/')[0]
  return !authority.includes(',') && !/[?&](tls|ssl)=true/.test(uri)
}

module.exports = { canBeProxied, startProxy }
