'use strict'

// What an application does with the installed package: each way to load it, each mode of TypeScript,
// bundlers and test runners. Each gets a folder with the package installed, and a MongoDB.

const fs = require('node:fs')
const path = require('node:path')
const { root } = require('../../command')
const { useEveryCall } = require('../../runtimes/calls.cjs')
const { node } = require('./commands')
const { programOf, tool } = require('./tools')

/** Uses a store; the test is that it gets this far. */
const USE = `await (${useEveryCall})(SessionStore, process.env.MONGODB_URI)`

const WAYS = {
  require(folder, env) {
    const code = `const SessionStore = require('koa-session-mongo-native')
      if (SessionStore.SessionStore !== SessionStore) throw new Error('two classes')
      ;(async () => {${USE}})()`
    node(folder, [write(folder, 'required.cjs', code)], env)
  },

  import(folder, env) {
    const code = `import SessionStore, { SessionStoreError } from 'koa-session-mongo-native'
      if (!(SessionStoreError.prototype instanceof Error)) throw new Error('no error')
      ${USE}`
    node(folder, [write(folder, 'imported.mjs', code)], env)
  },

  webpack(folder, env) {
    const [, externals] = inGuide(/`(externals: \{[^`]*\})`/)
    const entry = write(folder, 'to-webpack.cjs', `${REQUIRE}\n;(async () => {${USE}})()`)
    const config = `{ mode: 'production', target: 'node', entry: ${JSON.stringify(entry)}, ${externals},
      output: { path: ${JSON.stringify(folder)}, filename: 'webpacked.cjs' } }`
    const script = `require(${JSON.stringify(tool('webpack'))})(${config}, (error, stats) => {
      if (error ?? stats.hasErrors()) throw error ?? new Error(stats.toString())
      if (stats.hasWarnings()) throw new Error(stats.toString())
    })`
    node(folder, [write(folder, 'webpack.cjs', script)])
    node(folder, [path.join(folder, 'webpacked.cjs')], env)
  },

  esbuild(folder, env) {
    const [, external] = inGuide(/`--external:([\w-]+)`/)
    const entry = write(folder, 'to-esbuild.mjs', `${IMPORT}\n${USE}`)
    const output = path.join(folder, 'esbuilt.mjs')
    const options = { entryPoints: [entry], outfile: output, bundle: true, external: [external] }
    const config = JSON.stringify({ ...options, platform: 'node', format: 'esm' })
    const script = `const { warnings } = require(${JSON.stringify(tool('esbuild'))}).buildSync(${config})
      if (warnings.length > 0) throw new Error(JSON.stringify(warnings))`
    node(folder, [write(folder, 'esbuild.cjs', script)])
    node(folder, [output], env)
  },

  'Jest, node': (folder, env) => jest(folder, env, 'node'),
  'Jest, jsdom': (folder, env) => jest(folder, env, tool('jest-environment-jsdom')),
  'Vitest, forks': (folder, env) => vitest(folder, env, 'forks'),
  'Vitest, threads': (folder, env) => vitest(folder, env, 'threads'),
  'Vitest, vmThreads': (folder, env) => vitest(folder, env, 'vmThreads'),
}

const REQUIRE = "const { SessionStore } = require('koa-session-mongo-native')"
const IMPORT = "import { SessionStore } from 'koa-session-mongo-native'"

for (const version of ['typescript-5', 'typescript', 'typescript-7']) {
  for (const mode of ['node16', 'nodenext', 'bundler']) {
    WAYS[`${nameOf(version)}, ${mode}`] = (folder) => typescript(folder, version, mode)
  }
}

/** As it will be installed: when this file is loaded there may be no tools yet. */
function nameOf(version) {
  const { devDependencies } = require('./tools/package.json')
  return `TypeScript ${devDependencies[version].match(/\d+/)[0]}`
}

/**
 * Both module kinds, with what only typings know, and one mistake that they have to find. For a bundler
 * without `types`: what a compiler takes by itself is another in each version, and nothing in the latest.
 */
function typescript(folder, version, mode) {
  const use = `
    const store: SessionStore = new SessionStore({ connection: 'mongodb://127.0.0.1' })
    export const read: Promise<any> = store.get('id')
    // @ts-expect-error: there is no such option
    new SessionStore({ connexion: '' })`
  const files = [
    [
      'typed.mts',
      `import SessionStore, { SessionStoreError } from 'koa-session-mongo-native'\n${use}
    export const failed = (error: SessionStoreError): string => error.code`,
    ],
  ]
  if (mode !== 'bundler') {
    files.push([
      'typed.cts',
      `import SessionStore = require('koa-session-mongo-native')\n${use}
    export const failed = (error: SessionStore.SessionStoreError): string => error.code`,
    ])
  }
  const config = {
    compilerOptions: {
      module: mode === 'bundler' ? 'esnext' : mode,
      moduleResolution: mode,
      target: 'es2022',
      strict: true,
      noEmit: true,
      types: mode === 'bundler' ? undefined : ['node'],
      typeRoots: [tool('@types')],
    },
    files: files.map(([name, code]) => write(folder, name, code)),
  }
  const project = write(folder, `tsconfig.${mode}.json`, JSON.stringify(config))
  node(folder, [programOf(version, 'tsc'), '--project', project])
}

function jest(folder, env, environment) {
  write(folder, 'jest.test.js', `${REQUIRE}\ntest('a store works', async () => {${USE}})`)
  const options = ['--rootDir', folder, '--env', environment, '--testMatch', '**/jest.test.js']
  node(folder, [programOf('jest'), '--ci', ...options], env)
}

function vitest(folder, env, pool) {
  write(folder, 'vitest.test.mjs', `${IMPORT}\ntest('a store works', async () => {${USE}})`)
  const options = ['run', '--globals', '--root', folder, '--pool', pool, 'vitest.test.mjs']
  node(folder, [programOf('vitest'), ...options], env)
}

function write(folder, name, code) {
  const file = path.join(folder, name)
  fs.writeFileSync(file, code)
  return file
}

function inGuide(pattern) {
  const guide = 'docs/getting-started.md'
  const found = fs.readFileSync(path.join(root, guide), 'utf8').match(pattern)
  if (!found) throw new Error(`${guide} does not say ${pattern}`)
  return found
}

module.exports = { WAYS }
