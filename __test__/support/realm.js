'use strict'

// Other realms: a world with an `Object`, a `Date` and a `Uint8Array` of its own, as test runners make
// for each file of tests. Jest gives its world `Buffer` and the modules of Node as they are; of the
// classes its Node environment gives it `Uint8Array` and `ArrayBuffer`, its jsdom environment none.

const fs = require('node:fs')
const { createRequire, isBuiltin } = require('node:module')
const path = require('node:path')
const vm = require('node:vm')

const root = path.join(__dirname, '..', '..')

/** What every world of a test runner has of this one. */
const SHARED = [
  'AbortController',
  'Buffer',
  'TextDecoder',
  'TextEncoder',
  'URL',
  'URLSearchParams',
  'clearInterval',
  'clearTimeout',
  'console',
  'performance',
  'process',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
  'structuredClone',
]

class Realm {
  #context
  #modules = new Map()
  #foreign

  /**
   * @param {object} [options]
   * @param {string[]} [options.shared] classes that it has of this realm, beside the usual
   * @param {string[]} [options.foreign] packages that it takes as this realm has loaded them
   */
  constructor({ shared = [], foreign = [] } = {}) {
    const names = [...SHARED, ...shared]
    const globals = Object.fromEntries(names.map((name) => [name, globalThis[name]]))
    this.#context = vm.createContext({ ...globals })
    this.#foreign = foreign
    vm.runInContext('globalThis.global = globalThis', this.#context)
  }

  /** @param {string} expression */
  run(expression) {
    return vm.runInContext(`(${expression})`, this.#context)
  }

  /**
   * Loads a CommonJS module, and what it needs, as code of this realm.
   * @param {string} file
   */
  load(file) {
    const known = this.#modules.get(file)
    if (known) return known.exports
    const module = { exports: this.run('{}') }
    this.#modules.set(file, module)
    const outer = createRequire(file)
    const require = Object.assign((name) => this.#require(outer, name), { cache: this.#cache() })
    const code = fs.readFileSync(file, 'utf8')
    if (file.endsWith('.json')) {
      module.exports = this.run(code)
      return module.exports
    }
    const parameters = ['exports', 'require', 'module', '__filename', '__dirname']
    const options = { parsingContext: this.#context, filename: file }
    const run = vm.compileFunction(code, parameters, options)
    run.call(module.exports, module.exports, require, module, file, path.dirname(file))
    return module.exports
  }

  #require(outer, name) {
    if (isBuiltin(name) || this.#foreign.includes(name)) return outer(name)
    const file = outer.resolve(name)
    return file.endsWith('.node') ? outer(file) : this.load(file)
  }

  /** As Jest shows its modules: by file, to be read only. */
  #cache() {
    const modules = this.#modules
    return new Proxy(Object.create(null), {
      get: (_target, file) => modules.get(file),
      getOwnPropertyDescriptor: () => ({ configurable: true, enumerable: true }),
      has: (_target, file) => modules.has(file),
      ownKeys: () => [...modules.keys()],
    })
  }

  /** The package, loaded in this realm. */
  get package() {
    return this.load(path.join(root, 'index.js'))
  }

  /** @param {string} name of a package */
  require(name) {
    return this.load(createRequire(path.join(root, 'package.json')).resolve(name))
  }
}

module.exports = { Realm }
