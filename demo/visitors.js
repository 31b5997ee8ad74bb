'use strict'

// node visitors.js PORT VISITORS VISITS: each visitor has a cookie of their own and visits so often,
// 64 at a time. Prints what came of it.

const http = require('node:http')

const [port, visitors, visits] = process.argv.slice(2).map(Number)
const AT_A_TIME = 64
const agent = new http.Agent({ keepAlive: true, maxSockets: AT_A_TIME })

let failed = 0

/** @returns {Promise<string>} the visitor's cookie after that */
function visit(cookie) {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json', 'content-length': 2, cookie }
    const options = {
      port,
      host: '127.0.0.1',
      path: '/visitor/visit',
      method: 'POST',
      agent,
      headers,
    }
    const request = http.request(options, (answer) => {
      if (answer.statusCode !== 200) failed++
      answer.resume()
      answer.once('end', () => {
        const set = answer.headers['set-cookie']?.map((one) => one.split(';')[0])
        resolve(set ? set.join('; ') : cookie)
      })
    })
    request.once('error', () => {
      failed++
      resolve(cookie)
    })
    request.end('{}')
  })
}

async function main() {
  const start = performance.now()
  let left = visitors
  const one = async () => {
    while (left-- > 0) {
      let cookie = ''
      for (let count = 0; count < visits; count++) cookie = await visit(cookie)
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, one))
  agent.destroy()
  const seconds = (performance.now() - start) / 1000
  console.log(JSON.stringify({ requests: visitors * visits, failed, seconds }))
}

main()
