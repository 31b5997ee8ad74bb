// The page: each promise has a file of its own.

import { atOnce } from './at-once.js'
import { mongodbAway, showRunning } from './away.js'
import { myDevices } from './devices.js'
import { expiry } from './expiry.js'
import { load, showLoad } from './load.js'
import { showEvent } from './log.js'
import { signedOut, tellDropped } from './signed-out.js'
import { element, follow, get, showProblem } from './wire.js'

async function main() {
  const about = await get('/about')
  element('mongodb').textContent = about.mongodb
  showRunning(true)
  atOnce()
  signedOut()
  myDevices(about.devices)
  expiry(about.briefMS)
  mongodbAway(about)
  load()
  follow((event) => {
    if (!event) return
    if (event.from === 'load') showLoad(event)
    if (event.from === 'mongodb') showRunning(event.type === 'started')
    if (event.type === 'dropped') tellDropped()
    if (event.type !== 'sample') showEvent(event)
  })
  document.documentElement.dataset.ready = 'true'
}

main().catch(showProblem)
