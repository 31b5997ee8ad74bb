'use strict'

// Checks the types of snippets, as an application's own compiler would, without writing a file.

const path = require('node:path')
const ts = require('typescript')
const { root } = require('./pages')

/** What snippets take for granted, where they do not declare it themselves. */
const GIVEN = `
import type * as Mongoose from 'mongoose'
import type * as MongoDB from 'mongodb'
import type * as SessionStoreModule from 'koa-session-mongo-native'

declare global {
  const SessionStore: typeof SessionStoreModule.SessionStore
  const SessionStoreError: typeof SessionStoreModule.SessionStoreError
  const store: SessionStoreModule.SessionStore
  const options: SessionStoreModule.SessionStoreOptions
  const mongoose: typeof Mongoose
  const MongoClient: typeof MongoDB.MongoClient
  const client: MongoDB.MongoClient
  const app: any
  const ctx: any
  const router: any
  const server: import('node:http').Server
  const CONFIG: any
  const User: any
  const sockets: Map<string, { close(): void }>
  const findUser: (...given: any[]) => Promise<any>
}
`

/** The packages have these names here. */
const HERE = { "'koa-session'": "'koa-session-7'" }

const OPTIONS = {
  target: ts.ScriptTarget.ESNext,
  lib: ['lib.esnext.d.ts'],
  module: ts.ModuleKind.NodeNext,
  types: ['node'],
  allowJs: true,
  checkJs: true,
  noEmit: true,
  skipLibCheck: true,
  strict: true,
  noImplicitAny: false,
  useUnknownInCatchVariables: false,
}

/**
 * @param {{ file: string, language: string, code: string }[]} snippets
 * @returns {string[]} what is wrong, with the page and the line of the snippet
 */
function typeErrors(snippets) {
  const folder = path.join(root, '__test__', 'snippets')
  const virtual = new Map([[path.join(folder, 'given.d.mts'), GIVEN]])
  const origins = new Map()
  for (const [index, snippet] of snippets.entries()) {
    const { name, code } = asModule(snippet, index)
    virtual.set(path.join(folder, name), code)
    origins.set(path.join(folder, name), snippet)
  }
  const host = ts.createCompilerHost(OPTIONS)
  const { fileExists, readFile } = host
  host.fileExists = (file) => virtual.has(path.normalize(file)) || fileExists.call(host, file)
  host.readFile = (file) => virtual.get(path.normalize(file)) ?? readFile.call(host, file)
  const program = ts.createProgram([...virtual.keys()], OPTIONS, host)
  return ts
    .getPreEmitDiagnostics(program)
    .filter(({ file }) => !file || virtual.has(path.normalize(file.fileName)))
    .map((diagnostic) => inWords(diagnostic, origins))
}

/** On the line where it was, in a module of its own kind. */
function asModule({ language, code }, index) {
  const text = Object.entries(HERE).reduce((all, [name, here]) => all.replaceAll(name, here), code)
  if (language === 'ts') return { name: `snippet-${index}.mts`, code: `${text}\nexport {}\n` }
  if (/^(import|export) /m.test(text)) return { name: `snippet-${index}.mjs`, code: text }
  return { name: `snippet-${index}.cjs`, code: `void (async () => { ${text}\n})\n` }
}

function inWords({ file, start, messageText }, origins) {
  const words = ts.flattenDiagnosticMessageText(messageText, '\n')
  const snippet = file && origins.get(path.normalize(file.fileName))
  if (!snippet) return words
  const { line } = file.getLineAndCharacterOfPosition(start)
  return `${snippet.file}: ${words}\n  ${snippet.code.split('\n')[line]}`
}

module.exports = { typeErrors }
