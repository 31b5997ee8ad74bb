'use strict'

// docs/operations.md: its examples run as they stand, with the real packages, and its figures are those
// that were measured.

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { describe, it } = require('node:test')
const { promisify } = require('node:util')
const { SpanStatusCode, context, trace } = require('@opentelemetry/api')
const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks')
const sdk = require('@opentelemetry/sdk-trace-base')
const { createSession } = require('koa-session-7')
const { size } = require('../../scripts/sizing')
const { failure } = require('../support/outcome')
const { readPage, root, take } = require('../support/pages')
const { KoaOfSnippet, assertAllUsed, request, useSnippets } = require('../support/snippets')

const snippets = useSnippets()
const page = readPage('docs/operations.md')

/** An application that counts visits in its session. */
function appWithSession(store, ...before) {
  const app = new KoaOfSnippet()
  app.keys = ['secret']
  for (const middleware of before) app.use(middleware)
  app.use(createSession({ store, signed: false, key: 'koa:sess' }, app))
  return app
}

const countVisits = (ctx) => {
  ctx.session.visits = (ctx.session.visits ?? 0) + 1
  ctx.body = String(ctx.session.visits)
}

/**
 * Reads Prometheus' text format 0.0.4: by name, the type and the samples, each under the end of its name
 * and its labels. Refuses what Prometheus would.
 */
