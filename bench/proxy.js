const { startProgram } = require('./program')

/**
 * @param {string} program
 * @param {string} uri of the MongoDB behind it
 * @param {number} roundTrip in milliseconds
 */
async function startProxy(program, uri, roundTrip) {
  const url = new URL(uri)
  const proxy = await startProgram('the proxy', program, [url.host, String(roundTrip)])
  url.host = proxy.address
  // A replica set tells its own addresses, and drivers would go round the proxy.
  url.searchParams.delete('replicaSet')
  url.searchParams.set('directConnection', 'true')
  return { uri: url.href, stop: proxy.stop }
}

/** A proxy can stand in front of one server without TLS. */
function canBeProxied(uri) {
  if (!uri.startsWith('mongodb://')) return false
  const authority = uri.slice('mongodb://'.length).split('/')[0]
  return !authority.includes(',') && !/[?&](tls|ssl)=true/.test(uri)
}

module.exports = { canBeProxied, startProxy }
