// 2. Signed out stays signed out: a slow request ends after the sign-out.

import { compare, Tracks } from './tracks.js'
import { element, get, make, onClick, post, sleep } from './wire.js'

const TIME = 1600
const LATER = 600

/** Told of a write that was dropped. */
let dropped

export function signedOut() {
  onClick('signed-out-send', async () => {
    const sides = ['/device/tablet', '/whole']
    element('signed-out-result').replaceChildren()
    for (const at of sides) await post(`${at}/sign-in`)
    const tracks = new Tracks(element('signed-out-tracks'), TIME)
    const slow = tracks.add('slow request', 0, TIME)
    const out = tracks.add('sign-out', LATER, 120)
    const isDropped = new Promise((done) => {
      dropped = done
    })
    slow.begin()
    const late = Promise.all(
      sides.map((at) => post(`${at}/change`, { key: 'draft', value: 'late', wait: TIME })),
    )
    await sleep(LATER)
    out.begin()
    await Promise.all(sides.map((at) => post(`${at}/sign-out`)))
    out.end('kept', '200 OK')
    await late
    await isDropped
    slow.end('dropped', 'dropped')
    const [ours, theirs] = await Promise.all(sides.map((at) => get(`${at}/state`)))
    compare(element('signed-out-result'), after(ours.session), after(theirs.session))
    await post('/whole/sign-out')
  })
}

export function tellDropped() {
  dropped?.()
}

function after(session) {
  if (!session?.userInfo && !session?.draft) {
    return [make('p', {}, 'late write: dropped'), make('p', {}, 'still signed out')]
  }
  return [
    make('p', { class: 'bad' }, 'late write: stored'),
    make('p', { class: 'bad' }, `${session.userInfo?.name ?? 'a session'} is back`),
  ]
}
