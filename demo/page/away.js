// 5. MongoDB away: requests go on, wait, or answer 503.

import { element, get, make, onClick, post, sleep } from './wire.js'

const EVERY_MS = 500
/** Requests after MongoDB is back, before the page is content. */
const AFTERWARDS = 4
const MOST_SHOWN = 80
const AT = '/device/desktop'

let running = true
let sending = false
let run = Date.now() % 1000

export function mongodbAway({ own }) {
  const toggle = element('away-switch')
  if (!own) {
    toggle.setAttribute('aria-disabled', 'true')
    element('away-note').textContent =
      'This MongoDB is the one that MONGODB_URI names: the demo does not stop it.'
    return
  }
  onClick('away-switch', async () => {
    const wanted = !running
    if (!wanted) await startVisits()
    await post(wanted ? '/mongodb/start' : '/mongodb/stop')
    showRunning(wanted)
  })
}

export function showRunning(is) {
  running = is
  element('away-switch').setAttribute('aria-checked', String(is))
  element('away-word').textContent = is ? 'MongoDB is running' : 'MongoDB is stopped'
  element('lamp').className = is ? 'lamp up' : 'lamp down'
}

/** While there is a MongoDB to make the session in. */
async function startVisits() {
  if (sending) return
  sending = true
  run++
  await post(`${AT}/change`, { key: 'run', value: run })
  visitAll()
}

async function visitAll() {
  element('away-requests').replaceChildren()
  element('away-result').textContent = ''
  const told = { answered: 0, refused: 0, keys: [] }
  const all = []
  for (let after = 0; after < AFTERWARDS; ) {
    all.push(visit(told, `visit ${run}.${all.length + 1}`))
    await sleep(EVERY_MS)
    if (running) after++
  }
  await Promise.all(all)
  const { session } = await get(`${AT}/state`)
  const stored = Object.keys(session ?? {}).filter((key) => key.startsWith(`visit ${run}.`))
  element('away-result').textContent =
    `${told.answered} visits answered, ${told.refused} refused with 503. ` +
    `Of those that were answered ${told.keys.filter((key) => stored.includes(key)).length} are stored.`
  sending = false
}

/** Each leaves a key of its own in the one session that all of them share. */
async function visit(told, key) {
  const mark = make('li', { class: 'waiting' }, '…')
  const place = element('away-requests')
  place.append(mark)
  while (place.children.length > MOST_SHOWN) place.firstChild.remove()
  try {
    await post(`${AT}/change`, { key, value: true })
    told.answered++
    told.keys.push(key)
    mark.className = 'answered'
    mark.textContent = '200'
  } catch (problem) {
    told.refused++
    mark.className = 'refused'
    mark.textContent = String(problem.status || '–')
    mark.title = problem.message
  }
}
