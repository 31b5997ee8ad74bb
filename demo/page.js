'use strict'

// Asks for the state once a second and after every action, and shows it.

const REFRESH_MS = 1000

const element = (id) => document.getElementById(id)

/** The last answer of the server, and how far its clock is from this one. */
let state
let clockOffset = 0
/** The session seen last: its document may outlive it. */
let lastId
let ended

async function request(path, body) {
  const options = body && {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  }
  let response
  try {
    response = await fetch(path, options)
  } catch {
    throw new Error('The demo does not answer. Is it still running in the terminal?')
  }
  const answer = await response.json()
  if (response.ok) return answer
  const { code, message } = answer.error
  const problem = new Error(
    response.status === 503 ? `MongoDB is away (${code}): ${message}` : message,
  )
  problem.away = response.status === 503
  throw problem
}

/** One refresh at a time: the newest answer has to be shown last. */
let refreshing
function refresh() {
  refreshing ??= readState().finally(() => {
    refreshing = undefined
  })
  return refreshing
}

async function readState() {
  const watch = lastId ? `?watch=${encodeURIComponent(lastId)}` : ''
  try {
    const fresh = await request(`/api/state${watch}`)
    clockOffset = fresh.now - Date.now()
    noteEnd(fresh)
    state = fresh
    element('mongodb').textContent = `${fresh.mongodb}`
    element('collection').textContent = fresh.collection
    element('dot').className = 'dot up'
    if (element('problem').dataset.kind === 'connection') hideProblem()
    show()
  } catch (problem) {
    element('dot').className = 'dot down'
    showProblem(problem, 'connection')
  }
}

function noteEnd(fresh) {
  if (fresh.id) {
    lastId = fresh.id
    ended = undefined
  } else if (state?.id) {
    ended = fresh.document ? 'expired' : 'signed out'
  }
}

async function act(path, body) {
  try {
    await request(path, body)
    hideProblem()
  } catch (problem) {
    showProblem(problem, problem.away ? 'connection' : 'input')
  }
  await refreshing
  await refresh()
}

function showProblem(problem, kind) {
  const place = element('problem')
  if (place.textContent !== problem.message) place.textContent = problem.message
  place.dataset.kind = kind
  place.hidden = false
}

function hideProblem() {
  element('problem').hidden = true
}

function show() {
  const { session, document: record } = state
  element('session-state').textContent = sessionSentence()
  element('document-state').textContent = documentSentence()
  showValues(session ?? {})
  showWho(session?.userInfo)
  element('shorten').disabled = !session
  element('sign-out').disabled = !session
  showDocument(record)
  showLives()
}

function sessionSentence() {
  if (state.session) return 'Read by this page with every request.'
  if (ended === 'expired') return 'Expired: the application sees a new, empty session.'
  if (ended) return 'Signed out: the application sees a new, empty session.'
  return 'Empty. It begins with the first value.'
}

function documentSentence() {
  if (state.session) return 'As Extended JSON, read through mongoose.model("session").'
  if (state.document) return 'Still there, but nothing reads it any more. MongoDB will remove it.'
  return ended ? 'Removed.' : 'Nothing is stored for an empty session.'
}

function showValues(session) {
  const rows = element('rows')
  const known = new Map([...rows.children].map((row) => [row.dataset.key, row]))
  for (const [key, value] of Object.entries(session)) {
    const row = known.get(key) ?? rows.appendChild(makeRow(key))
    known.delete(key)
    const input = row.querySelector('input')
    if (document.activeElement !== input) input.value = JSON.stringify(value)
  }
  for (const row of known.values()) row.remove()
}

