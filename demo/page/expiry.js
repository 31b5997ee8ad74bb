// 4. Expiry: three ends, counted down; a touch renews.

import { element, get, onClick, post } from './wire.js'

const REFRESH_MS = 1000

/** When each ends, by the server's clock; undefined where there is none. */
let ends
let offset = 0
let life

export function expiry(briefMS) {
  life = briefMS
  onClick('expiry-begin', async () => {
    await renew('/brief/sign-in')
    element('expiry-renew').disabled = false
    element('expiry-result').textContent = ''
  })
  onClick('expiry-renew', async () => {
    await renew('/brief/renew')
    element('expiry-result').textContent =
      'Touched: three dates are new, the session was not written.'
  })
  setInterval(show, 100)
  setInterval(() => ends && look(), REFRESH_MS)
}

async function renew(path) {
  const { cookieUntil } = await post(path)
  ends = { cookie: cookieUntil }
  await look()
}

async function look() {
  const state = await get('/brief/state').catch(() => undefined)
  if (!state || !ends) return
  offset = state.now - Date.now()
  ends.session = state.sessionUntil ?? ends.session
  ends.isGone = state.session === null
  ends.document = state.documentUntil === null ? null : Date.parse(state.documentUntil)
}

function show() {
  if (!ends) return
  const now = Date.now() + offset
  count('cookie', ends.cookie - now, 'dropped by the browser')
  count('session', ends.isGone ? 0 : ends.session - now, 'not returned any more')
  count(
    'document',
    ends.document === null ? undefined : ends.document - now,
    'removal by MongoDB is due',
  )
  if (ends.isGone) element('expiry-renew').disabled = true
}

function count(name, left, otherwise) {
  const words =
    left === undefined
      ? 'removed by MongoDB'
      : left > 0
        ? `${(left / 1000).toFixed(1)} s`
        : otherwise
  element(`${name}-left`).textContent = Number.isNaN(left) ? '–' : words
  element(`${name}-bar`).value = Math.max(0, Math.min(1, (left ?? 0) / (life + 10_000))) || 0
}
