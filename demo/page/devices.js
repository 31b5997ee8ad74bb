// 3. My devices: a cookie and a WebSocket each.

import { clock, element, get, make, onClick, post } from './wire.js'

const SIGNED_OUT = 4001
const HERE = 'laptop'

const SHAPES = {
  laptop: 'M6 8h20v13H6zM2 25h28',
  phone: 'M10 3h12v26H10zM14.5 25.5h3',
  tablet: 'M5 4h22v24H5zM14.5 24.5h3',
  desktop: 'M3 5h26v16H3zM16 21v6M10 27h12',
}

/** By name: its card, and its socket while that is open. */
const devices = new Map()

export function myDevices(titles) {
  for (const [name, title] of Object.entries(titles)) devices.set(name, new Device(name, title))
  element('device-list').append(...[...devices.values()].map(({ card }) => card))
  onClick('devices-all', async () => {
    const out = [...devices.values()].filter((device) => !device.socket)
    for (const device of out) await device.signIn()
    element('devices-result').textContent = ''
    await list()
  })
  onClick('devices-others', async () => {
    const { ended } = await post(`/device/${HERE}/sign-out-others`)
    element('devices-result').textContent =
      `Signed out on ${ended} other ${ended === 1 ? 'device' : 'devices'}.`
    await list()
  })
  for (const device of devices.values()) device.resume()
  list()
}

class Device {
  socket

  constructor(name, title) {
    this.name = name
    this.state = make('span', {}, 'signed out')
    this.line = make('span', { class: 'socket' }, 'no WebSocket')
    const button = make('button', { type: 'button', class: 'quiet', id: `sign-${name}` }, 'Sign in')
    this.button = button
    this.card = make(
      'li',
      { id: `device-${name}` },
      shape(SHAPES[name]),
      make('strong', {}, name === HERE ? `${title} (here)` : title),
      this.state,
      this.line,
      button,
    )
    this.title = title
    queueMicrotask(() =>
      onClick(`sign-${name}`, async () => {
        await (this.socket ? this.signOut() : this.signIn())
        await list()
      }),
    )
    this.show()
  }

  async signIn() {
    await post(`/device/${this.name}/sign-in`)
    await this.open()
  }

  async signOut() {
    await post(`/device/${this.name}/sign-out`)
  }

  /** After the page was loaded again. */
  async resume() {
    const { session } = await get(`/device/${this.name}/state`).catch(() => ({}))
    if (session?.userInfo) await this.open()
  }

  open() {
    const socket = new WebSocket(`ws://${location.host}/device/${this.name}/socket`)
    return new Promise((done) => {
      socket.onopen = () => {
        this.socket = socket
        this.since = Date.now()
        this.show()
        done()
      }
      socket.onclose = ({ code }) => {
        this.socket = undefined
        this.show(code === SIGNED_OUT ? 'WebSocket closed by the sign-out' : 'no WebSocket')
        list()
        done()
      }
    })
  }

  show(line = 'no WebSocket') {
    const { socket } = this
    this.card.classList.toggle('in', Boolean(socket))
    this.state.textContent = socket ? 'signed in' : 'signed out'
    this.line.textContent = socket ? 'WebSocket open' : line
    this.button.textContent = socket ? 'Sign out' : 'Sign in'
    this.button.setAttribute('aria-label', `${this.button.textContent}: ${this.title}`)
  }
}

async function list() {
  const { devices: rows } = await get(`/device/${HERE}/devices`).catch(() => ({ devices: [] }))
  element('devices-table')
    .querySelector('tbody')
    .replaceChildren(
      ...rows
        .toSorted((one, other) => Date.parse(one.since) - Date.parse(other.since))
        .map(({ device, since, current }) =>
          make(
            'tr',
            {},
            make('td', {}, current ? `${device} (here)` : device),
            make('td', {}, clock(since)),
          ),
        ),
    )
  element('devices-table').hidden = rows.length === 0
}

function shape(path) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
  svg.setAttribute('viewBox', '0 0 32 32')
  svg.setAttribute('aria-hidden', 'true')
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  line.setAttribute('d', path)
  svg.append(line)
  return svg
}
