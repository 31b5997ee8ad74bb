'use strict'

// The demo's six promises, as somebody sees them in a browser. SCREENSHOTS=docs/images keeps the pictures
// that the pages show.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { after, before, describe, it } = require('node:test')
const { Demo, hasBrowser } = require('../support/demo')

const skip = hasBrowser ? false : 'needs Chromium: npm run setup:debian'
const BRIEF_MS = 6000
const PHONE = { viewport: { width: 390, height: 844 } }
const WIDE = { viewport: { width: 1280, height: 900 } }

const demo = new Demo()

describe('the demo', { skip, timeout: 300_000 }, () => {
  before(() => demo.open({ briefMS: BRIEF_MS }))
  after(() => demo.close())

  it('keeps the changes of two requests at once, where another store loses one', async (t) => {
    const page = await demo.visit(t, WIDE)
    await page.click('#at-once-send')
    const result = page.locator('#at-once-result .ours')
    await result.waitFor()
    assert.match(await result.innerText(), /theme: "dark" kept\s+basket: 3 kept/)
    assert.match(await page.locator('#at-once-result .theirs').innerText(), /theme: "dark" lost/)
    await picture(page, 'at-once')
    await picture(page, 'demo', { screen: true })
    assert.deepEqual(page.faults, [])
  })

  it('drops the write of a request that ends after the sign-out', async (t) => {
    const page = await demo.visit(t, WIDE)
    await page.click('#signed-out-send')
    const result = page.locator('#signed-out-result .ours')
    await result.waitFor()
    assert.match(await result.innerText(), /late write: dropped\s+still signed out/)
    assert.match(await page.locator('#signed-out-result .theirs').innerText(), /is back/)
    assert.equal(await page.locator('#log .dropped').count(), 1)
    await picture(page, 'signed-out')
    assert.deepEqual(page.faults, [])
  })

  it('signs out everywhere else, and closes the WebSockets of those devices', async (t) => {
    const page = await demo.visit(t, WIDE)
    await page.click('#devices-all')
    await page.locator('#devices-table tbody tr').nth(3).waitFor()
    assert.equal(await page.locator('.devices .in').count(), 4)
    const rows = await page.locator('#devices-table tbody tr').allInnerTexts()
    assert.ok(rows.some((row) => /^Laptop \(here\)\s+\d\d:\d\d:\d\d$/.test(row)))
    await picture(page, 'devices')
    await page.click('#devices-others')
    for (const name of ['phone', 'tablet', 'desktop']) {
      await page.locator(`#device-${name}`, { hasText: 'closed by the sign-out' }).waitFor()
    }
    assert.equal(await page.locator('.devices .in').count(), 1)
    assert.equal(await page.innerText('#devices-result'), 'Signed out on 3 other devices.')
    assert.equal(await page.locator('#devices-table tbody tr').count(), 1)
    assert.deepEqual(page.faults, [])
  })

  it('counts down cookie, session and document, and renews all three by a touch', async (t) => {
    const page = await demo.visit(t, WIDE)
    const left = async (name) => Number.parseFloat(await page.innerText(`#${name}-left`))
    const ends = () => Promise.all(['cookie', 'session', 'document'].map(left))
    await page.click('#expiry-begin')
    await page.locator('#document-left', { hasText: ' s' }).waitFor()
    await page.waitForFunction(
      () => Number.parseFloat(document.querySelector('#session-left').value) < 4,
    )
    const before = await ends()
    await page.click('#expiry-renew')
    await page.locator('#log .touch').first().waitFor()
    await page.waitForFunction(
      () => Number.parseFloat(document.querySelector('#session-left').value) > 4,
    )
    const renewed = await ends()
    for (const [index, value] of renewed.entries())
      assert.ok(value > before[index], String(renewed))
    await picture(page, 'expiry')
    await page.locator('#session-left', { hasText: 'not returned any more' }).waitFor()
    await page.locator('#cookie-left', { hasText: 'dropped by the browser' }).waitFor()
    assert.deepEqual(page.faults, [])
  })

  it('goes on while MongoDB is away, and loses nothing', async (t) => {
    const page = await demo.visit(t, WIDE)
    const toggle = page.locator('#away-switch')
    await toggle.click()
    await page.locator('#away-switch[aria-checked=false]').waitFor()
    await page.locator('#away-requests .refused').first().waitFor({ timeout: 30_000 })
    await toggle.click()
    await page.locator('#away-switch[aria-checked=true]').waitFor({ timeout: 30_000 })
    const result = page.locator('#away-result', { hasText: 'are stored' })
    await result.waitFor({ timeout: 30_000 })
    const words = await result.innerText()
    const [answered, refused, stored] = words.match(/\d+(?= visits| refused| are)/g).map(Number)
    assert.ok(answered > 0 && refused > 0, words)
    assert.equal(stored, answered, words)
    await picture(page, 'away')
    assert.deepEqual(page.faults, [])
  })

  it('shows what a thousand visitors cost, and fails none of them', async (t) => {
    const page = await demo.visit(t, WIDE)
    await page.click('#load-send')
    const result = page.locator('#load-result', { hasText: 'requests in' })
    await result.waitFor({ timeout: 120_000 })
    assert.match(await result.innerText(), /^8,000 requests in [\d.]+ s, 0 failed\.$/)
    const figures = await page.locator('#load-charts output').allInnerTexts()
    for (const figure of figures) assert.ok(Number.parseFloat(figure.replace(',', '')) > 0, figure)
    await picture(page, 'load')
    assert.deepEqual(page.faults, [])
  })

  for (const [name, options] of Object.entries({ phone: PHONE, wide: WIDE })) {
    for (const colorScheme of ['light', 'dark']) {
      it(`fits a ${name} screen, ${colorScheme}, without motion where none is wanted`, async (t) => {
        const page = await demo.visit(t, { ...options, colorScheme, reducedMotion: 'reduce' })
        const sizes = await page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement
          return { scrollWidth, clientWidth }
        })
        assert.equal(sizes.scrollWidth, sizes.clientWidth)
        await page.click('#at-once-send')
        await page.locator('#at-once-tracks .bar.running').first().waitFor()
        const animations = await page.evaluate(() => document.getAnimations().length)
        assert.equal(animations, 0)
        assert.deepEqual(await faintTexts(page), [])
        await page.locator('#at-once-result .ours').waitFor()
        await picture(page, `page-${name}-${colorScheme}`, { whole: true })
      })
    }
  }

  it('can be used by keyboard, and names every control', async (t) => {
    const page = await demo.visit(t, WIDE)
    const unnamed = await page.evaluate(() =>
      [...document.querySelectorAll('button, a, progress, table, section, nav, aside, ol[role]')]
        .filter((one) => {
          const labelled = document.getElementById(one.getAttribute('aria-labelledby') ?? '')
          const words = [one.getAttribute('aria-label'), labelled?.textContent, one.innerText]
          return !words.some((text) => text?.trim())
        })
        .map((one) => one.outerHTML),
    )
    assert.deepEqual(unnamed, [])
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate(() => document.activeElement.className), 'skip')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate(() => document.activeElement.id), 'at-once-send')
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle)
    assert.equal(outline, 'solid')
    await page.keyboard.press('Enter')
    await page.locator('#at-once-result .ours').waitFor()
    assert.equal(await page.evaluate(() => document.activeElement.id), 'at-once-send')
  })
})

