'use strict'

// The typings say what the code does: member by member, option by option, code by code.

const assert = require('node:assert/strict')
const { EventEmitter } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const mongoose = require('mongoose')
const ts = require('typescript')
const { SETTINGS } = require('../../lib/options/settings')
const { Realm } = require('../support/realm')

/** As the package has it: what watches the tests has wrapped the methods of the copy that they share. */
const SessionStore = new Realm().package

const root = path.join(__dirname, '..', '..')
const typings = path.join(root, 'index.d.ts')
const moduleTypings = path.join(root, 'index.d.mts')

const program = ts.createProgram([typings, moduleTypings], {
  module: ts.ModuleKind.NodeNext,
  types: ['node'],
})
const checker = program.getTypeChecker()

/** What `export = SessionStore` exports: the class, and the namespace of the same name. */
const exported = checker.getExportsOfModule(symbolOf(typings))
const theClass = checker.getExportsOfModule(symbolOf(moduleTypings)).find(named('SessionStore'))

function symbolOf(file) {
  return checker.getSymbolAtLocation(program.getSourceFile(file))
}

function named(name) {
  return (symbol) => symbol.name === name
}

/** Without aliases of its own. */
function resolved(symbol) {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
}

function isValue(symbol) {
  return (resolved(symbol).flags & ts.SymbolFlags.Value) !== 0
}

function sorted(names) {
  return [...new Set(names)].sort()
}

/** The members that the class declares itself, by name. */
function declaredMembers() {
  const declaration = resolved(theClass).declarations.find(ts.isClassDeclaration)
  const members = { instance: new Map(), static: new Map() }
  for (const member of declaration.members) {
    const isStatic = member.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword)
    const name = ts.isConstructorDeclaration(member) ? 'constructor' : nameOf(member.name)
    members[isStatic ? 'static' : 'instance'].set(name, member)
  }
  return members
}

function nameOf(name) {
  return ts.isComputedPropertyName(name) ? name.expression.getText() : name.text
}

/** The names of a class's own members, as the typings write them. */
function ownNames(holder) {
  return Reflect.ownKeys(holder).map((key) =>
    key === Symbol.asyncDispose ? 'Symbol.asyncDispose' : String(key),
  )
}

/** The words that a type of the namespace is a union of. */
function wordsOf(name) {
  const type = checker.getDeclaredTypeOfSymbol(exported.find(named(name)))
  return type.types.map(({ value }) => value)
}

function propertiesOf(name) {
  const type = checker.getDeclaredTypeOfSymbol(exported.find(named(name)))
  return type.getProperties().map((property) => property.name)
}

/** What the namespace exports beside types; the class's own statics are among its exports, too. */
function valueNames() {
  const statics = ['prototype', 'create']
  return exported
    .filter((symbol) => isValue(symbol) && !statics.includes(symbol.name))
    .map(({ name }) => name)
}

function sourcesOf(folder, ending) {
  return fs
    .readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => fs.readFileSync(path.join(root, folder, name), 'utf8'))
}

