// 1. Two requests at once: the same two requests to an application with this store, and to one with a
// store that writes sessions whole.

import { compare, Tracks } from './tracks.js'
import { element, get, make, onClick, post, sleep } from './wire.js'

const TIME = 1200
const LATER = 300
const CHANGES = [
  { key: 'theme', value: 'dark' },
  { key: 'basket', value: 3 },
]

export function atOnce() {
  onClick('at-once-send', async () => {
    const sides = ['/device/laptop', '/whole']
    element('at-once-result').replaceChildren()
    await Promise.all(sides.map(begin))
    const tracks = new Tracks(element('at-once-tracks'), TIME + LATER)
    const requests = CHANGES.map(({ key }, index) => tracks.add(`sets ${key}`, index * LATER, TIME))
    await Promise.all(
      CHANGES.map(async (change, index) => {
        await sleep(index * LATER)
        requests[index].begin()
        await Promise.all(sides.map((at) => post(`${at}/change`, { ...change, wait: TIME })))
        requests[index].end('kept', '200 OK')
      }),
    )
    const [ours, theirs] = await Promise.all(sides.map((at) => get(`${at}/state`)))
    compare(element('at-once-result'), kept(ours.session), kept(theirs.session))
  })
}

/** Both have a session, without those keys. */
async function begin(at) {
  await post(`${at}/change`, { key: 'visited', value: true })
  for (const { key } of CHANGES) await post(`${at}/change`, { key, value: null })
}

function kept(session) {
  return CHANGES.map(({ key, value }) => {
    const is = session?.[key] === value
    const word = `${key}: ${JSON.stringify(value)}`
    return is ? make('p', {}, `${word} kept`) : make('p', {}, make('del', {}, word), ' lost')
  })
}
