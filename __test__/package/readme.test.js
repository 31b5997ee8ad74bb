'use strict'

// The two READMEs: each snippet runs as it stands and does what the text around it says, in both
// languages alike; options and codes are those that the store has.

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const { createSession } = require('koa-session-7')
const ts = require('typescript')
const { SETTINGS } = require('../../lib/options/settings')
const { readPage, root, rowsOf, take } = require('../support/pages')
const { KoaOfSnippet, assertAllUsed, request, useSnippets } = require('../support/snippets')

const snippets = useSnippets()

const MOST_LINES = 200

for (const page of [readPage('README.md'), readPage('README.zh-CN.md')]) {
  describe(page.file, () => {
    const config = take(page, 'CONFIG = {')

    it('has a CONFIG that keeps the sessions of a Koa application in MongoDB', async () => {
      await assertCountsViews(config)
    })

    for (const version of [5, 6]) {
      it(`says how the CONFIG works with koa-session ${version}`, async () => {
        const line = "const createSession = require('koa-session')"
        assert.ok(page.text.includes(`\`${line}\``))
        const older = config.replace("const { createSession } = require('koa-session')", line)
        assert.notEqual(older, config)
        await assertCountsViews(older, { koaSession: `koa-session-${version}` })
      })
    }

    it('shows a sign-in that gives the session a new id, and ends the old one', async () => {
      const app = appWithSession(snippets.store())
      await snippets.run(take(page, 'ctx.session.regenerate()'), {
        app,
        findUser: async (ctx) => ctx.query.wrong === undefined && { id: 42, name: 'Someone' },
      })
      app.use((ctx) => {
        ctx.session.visits = (ctx.session.visits ?? 0) + 1
        ctx.body = JSON.stringify(ctx.session)
      })
      const http = app.listen(0)
      const visitor = await request(http)
      assert.equal((await request(http, '/sign-in?wrong', visitor.cookie)).status, 401)
      const user = await request(http, '/sign-in', visitor.cookie)
      assert.equal(user.body, 'Welcome, Someone')
      assert.notEqual(user.cookie, visitor.cookie)
      const { visits, userInfo } = JSON.parse((await request(http, '/', user.cookie)).body)
      assert.deepEqual({ visits, userInfo }, { visits: 2, userInfo: { id: 42, name: 'Someone' } })
      const planted = JSON.parse((await request(http, '/', visitor.cookie)).body)
      assert.equal(planted.userInfo, undefined)
    })

    it('shows how to sign out my other devices, for good', async () => {
      const store = snippets.store({ collection: `devices in ${page.file}` })
      const app = appWithSession(store)
      await snippets.run(take(page, 'store.destroyMany('), { app, store })
      app.use((ctx) => {
        if (ctx.path === '/sign-in') ctx.session.userInfo = { id: Number(ctx.query.id) }
        ctx.body = JSON.stringify(ctx.session.userInfo ?? null)
      })
      const http = app.listen(0)
      const signIn = async (id) => (await request(http, `/sign-in?id=${id}`)).cookie
      const [here, there, elsewhere, other] = await Promise.all([42, 42, 42, 43].map(signIn))
      assert.equal((await request(http, '/sign-out-others')).status, 401)
      const answer = await request(http, '/sign-out-others', here)
      assert.equal(answer.body, 'Signed out on 2 other devices.')
      const seen = await Promise.all(
        [here, there, elsewhere, other].map((cookie) => request(http, '/', cookie)),
      )
      assert.deepEqual(
        seen.map(({ body }) => JSON.parse(body)?.id),
        [42, undefined, undefined, 43],
      )
    })

    it('lists options of the store with the defaults that they have', () => {
      const rows = rowsOf(page.text).filter(({ names: [name] }) => name in SETTINGS)
      assert.ok(rows.length >= 7)
      for (const { names, cells } of rows) {
        const fallback = SETTINGS[names[0]].default
        if (fallback !== undefined) assert.equal(cells[0], `\`${inCode(fallback)}\``, names[0])
      }
    })

    it('fits one sitting', () => {
      assert.ok(page.text.split('\n').length <= MOST_LINES + 1)
    })

    it('has no snippet that was not run', () => assertAllUsed(page))
  })
}