describe('the class', () => {
  const { instance, static: statics } = declaredMembers()
  const methods = [...instance].filter(([, member]) => ts.isMethodDeclaration(member))

  it('has every method that its typings have, its own or an emitter’s', () => {
    for (const [name] of methods) {
      const key = name === 'Symbol.asyncDispose' ? Symbol.asyncDispose : name
      assert.equal(typeof SessionStore.prototype[key], 'function', name)
    }
  })

  it('has no member that its typings have not', () => {
    const inherited = ownNames(EventEmitter.prototype)
    const declared = [...instance.keys()].filter((name) => !inherited.includes(name))
    const own = ownNames(SessionStore.prototype)
    assert.deepEqual(sorted([...own, 'session']), sorted([...declared, 'constructor']))
    assert.deepEqual(
      sorted(ownNames(SessionStore)),
      sorted([...statics.keys(), ...valueNames(), 'length', 'name', 'prototype']),
    )
  })

  it('takes as many arguments as its typings say', () => {
    for (const [name, member] of [...methods, ...statics]) {
      const method = statics.has(name) ? SessionStore[name] : SessionStore.prototype[name]
      if (!method || Object.hasOwn(EventEmitter.prototype, name)) continue
      assert.equal(method.length, member.parameters.length, name)
    }
    assert.equal(SessionStore.length, instance.get('constructor').parameters.length)
  })

  it('has the fields that its typings have', async (t) => {
    const connection = mongoose.createConnection()
    const store = new SessionStore({ connection })
    t.after(() => store.close())
    const fields = Object.keys(store).filter((name) => !Object.hasOwn(new EventEmitter(), name))
    const declared = [...instance].filter(([, member]) => ts.isPropertyDeclaration(member))
    assert.deepEqual(
      fields,
      declared.map(([name]) => name),
    )
  })

  it('types every way to listen that an emitter has', () => {
    const ofEmitter = ownNames(EventEmitter.prototype).filter((name) => !name.startsWith('_'))
    // These concern no event.
    const others = ['constructor', 'eventNames', 'getMaxListeners', 'setMaxListeners']
    const ways = ofEmitter.filter(
      (name) => typeof EventEmitter.prototype[name] === 'function' && !others.includes(name),
    )
    assert.deepEqual(sorted(ways.filter((name) => !instance.has(name))), [])
  })
})

describe('the module', () => {
  it('exports the values that its typings export', async () => {
    assert.deepEqual(sorted(Object.keys(SessionStore)), sorted(valueNames()))
    for (const name of valueNames()) assert.equal(typeof SessionStore[name], 'function')
    const imported = await import(path.join(root, 'index.mjs'))
    const declared = checker.getExportsOfModule(symbolOf(moduleTypings))
    const values = declared.filter(isValue).map(({ name }) => name)
    assert.deepEqual(sorted(Object.keys(imported)), sorted(values))
  })

  it('hands on every type of the class to ES modules', () => {
    const declared = checker.getExportsOfModule(symbolOf(moduleTypings)).map(({ name }) => name)
    const types = exported.filter((symbol) => !isValue(symbol)).map(({ name }) => name)
    assert.ok(types.length > 10)
    assert.deepEqual(
      types.filter((name) => !declared.includes(name) && !UNNAMED.includes(name)),
      [],
    )
  })
})

/** What the typings themselves need: in an ambient namespace all is exported. */
const UNNAMED = ['Callable', 'Class', 'NoSession', 'WeakKeyed']

describe('the options', () => {
  it('are those that the typings have', () => {
    assert.deepEqual(sorted(propertiesOf('SessionStoreOptions')), sorted(Object.keys(SETTINGS)))
  })
})

describe('the codes of errors', () => {
  it('are those that the typings have', () => {
    const sources = [
      ...sourcesOf('lib', '.js'),
      ...sourcesOf('src', '.rs'),
      fs.readFileSync(path.join(root, 'index.js'), 'utf8'),
    ]
    // In quotes: what a comment speaks of is nothing that is thrown.
    const used = sources.flatMap((text) => [...text.matchAll(/['"]((?:ERR|INFO)_[A-Z_]+)['"]/g)])
    assert.deepEqual(sorted(used.map(([, code]) => code)), sorted(wordsOf('SessionStoreErrorCode')))
  })
})

describe('the events', () => {
  it('are those that the typings have', () => {
    const ofNode = ['newListener', 'removeListener']
    const [, meanings] = /const MEANINGS = \[([^\]]*)\]/.exec(
      fs.readFileSync(path.join(root, 'lib', 'call', 'operation.js'), 'utf8'),
    )
    const emitted = [...meanings.matchAll(/'(\w+)'/g)].map(([, word]) => word)
    // Of these nobody is told.
    const ofSessions = emitted.filter(
      (word) => !['missing', 'unchanged', 'watching'].includes(word),
    )
    assert.deepEqual(sorted(wordsOf('SessionEvent')), sorted(ofSessions))
    const all = [...ofSessions, 'warning', ...ofNode]
    assert.deepEqual(sorted(propertiesOf('SessionStoreEvents')), sorted(all))
  })
})