function makeRow(key) {
  const row = document.createElement('tr')
  row.dataset.key = key
  const input = document.createElement('input')
  input.setAttribute('aria-label', `Value of ${key}`)
  const save = () => act('/api/values', { key, value: readValue(input.value) })
  input.addEventListener('change', save)
  // Enter in a field would send the form, which adds a value.
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return
    event.preventDefault()
    input.blur()
  })
  const button = document.createElement('button')
  button.type = 'button'
  button.className = 'quiet'
  button.textContent = 'Remove'
  button.setAttribute('aria-label', `Remove ${key}`)
  button.addEventListener('click', () => act('/api/values/remove', { key }))
  for (const content of [key, input, button]) {
    const cell = row.appendChild(document.createElement('td'))
    cell.append(content)
  }
  return row
}

function readValue(text) {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function showWho(userInfo) {
  const { name, email, age } = userInfo ?? {}
  element('who').textContent = userInfo
    ? `Signed in: ${[name, email, age].filter((part) => part !== undefined).join(', ')}`
    : 'Nobody is signed in.'
}

function showDocument(record) {
  const place = element('document')
  const lines = record ? layOut(record).split('\n') : []
  const before = [...place.children].map((line) => line.textContent)
  if (lines.join('\n') === before.join('\n')) return
  const wasShown = new Set(before)
  place.replaceChildren(
    ...lines.map((line) => {
      const shown = colour(line)
      if (before.length > 0 && !wasShown.has(line)) shown.classList.add('changed')
      return shown
    }),
  )
}

/** Indented JSON, with Extended JSON's { "$date": … } and its like on one line. */
function layOut(record) {
  return JSON.stringify(record, null, 2).replace(/\{\n\s+("\$\w+": [^\n{[]+)\n\s+\}/g, '{ $1 }')
}

function colour(line) {
  const shown = document.createElement('span')
  shown.className = 'line'
  // Every second piece is a string, a number or a word of JSON; the others lie between them.
  const pieces = line.split(/("(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null)/)
  for (const [place, text] of pieces.entries()) {
    if (place % 2 === 0) shown.append(text)
    else shown.append(coloured(text, pieces[place + 1]))
  }
  return shown
}

function coloured(text, after) {
  const shown = document.createElement('span')
  shown.textContent = text
  if (!text.startsWith('"')) shown.className = 'number'
  else shown.className = after.startsWith(':') ? 'key' : 'string'
  return shown
}

/** The two countdowns; called more often than the state is read. */
function showLives() {
  if (!state) return
  const { session, document: record } = state
  const now = Date.now() + clockOffset
  const expire = session && record?.data?._expire
  const left = typeof expire === 'number' ? expire - now : undefined
  const whole = record?.data?._maxAge ?? 86400_000
  showLife('session', left, whole, ended ? `gone (${ended})` : '–')
  // A document of the original has no expiresAt.
  const removal = record?.expiresAt?.$date
  const documentLeft = removal && Date.parse(removal) - now
  showLife('document', documentLeft, 86400_000, record ? 'kept' : ended ? 'removed' : '–')
}

function showLife(name, left, whole, otherwise) {
  element(`${name}-left`).textContent = left === undefined ? otherwise : duration(left)
  element(`${name}-bar`).value = left === undefined ? 0 : Math.max(0, Math.min(1, left / whole))
}

function duration(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

function onSubmit(id, handle) {
  element(id).addEventListener('submit', (event) => {
    event.preventDefault()
    handle()
  })
}

onSubmit('add', async () => {
  const [key, value] = [element('new-key'), element('new-value')]
  await act('/api/values', { key: key.value.trim(), value: readValue(value.value) })
  if (element('problem').hidden) key.value = value.value = ''
  key.focus()
})
onSubmit('sign-in', () =>
  act('/api/sign-in', {
    name: element('name').value,
    email: element('email').value,
    age: element('age').valueAsNumber,
  }),
)
onSubmit('max-age', () => act('/api/max-age', { seconds: element('seconds').valueAsNumber }))
element('sign-out').addEventListener('click', () => act('/api/sign-out', {}))

setInterval(() => {
  if (!document.hidden) refresh()
}, REFRESH_MS)
setInterval(showLives, 200)
refresh()
