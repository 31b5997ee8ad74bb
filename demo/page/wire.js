// Requests, what happens at the server, and small things that every promise needs.

export const element = (id) => document.getElementById(id)

/** An element with these attributes and children. */
export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(key, value)
  }
  made.append(...children)
  return made
}

export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds))

export class Refused extends Error {
  constructor(status, code, message) {
    super(message)
    this.status = status
    this.code = code
  }
}

export async function get(path) {
  return answerOf(await send(path))
}

export async function post(path, body = {}) {
  const headers = { 'Content-Type': 'application/json' }
  return answerOf(await send(path, { method: 'POST', headers, body: JSON.stringify(body) }))
}

async function send(path, options) {
  try {
    return await fetch(path, options)
  } catch {
    throw new Refused(0, '', 'The demo does not answer. Is it still running in the terminal?')
  }
}

async function answerOf(response) {
  const answer = await response.json().catch(() => ({}))
  if (response.ok) return answer
  const { code, message } = answer.error ?? {}
  throw new Refused(response.status, code, message ?? response.statusText)
}

/** Calls back with each event of the server, and `undefined` whenever the connection is lost. */
export function follow(tell) {
  const source = new EventSource('/events')
  source.onmessage = ({ data }) => tell(JSON.parse(data))
  source.onerror = () => tell(undefined)
}

/** A button whose work cannot be begun twice; what goes wrong is shown. */
export function onClick(id, work) {
  const button = element(id)
  button.addEventListener('click', async () => {
    if (button.getAttribute('aria-disabled') === 'true') return
    // Not `disabled`: that would take the focus away.
    button.setAttribute('aria-disabled', 'true')
    try {
      await work()
      showProblem()
    } catch (problem) {
      showProblem(problem)
    } finally {
      button.removeAttribute('aria-disabled')
    }
  })
}

export function showProblem(problem) {
  const place = element('problem')
  place.hidden = !problem
  if (problem) {
    place.textContent =
      problem.status === 503 ? `MongoDB is away: ${problem.message}` : problem.message
  }
}

export const clock = (at) => new Date(at).toLocaleTimeString('en-GB')
