// 6. Load: what a thousand visitors cost.

import { element, make, onClick, post } from './wire.js'

const SVG = 'http://www.w3.org/2000/svg'
const WIDTH = 100
const HEIGHT = 40

class Chart {
  #values = []
  #line = document.createElementNS(SVG, 'polyline')
  #output = make('output', {}, '–')

  constructor(title, unit, format, { usual = false } = {}) {
    this.usual = usual
    this.format = (value) => `${format(value)}${unit}`
    const picture = document.createElementNS(SVG, 'svg')
    picture.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`)
    picture.setAttribute('preserveAspectRatio', 'none')
    picture.setAttribute('class', 'plot')
    picture.setAttribute('role', 'img')
    picture.setAttribute('aria-label', `${title}, over time`)
    picture.append(this.#line)
    this.figure = make('figure', {}, make('figcaption', {}, title), this.#output, picture)
  }

  add(value) {
    this.#values.push(value)
    this.#output.textContent = this.format(value)
    const most = Math.max(...this.#values, 1)
    const step = WIDTH / Math.max(24, this.#values.length - 1)
    const points = this.#values.map((one, at) => `${at * step},${HEIGHT - (one / most) * HEIGHT}`)
    this.#line.setAttribute('points', points.join(' '))
  }

  /** What is worth remembering: the most, or what was usual. */
  end() {
    const sorted = this.#values.toSorted((one, other) => one - other)
    const value = sorted.at(this.usual ? sorted.length >> 1 : -1) ?? 0
    this.#output.textContent = `${this.format(value)} ${this.usual ? 'usually' : 'at most'}`
  }
}

let charts

export function load() {
  onClick('load-send', async () => {
    await post('/load')
  })
}

export function showLoad(event) {
  if (event.type === 'began') begin()
  if (event.type === 'sample' && charts) {
    for (const [name, chart] of Object.entries(charts)) chart.add(event[name])
  }
  if (event.type === 'ended') {
    for (const chart of Object.values(charts ?? {})) chart.end()
    const { requests, failed, seconds } = event
    element('load-result').textContent =
      `${requests.toLocaleString('en')} requests in ${seconds.toFixed(1)} s, ${failed} failed.`
  }
}

function begin() {
  charts = {
    perSecond: new Chart('Operations', '/s', (value) => Math.round(value).toLocaleString('en')),
    perBatch: new Chart('Operations per command', '', (value) => value.toFixed(1)),
    delay: new Chart('Event-loop delay, p50', ' ms', (value) => value.toFixed(1), { usual: true }),
  }
  element('load-charts').replaceChildren(...Object.values(charts).map(({ figure }) => figure))
  element('load-result').textContent = ''
}