function readMetrics(text) {
  assert.match(text, /\n$/)
  const metrics = new Map()
  let last
  for (const line of text.trimEnd().split('\n')) {
    const type = line.match(/^# TYPE ([a-z_]+) (counter|gauge|histogram)$/)
    if (type) {
      assert.ok(!metrics.has(type[1]), `${type[1]} comes twice`)
      last = { name: type[1], type: type[2], samples: new Map() }
      metrics.set(last.name, last)
      continue
    }
    const sample = line.match(
      /^([a-z_]+?)(_bucket|_sum|_count)?(\{(?:[a-z]+="[^"\\]*",?)+\})? (\S+)$/,
    )
    assert.ok(sample, `not a sample: ${line}`)
    const [, name, end = '', labels = '', value] = sample
    assert.equal(name, last.name, 'samples stand behind their type')
    assert.equal(end !== '', last.type === 'histogram', line)
    assert.ok(Number.isFinite(Number(value)), line)
    assert.ok(!last.samples.has(end + labels), `${line} comes twice`)
    last.samples.set(end + labels, Number(value))
  }
  return metrics
}

describe('docs/operations.md', { timeout: 120_000 }, () => {
  it('shows a page for Prometheus, which can read it', async () => {
    const store = snippets.store()
    const app = appWithSession(store)
    await snippets.run(take(page, 'function sessionMetrics'), { app, store })
    app.use(countVisits)
    const http = app.listen(0)
    const { cookie } = await request(http)
    await request(http, '/', cookie)
    const { body } = await request(http, '/metrics')
    const metrics = readMetrics(body)
    const calls = metrics.get('koa_session_calls_total')
    const of = (call, outcome) => calls.samples.get(`{call="${call}",outcome="${outcome}"}`)
    assert.deepEqual([of('set', 'create'), of('set', 'update'), of('get', 'found')], [1, 1, 1])
    const seconds = metrics.get('koa_session_seconds').samples
    assert.equal(seconds.get('_count{call="set"}'), 2)
    assert.equal(seconds.get('_bucket{call="set",le="+Inf"}'), 2)
    assert.equal(seconds.get('_bucket{call="set",le="10"}'), 2)
    assert.ok(seconds.get('_sum{call="set"}') > 0)
    const batches = metrics.get('koa_session_batch_operations').samples
    assert.equal(batches.get('_count'), store.stats().batches.count)
    for (const name of ['retries_total', 'connections', 'waiting', 'under_way', 'fences_waiting']) {
      assert.equal(metrics.get(`koa_session_${name}`).samples.size, 1, name)
    }
    assert.doesNotMatch(body, new RegExp(cookie.match(/koa:sess=([^;]+)/)[1]))
  })

  it('shows spans of OpenTelemetry, whose parents are those of the requests', async () => {
    const exporter = new sdk.InMemorySpanExporter()
    const spanProcessors = [new sdk.SimpleSpanProcessor(exporter)]
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    trace.setGlobalTracerProvider(new sdk.BasicTracerProvider({ spanProcessors }))
    const tracer = trace.getTracer('of the application')
    await snippets.run(take(page, 'spans.set(told'))

    const inSpan = (_, next) =>
      tracer.startActiveSpan('request', (span) => next().finally(() => span.end()))
    const app = appWithSession(snippets.store(), inSpan)
    app.use(countVisits)
    const http = app.listen(0)
    const { cookie } = await request(http)
    await request(http, '/', cookie)
    const spans = exporter.getFinishedSpans()
    const requests = spans.filter(({ name }) => name === 'request')
    assert.equal(requests.length, 2)
    const told = spans.filter(({ name }) => name !== 'request')
    assert.deepEqual(
      told.map(({ name, attributes }) => [name, attributes['session.outcome']]),
      [
        ['session set', 'create'],
        ['session get', 'found'],
        ['session set', 'update'],
      ],
    )
    const parents = told.map(({ parentSpanContext }) => parentSpanContext?.spanId)
    const [first, second] = requests.map((span) => span.spanContext().spanId)
    assert.deepEqual(parents, [first, second, second])
    for (const { attributes } of told) {
      assert.equal(attributes['db.collection.name'], 'sessions')
      assert.equal(attributes['db.operation.batch.size'], 1)
    }
    const id = cookie.match(/koa:sess=([^;]+)/)[1]
    assert.doesNotMatch(JSON.stringify(told.map(({ attributes }) => attributes)), new RegExp(id))
  })

  it('shows spans that end as errors where a call fails', async () => {
    const exporter = new sdk.InMemorySpanExporter()
    trace.disable()
    const spanProcessors = [new sdk.SimpleSpanProcessor(exporter)]
    trace.setGlobalTracerProvider(new sdk.BasicTracerProvider({ spanProcessors }))
    const example = page.blocks.find(({ code }) => code.includes('spans.set(told'))
    await snippets.run(example.code)
    const nowhere = { connection: 'mongodb://127.0.0.1:1', serverSelectionTimeoutMS: 100 }
    await failure(snippets.store(nowhere).get('id'))
    const [span] = exporter.getFinishedSpans()
    assert.deepEqual(span.status, { code: SpanStatusCode.ERROR, message: 'ERR_UNAVAILABLE' })
  })

  it('shows figures that were measured', () => {
    const results = fs.readFileSync(path.join(root, 'bench/results/results.md'), 'utf8')
    const tables = page.text.match(/^\| {2}\| without index.*?(?=\n\n)/ms)
    assert.ok(results.includes(tables[0]))
  })

  it('shows an example of sizing as the program prints it', async () => {
    const command = take(page, 'npm run sizing --').trim()
    const words = command.replace('npm run sizing -- ', '').split(' ')
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['scripts/sizing.js', ...words],
      {
        cwd: root,
      },
    )
    assert.equal(take(page, 'Sessions\n'), stdout)
    assert.match(stdout, /documents +100,000,000\n/)
  })

  it('names every flag of that program with its default', async () => {
    const program = fs.readFileSync(path.join(root, 'scripts/sizing.js'), 'utf8')
    const [, defaults] = program.match(/const DEFAULTS = \{(.*?)\n\}/s)
    const flags = Array.from(
      defaults.matchAll(/^ {2}'?([\w-]+)'?: ([\d_e.]+)/gm),
      ([, name, text]) => [`--${name}`, Number(text.replaceAll('_', ''))],
    )
    assert.ok(flags.length > 10)
    for (const [flag, value] of flags) {
      const [, told] = page.text.match(new RegExp(`^\\| \`${flag}\` \\| ([^|]+) \\|`, 'm')) ?? []
      assert.equal(Number(told?.replaceAll(',', '')), value, flag)
    }
  })

  it('has no snippet that was not run', () => assertAllUsed(page))
})

describe('the sizing', () => {
  const figures = {
    get: { perSecond: 1000, mainCpu: 10, processCpu: 20 },
    set: { perSecond: 100, mainCpu: 20, processCpu: 50 },
    key: { id: 20, idLength: 20, expiry: 20, path: 20 },
  }
  const asked = {
    ...{ users: 1000, 'sessions-per-user': 2, 'session-bytes': 905, days: 1, active: 0.5 },
    ...{ indexes: 1, 'requests-per-second': 1000, 'writes-per-request': 0.1, compression: 2 },
    ...{ replicas: 3, 'ram-per-shard': 3, 'storage-per-shard': 1, load: 0.5 },
  }

  it('computes as the page says', () => {
    const sized = size(asked, figures)
    assert.deepEqual(sized.sessions, { documents: 2000, bytes: 1000, data: 2e6, storage: 1e6 })
    const entry = (bytes) => (2000 * (bytes + 8)) / Math.LN2
    const all = entry(36) + entry(20) + entry(20)
    assert.equal(sized.indexes.all, all)
    assert.equal(sized.workingSet, all + 1e6)
    assert.equal(sized.rates.writes, 100 + (2 * 2000) / 86_400)
    assert.equal(sized.shards.memory, sized.workingSet / 1e9)
    assert.equal(sized.shards.storage, (1e6 + all) / 1e9)
    assert.equal(sized.shards.work, 2 * (1 + sized.rates.writes / 100))
    assert.equal(sized.shards.needed, 5)
    assert.equal(sized.servers, 15)
    assert.equal(sized.node.main, (2 * (1000 * 10 + sized.rates.writes * 20)) / 1e6)
  })

  it('takes what a shard does from whoever knows better', () => {
    const known = { 'reads-per-second-and-shard': 1e6, 'writes-per-second-and-shard': 1e6 }
    assert.equal(size({ ...asked, ...known }, figures).shards.needed, 1)
  })
})
