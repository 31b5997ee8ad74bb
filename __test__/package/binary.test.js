'use strict'

// A native addon that is missing, broken or made for another system: a copy of the package says so.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { after, describe, it } = require('node:test')
const { promisify } = require('node:util')

const root = path.join(__dirname, '..', '..')
const NAME = 'koa-session-mongo-native'
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'koa-session-binary-'))

require('../../native')
/** The addon that this process runs with. */
const addon = Object.keys(require.cache).find((file) => file.endsWith('.node'))

/** A copy of the package, in an application of its own, with this as the addon. */
function install(name, change) {
  const modules = path.join(folder, name, 'node_modules')
  for (const file of ['index.js', 'index.mjs', 'lib', 'native.js', 'package.json']) {
    fs.cpSync(path.join(root, file), path.join(modules, NAME, file), { recursive: true })
  }
  fs.cpSync(path.join(root, 'node_modules', 'bson'), path.join(modules, 'bson'), {
    recursive: true,
  })
  change(path.join(modules, NAME, path.basename(addon)))
  return path.join(folder, name)
}

/** What two stores in such an application are told, as it is printed. */
async function run(application, flags = []) {
  const script = `
    const SessionStore = require('${NAME}')
    for (const attempt of [1, 2]) {
      try {
        new SessionStore({ connection: 'mongodb://127.0.0.1:1/' })
      } catch (error) {
        const { name, code, message, cause } = error
        const isOne = error instanceof SessionStore.SessionStoreError
        console.log(JSON.stringify({ name, code, message, cause: cause.message, isOne }))
      }
    }`
  const options = { cwd: application, env: { ...process.env, NODE_OPTIONS: '' } }
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, '-e', script], options)
  return stdout.trim().split('\n').map(JSON.parse)
}

after(() => fs.rmSync(folder, { recursive: true, force: true }))

describe('a package whose addon cannot be used', { timeout: 60_000 }, () => {
  async function assertTold(application, { message, cause }) {
    const told = await run(application)
    assert.equal(told.length, 2)
    for (const error of told) {
      assert.deepEqual(
        [error.name, error.code, error.isOne],
        ['SessionStoreError', 'ERR_BINARY', true],
      )
      assert.match(error.message, new RegExp(`${process.platform}-${process.arch}`))
      assert.match(error.message, /install again on this very system|build .* from its source/)
      assert.doesNotMatch(error.message, /npm has a bug|package-lock/)
      assert.match(error.message, message)
      assert.match(error.cause, cause)
    }
  }

  it('says that it is missing, and what was looked for', async () => {
    await assertTold(
      install('missing', () => {}),
      {
        message: new RegExp(
          `is not there\\. Tried: ${path.basename(addon)} \\(not there\\); ` +
            `${NAME}-\\S+ \\(not there\\)\\.`,
        ),
        cause: /^Cannot find module/,
      },
    )
  })

  it('advises what helps: to install what is there, or to build where nothing is', async () => {
    for (const platforms of [[], ['linux-mips-gnu', 'win32-mips-msvc']]) {
      const application = install(`advice-${platforms.length}`, () => {})
      const file = path.join(application, 'node_modules', NAME, 'package.json')
      const names = platforms.map((platform) => [`${NAME}-${platform}`, '0.0.0'])
      const optionalDependencies = Object.fromEntries(names)
      const manifest = JSON.parse(fs.readFileSync(file, 'utf8'))
      fs.writeFileSync(file, JSON.stringify({ ...manifest, optionalDependencies }))
      const [{ message }] = await run(application)
      assert.match(message, new RegExp(`npx ${NAME} build`))
      assert.equal(message.includes('--include=optional'), platforms.length > 0)
      assert.equal(message.includes(platforms.join(', ')), true)
    }
  })

  it('says that Node was told to load none', async () => {
    const application = install('disabled', (file) => fs.copyFileSync(addon, file))
    for (const { code, message } of await run(application, ['--no-addons'])) {
      assert.equal(code, 'ERR_BINARY')
      assert.match(message, /does not load\. .*Start Node without --no-addons/)
      assert.doesNotMatch(message, /build|install/)
    }
  })

  it('says that it is incomplete, before the system ends the process for it', async () => {
    const { size } = fs.statSync(addon)
    for (const share of [0.001, 0.1, 0.5, 0.99]) {
      const application = install(`cut-at-${share}`, (file) => {
        fs.copyFileSync(addon, file)
        fs.truncateSync(file, Math.floor(size * share))
      })
      await assertTold(application, {
        message: new RegExp(`does not load\\. Tried: ${path.basename(addon)}`),
        cause: /./,
      })
    }
  })

  it('says that it is empty', async () => {
    await assertTold(
      install('empty', (file) => fs.writeFileSync(file, '')),
      { message: /does not load/, cause: /./ },
    )
  })

  it('says that it was made for another system', async () => {
    // What a Mac, a Windows and an ARM machine have there; a folder that was copied holds it.
    const others = { macho: 'cffaedfe0c000001', pe: '4d5a900003000000' }
    for (const [name, start] of Object.entries(others)) {
      const application = install(name, (file) => {
        fs.writeFileSync(file, Buffer.concat([Buffer.from(start, 'hex'), Buffer.alloc(4096)]))
      })
      await assertTold(application, { message: /does not load/, cause: /./ })
    }
    const application = install('architecture', (file) => {
      const bytes = fs.readFileSync(addon)
      bytes.writeUInt16LE(bytes.readUInt16LE(18) === 0xb7 ? 0x3e : 0xb7, 18)
      fs.writeFileSync(file, bytes)
    })
    if (process.platform === 'linux') {
      await assertTold(application, { message: /does not load/, cause: /./ })
    }
  })

  it('says that it is that of another package', async () => {
    const application = install('another', () => {})
    const file = path.join(application, 'node_modules', NAME, 'native.js')
    fs.writeFileSync(file, 'module.exports = {}')
    await assertTold(application, { message: /another package/, cause: /another package/ })
  })
})
