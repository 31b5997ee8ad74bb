'use strict'

// How the package is got: the same class by every kind of import, with typings that are right for
// each, in a package that holds all it needs.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const { EventEmitter } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { before, describe, it } = require('node:test')
const { promisify } = require('node:util')
const SessionStore = require('koa-session-mongo-native')
const { withAbsoluteLinks } = require('../../scripts/package/links')
const { SOURCES } = require('../../scripts/setup')
const { linksOf, readPage } = require('../support/pages')

const root = path.join(__dirname, '..', '..')
const connection = 'mongodb://127.0.0.1:1'

/** @returns {Promise<string>} what the program prints */
async function run(program, ...args) {
  try {
    return (await promisify(execFile)(program, args, { cwd: root, encoding: 'utf8' })).stdout
  } catch (error) {
    assert.fail(`${program} ${args.join(' ')}\n${error.stdout}\n${error.stderr}`)
  }
}

describe('the class', () => {
  it('is the same by require, by destructuring and by import', async () => {
    const { SessionStore: named } = require('koa-session-mongo-native')
    const module = await import('koa-session-mongo-native')
    assert.equal(named, SessionStore)
    assert.equal(module.default, SessionStore)
    assert.equal(module.SessionStore, SessionStore)
    assert.equal(module.SessionStoreError, SessionStore.SessionStoreError)
    assert.deepEqual(Object.keys(module).sort(), ['SessionStore', 'SessionStoreError', 'default'])
  })

  it('is made by `new` and by `create` alike', async () => {
    for (const store of [new SessionStore({ connection }), SessionStore.create({ connection })]) {
      assert.ok(store instanceof SessionStore)
      assert.ok(store instanceof EventEmitter)
      await store.close()
    }
    for (const make of [(options) => new SessionStore(options), SessionStore.create]) {
      for (const options of [undefined, {}, { connection: null }]) {
        assert.throws(() => make(options), { name: 'SessionStoreError', code: 'ERR_OPTIONS' })
      }
    }
  })

  it('is all that the package gives, beside its package.json', () => {
    assert.equal(require('koa-session-mongo-native/package.json').main, 'index.js')
    assert.throws(() => require('koa-session-mongo-native/lib/call/link.js'), {
      code: 'ERR_PACKAGE_PATH_NOT_EXPORTED',
    })
  })
})

describe('the typings', () => {
  const tsc = path.join(path.dirname(require.resolve('typescript/package.json')), 'bin', 'tsc')

  it('hold for CommonJS and ES modules', async () => {
    await run(process.execPath, tsc, '--project', '__test__/types')
  })

  it('hold for a bundler, and in themselves', async () => {
    await run(process.execPath, tsc, '--project', '__test__/types/tsconfig.bundler.json')
  })

  it('list the options that the store takes', () => {
    const { SETTINGS } = require('../../lib/options/settings')
    const typings = fs.readFileSync(path.join(root, 'index.d.ts'), 'utf8')
    const listed = ['SessionStoreOptions', 'DriverOptions'].flatMap((name) => {
      const [, body] = typings.match(
        new RegExp(`interface ${name} [^{]*\\{\\n(.*?)\\n {2}\\}\\n`, 's'),
      )
      return Array.from(body.matchAll(/^ {4}(\w+)\??:/gm), ([, option]) => option)
    })
    assert.deepEqual(listed.sort(), Object.keys(SETTINGS).sort())
  })

  it('have in ESM every type that they have in CommonJS', () => {
    const names = (file, pattern) =>
      Array.from(
        fs.readFileSync(path.join(root, file), 'utf8').matchAll(pattern),
        ([, name]) => name,
      )
    const inCommonJs = names('index.d.ts', /^ {2}export (?:type|interface) (\w+)/gm)
    const inEsm = names('index.d.mts', /^ {2}(\w+),/gm)
    assert.deepEqual(inEsm.sort(), inCommonJs.sort())
  })
})

describe('the package', () => {
  /** @type {Set<string>} */
  let packed

  before(async () => {
    const [{ files }] = JSON.parse(
      await run('npm', 'pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error'),
    )
    packed = new Set(files.map((file) => file.path))
  })

  it('holds every file that it loads, the addon and the typings, and no tests', () => {
    for (const file of ['index.js', 'index.mjs', 'index.d.ts', 'index.d.mts', 'native.js']) {
      assert.ok(packed.has(file), file)
    }
    for (const file of [...packed].filter((name) => /^(index|lib\/.*)\.m?js$/.test(name))) {
      const code = fs.readFileSync(path.join(root, file), 'utf8')
      for (const [, target] of code.matchAll(/(?:require\(|from )'(\..*?)'/g)) {
        const needed = path.posix.join(path.posix.dirname(file), target)
        assert.ok(packed.has(needed) || packed.has(`${needed}.js`), `${needed}, for ${file}`)
      }
    }
    assert.ok([...packed].some((name) => name.endsWith('.node')))
    assert.deepEqual(
      [...packed].filter((name) => /^(target|__test__|\.)/.test(name)),
      [],
    )
  })

  it('holds the sources of the addon, for a system where that does not load', () => {
    const files = SOURCES.flatMap((name) => {
      const place = path.join(root, name)
      if (!fs.statSync(place).isDirectory()) return [name]
      const all = fs.readdirSync(place, { recursive: true, encoding: 'utf8' })
      return all
        .filter((file) => fs.statSync(path.join(place, file)).isFile())
        .map((file) => path.posix.join(name, file))
    })
    assert.ok(files.length > 30)
    assert.deepEqual(
      files.filter((file) => !packed.has(file)),
      [],
    )
  })

  it('carries all that its pages link to', () => {
    const missing = [...packed]
      .filter((name) => name.endsWith('.md'))
      .flatMap((file) => readPage(file).links.map((target) => targetOf(file, target)))
      .filter((target) => !packed.has(target))
    assert.deepEqual(missing, [])
  })
})

/** Of a link within the repository, without its anchor. */
function targetOf(file, target) {
  if (/^(https?:|#)/.test(target)) return file
  return path.posix.join(path.posix.dirname(file), target.split('#')[0])
}

describe('the README at npm', () => {
  const text = fs.readFileSync(path.join(root, 'README.md'), 'utf8')
  const targets = (/** @type {string} */ page) => linksOf(page).filter((it) => !it.startsWith('#'))

  it('has the links of the repository while that has no address', () => {
    assert.equal(withAbsoluteLinks(text, { version: '1.2.3' }), text)
  })

  it('has absolute links as soon as package.json names the repository', () => {
    const repository = { type: 'git', url: 'git+https://example.com/owner/name.git' }
    const page = withAbsoluteLinks(text, { version: '1.2.3', repository })
    assert.ok(targets(page).length > 10)
    assert.equal(targets(page).length, targets(text).length)
    for (const target of targets(page)) assert.match(target, /^https:\/\//)
    assert.ok(
      targets(page).includes('https://example.com/owner/name/blob/v1.2.3/docs/options.md#values'),
    )
    const pictures = targets(page).filter((target) => target.endsWith('.svg'))
    for (const target of pictures)
      assert.match(target, /^https:\/\/example\.com\/owner\/name\/raw\/v1\.2\.3\//)
  })
})
