// What happens, newest first.

import { clock, element, make } from './wire.js'

const MOST_SHOWN = 100

const WORDS = {
  store: 'by this process',
  watch: 'seen in MongoDB',
  mongodb: 'the server',
  load: 'visitors',
}

export function showEvent({ at, from, type, id, message, visitors, requests }) {
  const about = [id && `${id}…`, WORDS[from], message, visitors, requests && `${requests} requests`]
  const words = make(
    'span',
    {},
    make('strong', {}, type),
    ' ',
    make('small', {}, about.filter(Boolean).join(' · ')),
  )
  const log = element('log')
  log.prepend(make('li', { class: type }, make('time', {}, clock(at)), words))
  while (log.children.length > MOST_SHOWN) log.lastChild.remove()
}
