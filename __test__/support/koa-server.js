'use strict'

// What processes.test.js starts: a Koa app as the README has it, alone or as one of a cluster.

const cluster = require('node:cluster')
const Koa = require('koa')
const { createSession } = require('koa-session-7')
const { SessionStore } = require('../..')

const WORKERS = 2

if (cluster.isPrimary && process.env.CLUSTER) {
  let listening = 0
  for (let worker = 0; worker < WORKERS; worker++) cluster.fork()
  cluster.on('listening', (_worker, { port }) => {
    listening++
    if (listening === WORKERS) process.send({ port })
  })
  process.once('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGTERM')
  })
  cluster.on('exit', (_worker, code, signal) => {
    if (code !== 0) process.exitCode = 1
    if (signal) process.exitCode = 2
    if (Object.keys(cluster.workers).length === 0) process.disconnect()
  })
} else {
  serve()
}

function serve() {
  const store = new SessionStore(JSON.parse(process.env.STORE_OPTIONS))
  const app = new Koa()
  app.keys = ['some secret hurr']
  app.use(createSession({ store, rolling: true }, app))
  app.use(async (ctx) => {
    ctx.session.value = ctx.query.value
    await ctx.session.save()
    ctx.body = { id: ctx.session.externalKey, value: ctx.query.value, pid: process.pid }
  })
  const server = app.listen(0, '127.0.0.1', () => {
    if (cluster.isPrimary) process.send({ port: server.address().port })
  })
  process.once('SIGTERM', () => {
    server.close(async () => {
      await store.close()
      process.disconnect()
    })
  })
}
