// Requests as bars on lanes of one time.

import { make } from './wire.js'

export class Tracks {
  #place
  #whole

  /** @param {number} whole how much time a lane shows, in milliseconds */
  constructor(place, whole) {
    this.#place = place
    this.#whole = whole
    place.replaceChildren()
  }

  /** A request that begins after `from` and takes `time`; both in milliseconds. */
  add(name, from, time) {
    const bar = make('span', { class: 'bar' })
    const word = make('span', { class: 'word' }, '')
    bar.style.setProperty('--from', `${(from / this.#whole) * 100}%`)
    bar.style.setProperty('--length', `${(time / this.#whole) * 100}%`)
    bar.style.setProperty('--time', `${time}ms`)
    bar.hidden = true
    const lane = make('span', { class: 'lane' }, bar)
    this.#place.append(make('div', { class: 'track' }, make('span', {}, name), lane, word))
    return {
      begin: () => {
        bar.hidden = false
        bar.classList.add('running')
        word.textContent = 'running'
      },
      end: (kind, text) => {
        bar.classList.remove('running')
        bar.classList.add(kind)
        word.textContent = text
      },
    }
  }
}

/** What this store, and one that writes whole sessions, made of it. */
export function compare(place, ours, theirs) {
  place.replaceChildren(
    side('ours', 'This store', ours),
    side('theirs', 'A store that writes whole sessions', theirs),
  )
}

function side(kind, title, lines) {
  return make('div', { class: `side ${kind}` }, make('h3', {}, title), ...lines)
}