/** Texts with less contrast than WCAG's AA asks for, as the browser computed their colours. */
function faintTexts(page) {
  return page.evaluate(() => {
    const channel = (value) => {
      const share = value / 255
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    }
    const read = (colour) => colour.match(/[\d.]+/g).map(Number)
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
    const groundOf = (one) => {
      for (let at = one; at; at = at.parentElement) {
        const colour = read(getComputedStyle(at).backgroundColor)
        if (colour[3] !== 0) return colour
      }
      return [255, 255, 255]
    }
    const hasText = (one) =>
      [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '')
    const faint = []
    for (const one of document.querySelectorAll('body *')) {
      if (!hasText(one) || !one.checkVisibility()) continue
      const [above, below] = [read(getComputedStyle(one).color), groundOf(one)].map(light)
      const contrast = (Math.max(above, below) + 0.05) / (Math.min(above, below) + 0.05)
      if (contrast < 4.5) faint.push(`${one.textContent.trim()}: ${contrast.toFixed(2)}`)
    }
    return faint
  })
}

/** Of the promise, of what is on the screen, or of the whole page; only where somebody asked for it. */
async function picture(page, name, { screen = false, whole = false } = {}) {
  const folder = process.env.SCREENSHOTS
  if (!folder) return
  fs.mkdirSync(folder, { recursive: true })
  const file = path.join(folder, `${name}.png`)
  if (screen || whole) await page.screenshot({ path: file, fullPage: whole })
  else await page.screenshot({ path: file, clip: await placeOf(page, name), fullPage: true })
}

/** With some space around it. */
async function placeOf(page, name) {
  await page.evaluate(() => window.scrollTo(0, 0))
  const { x, y, width, height } = await page.locator(`#${name}`).boundingBox()
  return { x: x - 24, y: y + 24, width: width + 48, height: height - 48 }
}