describe('the READMEs in both languages', () => {
  const [english, chinese] = ['README.md', 'README.zh-CN.md'].map(readPage)

  it('have the same structure', () => {
    const levels = ({ headings }) => headings.map(({ level }) => level)
    assert.deepEqual(levels(chinese), levels(english))
  })

  it('have the same options, errors and defaults', () => {
    const inBoth = (page) =>
      rowsOf(page.text).map(({ names, cells }) => [names, cells[0].startsWith('`') && cells[0]])
    assert.deepEqual(inBoth(chinese), inBoth(english))
  })

  it('have the same snippets, but for comments', () => {
    const codes = ({ blocks }) =>
      blocks.map(({ language, kind, code }) => [language, kind, plain(code)])
    assert.deepEqual(codes(chinese), codes(english))
  })

  it('link to the same pages and pictures', () => {
    const others = /^README|#/
    const targets = ({ links }) => [...new Set(links.filter((link) => !others.test(link)))].sort()
    assert.deepEqual(targets(chinese), targets(english))
  })

  it('name the same codes, calls and options in their text', () => {
    const names = ({ prose }) => {
      const code = prose.matchAll(/`([^`]+)`/g)
      return [...new Set(Array.from(code, ([, words]) => words.replaceAll(/\s+/g, ' ')))].sort()
    }
    assert.deepEqual(names(chinese), names(english))
  })
})

describe('docs/options.md', () => {
  const rows = rowsOf(readPage('docs/options.md').text)
  const isOption = (name) => Object.hasOwn(SETTINGS, name)
  // Rows of options have a type and a default; those of a client's settings have not.
  const options = rows.filter(({ names, cells }) => cells.length === 3 && names.some(isOption))

  it('lists every option that the store takes, and no other', () => {
    const listed = options.flatMap(({ names }) => names)
    assert.deepEqual(listed.toSorted(), Object.keys(SETTINGS).toSorted())
  })

  it('says the defaults that the store has', () => {
    for (const { names, cells } of options) {
      for (const name of names) {
        const fallback = SETTINGS[name].default
        if (fallback !== undefined) assert.ok(cells[1].startsWith(`\`${inCode(fallback)}\``), name)
      }
    }
  })
})

describe('docs/errors.md', () => {
  const rows = rowsOf(readPage('docs/errors.md').text)
  const typings = fs.readFileSync(path.join(root, 'index.d.ts'), 'utf8')

  it('lists the codes of the errors that the typings list', () => {
    const typed = Array.from(typings.matchAll(/^ {4}\| '(ERR_\w+)'/gm), ([, code]) => code)
    const listed = rows.map(({ names }) => names[0]).filter((name) => name.startsWith('ERR_'))
    assert.deepEqual(listed, typed)
  })

  it('lists the events that the typings list', () => {
    const [, body] = typings.match(/interface SessionStoreEvents \{\n(.*?)\n {2}\}/s)
    const typed = Array.from(body.matchAll(/^ {4}(\w+): \[(?!event)/gm), ([, event]) => event)
    const listed = rows.map(({ names }) => names[0])
    assert.deepEqual(
      typed.filter((event) => !listed.includes(event)),
      [],
    )
  })
})

async function assertCountsViews(code, options) {
  await snippets.run(snippets.here(code, options))
  const first = await request(KoaOfSnippet.http)
  assert.equal(first.body, '1 views')
  const second = await request(KoaOfSnippet.http, '/', first.cookie)
  assert.equal(second.body, '2 views')

  const id = first.cookie.match(/koa:sess=([^;]+)/)[1]
  const stored = await snippets.collection('navigation').findOne({ _id: id })
  assert.equal(stored.data.views, 2)
  assert.equal(stored.expiresAt - stored.updatedAt, 86400 * 1000)
  assert.equal((await snippets.mongoose.model('session').findById(id)).data.views, 2)
}

function appWithSession(store) {
  const app = new KoaOfSnippet()
  app.keys = ['secret']
  app.use(createSession({ store, signed: false, key: 'koa:sess' }, app))
  return app
}

function inCode(value) {
  return JSON.stringify(value).replaceAll('"', "'")
}

/** Code without its comments, as the compiler reads it. */
function plain(code) {
  const scanner = ts.createScanner(ts.ScriptTarget.ESNext, true, ts.LanguageVariant.Standard, code)
  const tokens = []
  while (scanner.scan() !== ts.SyntaxKind.EndOfFileToken) tokens.push(scanner.getTokenText())
  return tokens.join(' ')
}
