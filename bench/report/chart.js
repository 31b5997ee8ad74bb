// A bar chart as SVG: a group of bars for each case, a bar for each store. It has a background of
// its own that follows the reader's colour scheme, so it can be read on any page.

const WIDTH = 760
const LEFT = 190
const RIGHT = 90
const MARGIN = 20
const LINE = 20
const BAR = 15
const GAP = 16
const LETTER = 7.2
const LETTERS_OF_TITLE = 74

const STYLE = `
  text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .soft { fill: #59636e }
  .page { fill: #ffffff; stroke: #d1d9e0 }
  .grid { stroke: #d1d9e0 }
  .Map { fill: #8c959f } .driver { fill: #bf8700 } .koa-session-mongoose { fill: #cf222e }
  .connect-mongo { fill: #8250df } .ours { fill: #0969da } .Map-in-bunches { fill: #57606a }
  .koa-redis { fill: #bf3989 } .koa-redis-everysec { fill: #e27bb1 }
  .ioredis { fill: #1a7f37 } .ioredis-everysec { fill: #6fbf83 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .soft { fill: #9198a1 }
    .page { fill: #0d1117; stroke: #3d444d }
    .grid { stroke: #3d444d }
    .Map { fill: #7d8590 } .driver { fill: #d29922 } .koa-session-mongoose { fill: #f85149 }
    .connect-mongo { fill: #a371f7 } .ours { fill: #4493f8 } .Map-in-bunches { fill: #b1bac4 }
    .koa-redis { fill: #db61a2 } .koa-redis-everysec { fill: #9e4c79 }
    .ioredis { fill: #3fb950 } .ioredis-everysec { fill: #2e7d3c }
  }`

/**
 * @param {object} chart
 * @param {string} chart.title
 * @param {string} chart.axis what the bars show, with its unit and which way is better
 * @param {Record<string, string>} chart.names of the bars in a group, by the class of their colour
 * @param {{ label: string, values: Record<string, number> }[]} chart.groups
 * @param {(value: number) => string} chart.format
 * @param {string[]} chart.notes what a reader has to know to be fair, a line each
 * @returns {string} SVG
 */
function barChart({ title, axis, names, groups, format, notes }) {
  const bars = Object.keys(names)
  const groupHeight = bars.length * BAR + GAP
  const titleLines = linesOf(title)
  const key = legend(names, 30 + titleLines.length * LINE - 4)
  const top = key.bottom + 26
  const bottom = top + groups.length * groupHeight
  const axisAt = bottom + 36
  const height = axisAt + 14 + notes.length * 18
  const longest = Math.max(...groups.flatMap(({ values }) => Object.values(values)))
  const scale = scaleFor(longest)
  const x = (value) => LEFT + (value / scale.end) * (WIDTH - LEFT - RIGHT)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="6"/>`,
    ...titleLines.map(
      (line, number) =>
        `<text class="title" x="${MARGIN}" y="${30 + number * LINE}">${escaped(line)}</text>`,
    ),
    ...key.drawn,
    ...scale.steps.map((step) => gridLine(x(step), top, bottom, step.toLocaleString('en'))),
    `<text class="soft" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${axisAt}" text-anchor="middle">${escaped(axis)}</text>`,
    ...notes.map(
      (note, line) =>
        `<text class="soft" x="${MARGIN}" y="${axisAt + 22 + line * 18}">${escaped(note)}</text>`,
    ),
    ...groups.flatMap((group, index) =>
      drawGroup(group, bars, top + index * groupHeight, x, format),
    ),
    '</svg>',
    '',
  ].join('\n')
}

/** The words of a title in as many lines as they need. */
function linesOf(title) {
  const lines = ['']
  for (const word of title.split(' ')) {
    const longer = `${lines.at(-1)} ${word}`.trim()
    if (longer.length <= LETTERS_OF_TITLE) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}

/** The names beside their colours, in as many lines as they need. */
function legend(names, top) {
  let x = MARGIN
  let y = top
  const drawn = Object.entries(names).flatMap(([name, text]) => {
    const width = 34 + text.length * LETTER
    if (x > MARGIN && x + width > WIDTH) [x, y] = [MARGIN, y + LINE]
    const at = x
    x += width
    return [
      `<rect class="${name}" x="${round(at)}" y="${y}" width="12" height="12" rx="2"/>`,
      `<text x="${round(at + 18)}" y="${y + 11}">${escaped(text)}</text>`,
    ]
  })
  return { drawn, bottom: y + 12 }
}

function gridLine(x, top, bottom, text) {
  return (
    `<line class="grid" x1="${round(x)}" y1="${top - 8}" x2="${round(x)}" y2="${bottom}"/>` +
    `<text class="soft" x="${round(x)}" y="${bottom + 16}" text-anchor="middle">${text}</text>`
  )
}

function drawGroup({ label, values }, bars, top, x, format) {
  const middle = top + (bars.length * BAR) / 2 + 4
  return [
    `<text x="${LEFT - 12}" y="${middle}" text-anchor="end">${escaped(label)}</text>`,
    ...bars.flatMap((name, index) => {
      const value = values[name]
      if (value === undefined || Number.isNaN(value)) return []
      const y = top + index * BAR
      const width = Math.max(1, x(value) - LEFT)
      return [
        `<rect class="${name}" x="${LEFT}" y="${y}" width="${round(width)}" height="${BAR - 3}" rx="2"/>`,
        `<text x="${round(LEFT + width + 6)}" y="${y + 10.5}">${format(value)}</text>`,
      ]
    }),
  ]
}

/** Four or five steps of 1, 2 or 5 times a power of ten. */
function scaleFor(longest) {
  const rough = longest / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)
  const count = Math.ceil(longest / step)
  return { end: count * step, steps: Array.from({ length: count + 1 }, (_, index) => index * step) }
}

const round = (value) => Number(value.toFixed(1))

const escaped = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

module.exports = { barChart }
