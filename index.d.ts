/// <reference types="node" />
// biome-ignore-all lint/suspicious/noExplicitAny: what a session holds is the application's affair
import { EventEmitter } from 'node:events'

export = SessionStore

/**
 * A store for koa-session that keeps each session as one document of a MongoDB collection:
 *
 * ```
 * { _id: <session id>, data: { …the session… }, updatedAt: <last write>, expiresAt: <its end> }
 * ```
 *
 * Operations on one id take effect in the order of their calls, awaited or not. Operations on
 * different ids do not wait for each other. No operation throws: it rejects, always with a
 * {@link SessionStore.SessionStoreError}; with `ERR_OPTIONS` if the connection was opened only after
 * the store was made, and turns out not to be usable, or if it is called on something else than a
 * store, such as a Proxy of one.
 *
 * A store that is idle keeps no process alive; one with an operation under way does.
 *
 * @typeParam Session what a session holds: `new SessionStore<MySession>(…)`
 */
declare class SessionStore<Session extends object = Record<string, any>> extends EventEmitter {
  /**
   * Connects in the background: MongoDB may be away, then or later. Does no I/O itself.
   *
   * @throws {SessionStore.SessionStoreError} `ERR_OPTIONS`: an option is unknown or of the wrong
   *   type, `connection` is missing or not known, or has a setting that cannot be taken over, or
   *   `name` is taken by a Mongoose model over another collection;
   *   `ERR_BINARY`: the native addon for this platform is missing or does not load
   */
  constructor(options: SessionStore.SessionStoreOptions)

  /** The same as `new SessionStore(options)`. */
  static create<Session extends object = Record<string, any>>(
    options: SessionStore.SessionStoreOptions,
  ): SessionStore<Session>

  /**
   * The Mongoose model over the collection, registered as `name`; `undefined` if `connection` is
   * not Mongoose's. Mongoose's `syncIndexes()` and `cleanIndexes()` leave the store's indexes alone. A
   * model over the same collection that Mongoose had under that name before is left as it was, and by
   * it they drop what its schema does not name: the store makes its indexes again as sessions are made.
   */
  readonly session?: any

  /**
   * Resolves to the session, or to `undefined` if it is unknown or has expired, whether or not
   * MongoDB has removed it yet.
   *
   * @param id what no session can have (empty, longer than 1024 bytes, not well-formed Unicode) is
   *   unknown, too: a cookie that is not signed may hold anything
   * @param maxAge not used: koa-session passes it
   * @param request the store remembers what `ctx` read, for the writes of the same request
   *
   * Rejects with `ERR_SESSION_ID` (not a string), `ERR_SESSION_VALUE` (the stored document is
   * malformed), `ERR_DECRYPT` (it cannot be decrypted; it stays as it is), `ERR_UNAVAILABLE`,
   * `ERR_TIMEOUT`, `ERR_AUTH`, `ERR_SERVER`, `ERR_CLOSED`.
   */
  get(
    id: string,
    maxAge?: number | 'session' | null,
    request?: SessionStore.SessionRequest,
  ): Promise<Session | undefined>

  /**
   * Resolves to `data` once MongoDB has acknowledged the write.
   *
   * If the same `ctx` read or wrote this session before, only the top-level keys that changed since
   * are written, and a session that was destroyed meanwhile stays destroyed: `set` resolves all the
   * same, and `dropped` is emitted. Otherwise the whole session is written, and made if need be.
   *
   * `undefined`, functions and symbols are left out, as in JSON. What `data` holds when `set` is
   * called is what is stored, even if it is changed before the promise resolves.
   *
   * @param id 1 to 1024 bytes of well-formed Unicode
   * @param data an object whose keys are its content: no array, function, `Set` or `Date`
   * @param maxAge the session's life from now on, in milliseconds; at the longest until the end of the
   *   year 9999, and over at once if it is not above 0. The option `expires` overrules it.
   *   `'session'`, `null` or nothing: one day
   * @param request `changed` and `rolling` are not used: the store compares by itself
   *
   * Rejects with `ERR_SESSION_ID`, `ERR_SESSION_VALUE` (naming the path of a value that cannot be
   * stored), `ERR_SESSION_TOO_LARGE`, `ERR_DECRYPT` (of a write that has to read the session first),
   * `ERR_UNAVAILABLE`, `ERR_TIMEOUT`, `ERR_AUTH`, `ERR_SERVER`, `ERR_CLOSED`. After `ERR_TIMEOUT`,
   * `ERR_UNAVAILABLE` and a write concern that was not met the write may or may not have taken place.
   */
  set<Data extends Session>(
    id: string,
    data: Data & SessionStore.SessionData<Data>,
    maxAge?: number | 'session' | null,
    request?: SessionStore.SessionRequest,
  ): Promise<Data>

  /**
   * Resolves when the session is gone, also if there was none, or can be none of this id. With `hashIds`
   * it takes the session's own id, not the stored one that a listing gives.
   *
   * Rejects with `ERR_SESSION_ID` (not a string), `ERR_UNAVAILABLE`, `ERR_TIMEOUT`, `ERR_AUTH`, `ERR_SERVER`,
   * `ERR_CLOSED`.
   */
  destroy(id: string, request?: SessionStore.SessionRequest): Promise<void>

  /**
   * The `_id` of the document of the session with this id: what `ids()`, `all()` and `watch()` give.
   * With the option `hashIds` a hash, else the id itself. Does no I/O.
   *
   * @throws {SessionStore.SessionStoreError} `ERR_SESSION_ID`: `id` is not a string
   */
  storedId(id: string): string

  /**
   * Renews a session without writing what it holds: its `expiresAt`, and koa-session's own `_expire`
   * where it has one. Resolves to `true`, or to `false` if there is no live session of this id: it
   * stays gone. `touchAfter` applies.
   *
   * @param maxAge as in {@link set}; the option `expires` overrules it for `expiresAt`. Default: the
   *   `maxAge` that koa-session stored with the session, else one day
   *
   * Rejects with `ERR_SESSION_ID` (not a string), `ERR_SESSION_VALUE` (`maxAge` is not a number of
   * milliseconds), `ERR_UNAVAILABLE`, `ERR_TIMEOUT`, `ERR_AUTH`, `ERR_SERVER`, `ERR_CLOSED`.
   */
  touch(id: string, maxAge?: number | 'session' | null): Promise<boolean>

  /**
   * The live sessions that match, in the order of their ids; without a filter all of them. Nothing is
   * asked for before it is iterated, and each iteration begins anew. They come page by page: memory
   * does not grow with the collection, leaving the loop early leaves nothing open, and a session
   * that is written meanwhile comes as it is when its page is read. Reads from where
   * `readPreference` says.
   *
   * Each page takes at most `timeoutMS`. Iterating rejects with `ERR_OPTIONS` (the filter or an option
   * cannot be used: the message says what is wrong with it), `ERR_UNAVAILABLE`, `ERR_TIMEOUT`, `ERR_AUTH`, `ERR_SERVER`, `ERR_CLOSED`.
   */
  all(
    filter?: SessionStore.SessionFilter,
    options?: SessionStore.FilterOptions,
  ): SessionStore.Listing<SessionStore.ListedSession<Session>>

  /** As {@link all}, but only the ids. */
  ids(
    filter?: SessionStore.SessionFilter,
    options?: SessionStore.FilterOptions,
  ): SessionStore.Listing<string>

  /** How many live sessions match; without a filter, how many there are. Rejects as {@link all} does. */
  length(filter?: SessionStore.SessionFilter, options?: SessionStore.FilterOptions): Promise<number>

  /**
   * Ends all sessions that match, on every server at once: requests that are under way do not bring
   * them back. Resolves to how many live ones there were, when they are gone.
   *
   * Calls that were made before it take effect before it, awaited or not; its search does not wait for one
   * that has had no answer for a quarter of `timeoutMS`, or whose session had none the last time, but a
   * session that it finds ends after all calls on it that were made before. Calls on a session that are made
   * after it take effect after it, provided that its first search takes at most 250 ms, as it does with an
   * index (option `indexes`). A session that this store makes or writes whole meanwhile stays, if that
   * succeeds; one that another process makes may be found, and end.
   *
   * Each search takes at most `timeoutMS`, and so does each session. Where some cannot be ended, the
   * others are, and then it rejects: as {@link all} does, and with `ERR_SESSION_ID` if `except` is given and
   * is neither a string nor a list of strings, or one is empty. It may be called again.
   *
   * For whoever listens, `destroy` is emitted for each live session, by its stored id.
   *
   * @param filter not empty
   */
  destroyMany(
    filter: SessionStore.SessionFilter,
    options?: SessionStore.FilterOptions & {
      /**
       * An id or ids of sessions that stay, such as the one that the request is in:
       * `ctx.session.externalKey`, as koa-session 6.2 and later have it. After
       * `ctx.session.regenerate()` that still is the id from before, so end the others first.
       * `undefined` and an empty string are refused. With `hashIds` a stored id, as listings give it, will do.
       */
      except?: string | readonly string[]
    },
  ): Promise<number>

  /**
   * What happens to the sessions that match, without a filter to all of them, in whichever process: by
   * a change stream of MongoDB, which it has on replica sets and sharded clusters. So an open WebSocket
   * can end when its session does:
   *
   * ```
   * for await (const { type, id } of store.watch({ 'userInfo.id': 42 })) …
   * ```
   *
   * It goes on through failovers and restarts of MongoDB. Where it may have missed something, it says so
   * by `{ type: 'gap' }`: look again at what is open, by {@link ids}. With a filter the ids of all that
   * match are kept in memory, since of a session that ends MongoDB tells no more than its id; one that
   * matched once is followed to its end: `update` when it matches no longer, and `destroy` or `expire`.
   *
   * Leaving the loop ends it, and so does `close()`. While somebody waits for the next change, the process
   * stays alive.
   *
   * Iterating rejects, and ends, as {@link all} does; with `ERR_SERVER` if MongoDB has no change streams
   * there.
   */
  watch(
    filter?: SessionStore.SessionFilter,
    options?: SessionStore.FilterOptions,
  ): SessionStore.SessionChanges

  /** Ends all sessions, page by page as {@link destroyMany}; keeps the collection and its indexes. */
  clear(): Promise<void>

  /**
   * What the store has done since it was made, at whichever addresses: at once, also before there is a
   * connection and after `close()`. The counters cost nothing that could be measured, whether or not
   * anybody asks.
   */
  stats(): SessionStore.SessionStoreStats

  /**
   * Takes over what other stores have left in the collection: koa-session-mongoose and the
   * `sessionStore.js` on Mongoose, and connect-mongo. Their sessions become documents of this store,
   * where they are, and their indexes go. Resolves to what it did.
   *
   * For when the last server with the other store has stopped. It may be called again at any time, by
   * several processes at once, and after it was interrupted: it goes on with what is left. Whatever is
   * written meanwhile is kept: a document changes only if it is as it was read.
   *
   * - What Mongoose's stores wrote gains an `expiresAt`: as their index on `updatedAt` would have ended
   *   it, else when koa-session's `_expire` says so, else after `expires`, or one day.
   * - Of connect-mongo's documents `session`, an object or JSON text, becomes `data`, without
   *   express-session's `cookie`, and ends when it would have: at `expires`, else as the cookie says.
   * - With `encryption` and `hashIds`, what is adopted is plain until its next write, like all sessions
   *   that were there before.
   *
   * It goes through the collection in small steps, each of which ends within `timeoutMS`; memory does not
   * grow with the collection.
   *
   * Rejects with `ERR_UNAVAILABLE`, `ERR_TIMEOUT`, `ERR_AUTH` (also where the user may not drop an index:
   * the message says which one), `ERR_SERVER`, or `ERR_CLOSED` if the store is closed meanwhile. What was
   * adopted by then stays so.
   */
  adopt(): Promise<SessionStore.Adoption>

  /**
   * Lets all that was called before end, then disconnects. Later operations reject with
   * `ERR_CLOSED`; `close` itself may be called again.
   */
  close(): Promise<void>

  /** The same as `close()`: for `await using`. */
  [Symbol.asyncDispose](): Promise<void>

  /** What each event tells is in {@link SessionStore.SessionStoreEvents}. */
  on<Event extends SessionStore.SessionStoreEvent>(
    event: Event,
    listener: SessionStore.SessionStoreListener<Event>,
  ): this
  /** The same as `on`. */
  addListener<Event extends SessionStore.SessionStoreEvent>(
    event: Event,
    listener: SessionStore.SessionStoreListener<Event>,
  ): this
  /** As `on`, for the next event only. */
  once<Event extends SessionStore.SessionStoreEvent>(
    event: Event,
    listener: SessionStore.SessionStoreListener<Event>,
  ): this
  /** As `on`, before the listeners that are there. */
  prependListener<Event extends SessionStore.SessionStoreEvent>(
    event: Event,
    listener: SessionStore.SessionStoreListener<Event>,
  ): this
  /** As `once`, before the listeners that are there. */
  prependOnceListener<Event extends SessionStore.SessionStoreEvent>(
    event: Event,
    listener: SessionStore.SessionStoreListener<Event>,
  ): this
  off<Event extends SessionStore.SessionStoreEvent>(
    event: Event,
    listener: SessionStore.SessionStoreListener<Event>,
  ): this
  /** The same as `off`. */
  removeListener<Event extends SessionStore.SessionStoreEvent>(
    event: Event,
    listener: SessionStore.SessionStoreListener<Event>,
  ): this
  removeAllListeners(event?: SessionStore.SessionStoreEvent): this
  emit<Event extends SessionStore.SessionStoreEvent>(
    event: Event,
    ...told: SessionStore.SessionStoreEvents[Event]
  ): boolean
  listeners<Event extends SessionStore.SessionStoreEvent>(
    event: Event,
  ): SessionStore.SessionStoreListener<Event>[]
  rawListeners<Event extends SessionStore.SessionStoreEvent>(
    event: Event,
  ): SessionStore.SessionStoreListener<Event>[]
  listenerCount<Event extends SessionStore.SessionStoreEvent>(
    event: Event,
    listener?: SessionStore.SessionStoreListener<Event>,
  ): number
}

declare namespace SessionStore {
  // `const { SessionStore } = require('koa-session-mongo-native')`
  export { SessionStore }

  /** What every failure of the store is, thrown by the constructor or rejected with. */
  export class SessionStoreError extends Error {
    constructor(
      code: SessionStoreErrorCode,
      message: string,
      details?: { cause?: unknown; mongoCode?: number },
    )
    readonly name: 'SessionStoreError'
    /** Stable, for programs; `message` is for people and may change. */
    code: SessionStoreErrorCode
    /** MongoDB's own number for the error, where it gave one. */
    mongoCode?: number
    /**
     * What lies beneath. With `ERR_UNAVAILABLE` an Error whose message says for each server what was
     * wrong with it last: `db.example:27017: refused the connection (ECONNREFUSED)`.
     */
    cause?: unknown
  }

  /** What `adopt()` did. */
  export interface Adoption {
    /**
     * How many documents the collection has, this store's own included. Of those whose `_id` is no
     * string at most 100,000 are counted.
     */
    looked: number
    /** How many became this store's; 0 if there was nothing left to do. */
    adopted: number
    /** How many were left as they are, by the reason; all 0 where nothing is amiss. */
    left: {
      /**
       * The session is text that is no JSON object: connect-mongo encrypted it (`crypto`), or the
       * application wrote it in a way of its own (`serialize`).
       */
      unreadable: number
      /**
       * This store, or MongoDB, would not take it: it nests deeper than 100, has a key with a NUL, is
       * larger than some 7 MB, or breaks a rule of the collection's (`validator`).
       */
      unfit: number
      /** There is no session in it, or its `_id` is no string, as a session's id is. */
      other: number
      /** An application wrote it each time when it was about to be adopted: call again. */
      busy: number
    }
    /** The names of the other stores' indexes that were dropped. */
    dropped: string[]
    /** Those that stay, to remove what was left. */
    kept: string[]
  }

  /**
   * - `ERR_OPTIONS`: an option, the connection string, a setting of the connection or a filter cannot be
   *   used
   * - `ERR_SESSION_ID`: the id is not a string; or, to `set`, empty, longer than 1024 bytes or not
   *   well-formed Unicode
   * - `ERR_SESSION_VALUE`: the session holds what cannot be stored, or what is stored is malformed
   * - `ERR_SESSION_TOO_LARGE`: the session exceeds MongoDB's 16 MiB
   * - `ERR_UNAVAILABLE`: no server that takes writes within `serverSelectionTimeoutMS`
   * - `ERR_TIMEOUT`: a server is there, but did not answer within `timeoutMS`
   * - `ERR_AUTH`: MongoDB refused the credentials, or the user lacks a privilege
   * - `ERR_SERVER`: MongoDB answered with another error; see `mongoCode`
   * - `ERR_DECRYPT`: the stored session was encrypted under a key that is not among those of the
   *   option `encryption` (the message has its fingerprint), or was changed, cut off or moved; it is
   *   left as it is
   * - `ERR_CLOSED`: the store is closed
   * - `ERR_BINARY`: the native addon for this platform is missing or does not load; the constructor
   *   throws it
   * - `INFO_AVAILABLE`: no error: MongoDB is back, after a warning that it is lost
   */
  export type SessionStoreErrorCode =
    | 'ERR_OPTIONS'
    | 'ERR_SESSION_ID'
    | 'ERR_SESSION_VALUE'
    | 'ERR_SESSION_TOO_LARGE'
    | 'ERR_UNAVAILABLE'
    | 'ERR_TIMEOUT'
    | 'ERR_AUTH'
    | 'ERR_SERVER'
    | 'ERR_DECRYPT'
    | 'ERR_CLOSED'
    | 'ERR_BINARY'
    | 'INFO_AVAILABLE'

  /** What the listeners of each event are told, after MongoDB acknowledged an operation. */
  export interface SessionStoreEvents {
    /** `set` made a session. */
    create: [id: string]
    /** `set` changed a session, or wrote it whole. */
    update: [id: string]
    /** `set` found nothing changed but koa-session's own expiry, and renewed it; or `touch` did. */
    touch: [id: string]
    /** `destroy` ended; or `destroyMany` or `clear` has ended this session, for who listened then. */
    destroy: [id: string]
    /** `set` came after the session was destroyed, and wrote nothing. */
    dropped: [id: string]
    /**
     * A problem in the background that no operation can report: the index cannot be made, another
     * store's index ends sessions early, MongoDB is lost. Goes to `process.emitWarning` where nobody
     * listens. The store never emits `error`.
     *
     * MongoDB counts as lost when no server has taken writes for `serverSelectionTimeoutMS`: from then
     * on operations fail, and one warning says so (`ERR_UNAVAILABLE`, with a `cause` that names what is
     * wrong with each server). One more says when it is back: its `code` is `INFO_AVAILABLE`, and it
     * is no error. What is shorter than that, as a step-down mostly is, is not told.
     */
    warning: [warning: SessionStoreError]
    /** Node's own: somebody listens. */
    newListener: [event: SessionStoreEvent, listener: (...told: any[]) => void]
    /** Node's own: somebody listens no more. */
    removeListener: [event: SessionStoreEvent, listener: (...told: any[]) => void]
  }

  export type SessionStoreEvent = keyof SessionStoreEvents

  /**
   * What is counted and traced. Each page that `all` or `ids` asks for is one call,
   * and so is each step of `adopt`.
   */
  export type SessionStoreCall =
    | 'get'
    | 'set'
    | 'touch'
    | 'destroy'
    | 'all'
    | 'ids'
    | 'length'
    | 'destroyMany'
    | 'clear'
    | 'adopt'
    | 'watch'

  /**
   * How a call ended: `'found'` or `'missing'` of a session that was looked for; what a write did (as the
   * events say, and `'unchanged'` where `touchAfter` has left it at that); `'page'` and `'count'` of calls
   * that concern many sessions; `'watching'` of `watch`, which ends as it begins to follow; or the code of the error.
   */
  export type SessionStoreOutcome =
    | 'found'
    | 'missing'
    | 'create'
    | 'update'
    | 'touch'
    | 'unchanged'
    | 'dropped'
    | 'destroy'
    | 'page'
    | 'count'
    | 'watching'
    | SessionStoreErrorCode

  /**
   * What `stats()` gives. All are numbers since the store was made, except for `waiting`, `underWay`,
   * `fences.waiting` and `pool.connections`, which are how it is now. What is refused before it is sent,
   * such as a session that cannot be stored, is not counted.
   */
  export interface SessionStoreStats {
    since: Date
    calls: Record<
      SessionStoreCall,
      {
        /** How many ended so; those that none has are not there. */
        outcomes: Partial<Record<SessionStoreOutcome, number>>
        /**
         * Seconds from the call until it ended in the store's threads. What JavaScript adds to that,
         * such as a busy event loop, is not in it.
         */
        seconds: SessionStoreHistogram
      }
    >
    /** Operations that were called and have not been sent yet. */
    waiting: number
    /** Operations on their way to MongoDB. */
    underWay: number
    batches: {
      count: number
      /** In all of them together. Those that left a batch to go alone count twice. */
      operations: number
      /** The most in one batch. */
      largest: number
      sizes: SessionStoreBucket[]
    }
    /** Commands that the store sent again; the driver repeats a read once by itself before that. */
    retries: number
    /** Commands that shut out writes which got no answer and might still be executed. */
    fences: { sent: number; waiting: number }
    /** Connections, but for those by which the driver watches the servers. */
    pool: { connections: number; created: number; closed: number }
  }

  /** As Prometheus has it. */
  export interface SessionStoreHistogram {
    count: number
    /** Of all together, in seconds. */
    sum: number
    buckets: SessionStoreBucket[]
  }

  /** So many were not above `le`; those of the buckets before are among them. */
  export interface SessionStoreBucket {
    le: number
    count: number
  }

  /**
   * What the tracing channels of Node's `diagnostics_channel` tell, one for each call:
   * `tracingChannel('koa-session-mongo-native:get')`. They tell `start` and `end` as an operation is
   * called, in the async context of the caller; `error` if it fails, and `asyncStart` and `asyncEnd`
   * when it has ended; all with the same object. It never has the id or the content of a session. What
   * is refused before it is sent is not told. While nobody subscribes, nothing is computed.
   */
  export interface SessionStoreTrace {
    collection: string
    /** Once it has ended. */
    outcome?: SessionStoreOutcome
    /** Once it has ended: how many operations travelled in the same command; 0 if it was in none. */
    together?: number
    /** Where it has failed. */
    error?: SessionStoreError
  }

  /** The events that tell of one session. */
  export type SessionEvent = 'create' | 'update' | 'touch' | 'destroy' | 'dropped'

  export type SessionStoreListener<Event extends SessionStoreEvent> = (
    ...told: SessionStoreEvents[Event]
  ) => void

  /**
   * Which sessions are meant: paths in the session and their values, all of which have to be equal,
   * `{ 'userInfo.id': 42 }`; not `'data.userInfo.id'`, which finds nobody unless the session has a key
   * `data`. As MongoDB compares them: `42` also finds a list that holds 42, and an
   * object has to have the same keys in the same order. `null` finds only `null`.
   *
   * Values are taken literally: one that has a key which begins with `$`, at whatever depth, is refused
   * (`ERR_OPTIONS`), so that what came with a request is never an operator. So is, at whatever depth and
   * also with operators, what would be left out of it: `undefined`, a function or a symbol.
   */
  export type SessionFilter = Readonly<Record<string, unknown>>

  export interface FilterOptions {
    /**
     * The values may be MongoDB's operators, `{ age: { $gte: 18 } }`, and `$and`, `$or` and `$nor` may
     * join several filters. For values that the application wrote itself. Default: false.
     */
    operators?: boolean | undefined
  }

  /** What is found, page by page as it is asked for. */
  export interface Listing<Item> extends AsyncIterable<Item> {
    /** All at once, in memory. */
    toArray(): Promise<Item[]>
  }

  /** What `watch()` gives. It can be iterated once. */
  export interface SessionChanges extends AsyncIterableIterator<SessionChange> {
    /** Resolves when the changes are followed: none that comes later is missed. */
    readonly opened: Promise<void>
    next(): Promise<IteratorResult<SessionChange, undefined>>
    return(): Promise<IteratorResult<SessionChange, undefined>>
    [Symbol.asyncIterator](): this
    [Symbol.asyncDispose](): Promise<void>
  }

  export type SessionChange =
    | {
        /**
         * - `create`: it was made
         * - `update`: it was written or touched
         * - `destroy`: it is gone
         * - `expire`: it is gone, and its time was over. Told apart from `destroy` where its end was seen
         *   before, with a filter, or where the collection keeps pre-images (MongoDB 6.0 and later:
         *   `db.runCommand({ collMod: 'sessions', changeStreamPreAndPostImages: { enabled: true } })`)
         */
        type: 'create' | 'update' | 'destroy' | 'expire'
        id: string
      }
    | {
        /** Something may have been missed. */
        type: 'gap'
      }

  /** A session as `all()` finds it. */
  export interface ListedSession<Session> {
    id: string
    /** `undefined` if it cannot be read; then `error` says why. */
    data: Session | undefined
    error?: SessionStoreError
    /** When it was written last; `undefined` where another store wrote it without. */
    updatedAt: Date | undefined
    /** When it ends; `undefined` where another store wrote it without. */
    expiresAt: Date | undefined
  }

  /** What a session can be: anything but objects whose content is not in their keys. */
  export type SessionData<Data> = Data extends NoSession ? never : unknown

  type NoSession =
    | readonly unknown[]
    | ((...args: never[]) => unknown)
    | (abstract new (
        ...args: never[]
      ) => unknown)
    | (ReadonlySet<unknown> & { get?: never })
    | Date
    | RegExp
    | PromiseLike<unknown>
    | WeakKeyed
    | ArrayBufferLike
    | ArrayBufferView

  type WeakKeyed = WeakMap<object, unknown> | WeakSet<object> | WeakRef<object>

  /** What koa-session passes beside the session; `ctx` since its version 6.1. */
  export interface SessionRequest {
    /**
     * The request, as any object: writes with the `ctx` of a read are merged into the session. Nothing
     * of it is looked at or changed; a Proxy or a frozen object will do. What is no object counts as
     * none. One that is used for many sessions remembers the thousand that it used last. A getter
     * that throws rejects with `ERR_SESSION_VALUE`.
     */
    ctx?: unknown
    changed?: boolean | undefined
    rolling?: boolean | undefined
  }

  /**
   * Options that are not listed here are refused by name, and so are some that cannot be meant
   * together. One that is `undefined` counts as not given; one that is inherited, or a getter of a
   * class, counts as any other. What the options say goes before what the
   * connection says.
   */
  export interface SessionStoreOptions extends DriverOptions {
    /** Where MongoDB is. */
    connection: SessionStoreConnection
    /** The collection that holds the sessions. Default: `'sessions'`. */
    collection?: string | undefined
    /**
     * Seconds that a session lives after its last write; at the longest until the end of the year
     * 9999, as with `Infinity`. Default: koa-session's `maxAge` decides, and one day where that is
     * `'session'`.
     */
    expires?: number | undefined
    /**
     * Seconds: a session whose content did not change gets its new expiry written at most this
     * often, but always in the second half of its life. Its end may lag behind its cookie's by as
     * much, so choose far less than its life; it must be less than `expires`. Until then `set` writes
     * nothing and emits nothing. Default: 0, which writes every time.
     */
    touchAfter?: number | undefined
    /**
     * Who removes sessions from the database that have ended (none of them is returned, removed or not):
     *
     * - `'native'`: MongoDB, within a minute or so, by a TTL index over `expiresAt` that the store makes
     * - `'interval'`: the store, in the background, in steps of a thousand; by the clock of its
     *   process. It makes no index: without one over `expiresAt` each removal reads all sessions.
     *   Several processes may do it side by side
     * - `'disabled'`: somebody else
     *
     * An index that was there before stays; where that removes sessions although this is not
     * `'native'`, a `warning` says so. Default: `'native'`.
     */
    autoRemove?: 'native' | 'interval' | 'disabled' | undefined
    /**
     * Minutes between two removals, at least 1/60; the first is as soon as MongoDB is there. Refused
     * unless `autoRemove` is `'interval'`. Default: 10.
     */
    autoRemoveInterval?: number | undefined
    /**
     * Whether a session also keeps when it was made, as the date `createdAt` of its document. Sessions
     * that are there already never gain one. Default: `false`.
     */
    timestamps?: boolean | undefined
    /**
     * Paths in the session, at most 32: for each the store makes an index over `data.<path>`, sparse,
     * named `data.<path>_1`, in the background, so that a user's sessions are found without reading all.
     * One that begins with that path and is there already will do. Where it cannot be made, a
     * `warning` says why and what helps, and everything works, if slowly. An index that is no longer
     * listed stays. Default: none.
     */
    indexes?: readonly string[] | undefined
    /**
     * Encrypts what sessions say: each value at the top level of a session, by AES-256-GCM, before it
     * leaves the process. The names of these keys, koa-session's own `_expire`, `_maxAge` and
     * `_session`, the id and the dates stay readable.
     *
     * The first key encrypts, each of them decrypts. Changing keys takes two deployments, as long as
     * processes of both run at the same time: the new key last everywhere, then first; an old one is
     * taken out when nothing is encrypted under it any more. To a store without this option a session that
     * is encrypted is `ERR_DECRYPT`; and so is a value of the application's own that looks like it, which
     * is a `Binary` of the subtype 229 that begins with the byte 1. A session that is stored plain, or under
     * an older key, is read, and its next write encrypts all of it. docs/encryption.md says what this
     * protects from, how keys are rotated, and the format. Default: nothing is encrypted.
     */
    encryption?: EncryptionOptions | undefined
    /**
     * Stores each session under a keyed hash of its id (HMAC-SHA-256), so that who reads the database
     * cannot send a session's cookie. Calls and events take and give ids as without; what names stored
     * sessions of other requests (`ids`, `all`, `watch`, and `destroy` for sessions that `destroyMany`
     * ended) gives their stored ids: compare with {@link SessionStore.storedId}.
     *
     * Sessions that are stored under their plain ids go on, and their next write moves them. All
     * processes on a collection have to have the same key, or none: with another no session is found, and
     * who signs out there stays signed in elsewhere. So to turn it on, stop all of them first.
     * `destroyMany` counts records, and `destroy` is emitted for each: of a session that is about to move
     * there may be two. Default: ids are stored as they are.
     */
    hashIds?: HashIdsOptions | undefined
    /**
     * The name under which the Mongoose model is registered; of two stores on one Mongoose at most
     * one can do without. Refused where a model over another collection has it. Without effect if
     * `connection` is not Mongoose's. Default: `'Session'`.
     */
    name?: string | undefined
    /** The database. Default: the connection's own, or `'test'` if it names none. */
    db?: string | undefined
    /**
     * The `bson` module, version 4 to 7, whose classes the values of a session come back as; what hands
     * them on, such as `mongoose.mongo`, will do. Default: that of the Mongoose or the driver given
     * as `connection`; with a connection string, the one that this package brings. Where the
     * application was made into a single file with its driver, only the class of ids can be told
     * from a `MongoClient` or `Db`.
     */
    bson?: BsonLike | undefined
  }

  export interface HashIdsOptions {
    /** Of 32 bytes or more, as those of `encryption`; the same will do for both. */
    key: string | Uint8Array
  }

  export interface EncryptionOptions {
    /**
     * At least one, each of 32 bytes or more, of which a string has as many as its UTF-8:
     * `openssl rand -base64 32` makes one. They are copied, and show in no message.
     */
    keys: readonly [string | Uint8Array, ...(string | Uint8Array)[]]
  }

  /**
   * - a connection string, `mongodb://` or `mongodb+srv://`. It means what it means to the official
   *   Node driver, or is refused; white space around it is not part of it
   * - the `mongoose` module, a Mongoose `Connection`, or the two parts that the original takes,
   *   `{ Mongo, Schema }`; before, during and after `mongoose.connect()`
   * - a `MongoClient` or `Db` of the `mongodb` package (4 to 7), connected or not
   *
   * Of an object, address, database, credentials, TLS, proxy, server API and write concern are taken
   * over; the store opens connections of its own. What can only be done in Node (a `lookup`, an OIDC
   * callback, certificates in memory) is refused; what concerns the application's own pool is not
   * taken over: its size, time-outs, monitoring, compression, read concern and read preference.
   *
   * A Mongoose connection that is opened again elsewhere takes its store along: what was accepted
   * before ends where it was sent, what is called later goes to the new address. While it is being
   * opened, operations wait for it, at most `serverSelectionTimeoutMS`.
   */
  export type SessionStoreConnection =
    | string
    | MongooseLike
    | { Mongo: MongooseLike; Schema?: unknown }
    | MongoClientLike
    | DbLike

  type Callable = (...args: never[]) => unknown

  type Class = abstract new (...args: never[]) => unknown

  /** The `bson` module, or what hands on its classes. */
  export interface BsonLike {
    Binary: Class
    BSONRegExp: Class
    Code: Class
    DBRef: Class
    Decimal128: Class
    Long: Class
    MaxKey: Class
    MinKey: Class
    ObjectId: Class
    Timestamp: Class
  }

  /** The `mongoose` module or a Mongoose `Connection`, of any version from 6 to 9. */
  export type MongooseLike =
    | { connect: Callable; createConnection: Callable; model: Callable; Schema: unknown }
    | { model: Callable; getClient: Callable; useDb: Callable; openUri: Callable }

  /** A `MongoClient` of the `mongodb` package. */
  export interface MongoClientLike {
    db: Callable
    connect: Callable
    close: Callable
    options: object
  }

  /** A `Db` of the `mongodb` package. */
  export interface DbLike {
    collection: Callable
    command: Callable
    databaseName: string
  }

  /**
   * The parameters of a connection string, as options. The defaults are those of MongoDB's Rust
   * driver, except for those that say otherwise.
   */
  export interface DriverOptions {
    /**
     * Milliseconds that an operation may take as a whole, retries included; then it fails with
     * `ERR_TIMEOUT`. From 1: without a limit a request would wait for as long as MongoDB is silent.
     * Default, of the store: 10000, or the least of `socketTimeoutMS` and
     * `waitQueueTimeoutMS` if that is less.
     */
    timeoutMS?: number | undefined
    /**
     * Milliseconds that an operation waits while no server can be reached, at most `timeoutMS`; then
     * it fails with `ERR_UNAVAILABLE`. From 1, likewise. Default, of the store: 10000.
     */
    serverSelectionTimeoutMS?: number | undefined
    /** Milliseconds for opening one connection; `0` is no limit. Default, of the store: 5000. */
    connectTimeoutMS?: number | undefined
    /** A limit on the operation as a whole, if it is less than 10000; `0` is none. Default: `0`. */
    socketTimeoutMS?: number | undefined
    /** A limit on the operation as a whole, if it is less than 10000; `0` is none. Default: `0`. */
    waitQueueTimeoutMS?: number | undefined

    /**
     * The most connections to one server; `0` is no limit. Default, of the store: 100, as in the Node
     * driver.
     */
    maxPoolSize?: number | undefined
    /** Connections that are kept open; not more than `maxPoolSize`. Default: 0. */
    minPoolSize?: number | undefined
    /**
     * Connections that may be in the opening at once. Default, of the store: `maxPoolSize`, since
     * the store never has more than some commands on their way.
     */
    maxConnecting?: number | undefined
    /**
     * Milliseconds after which an idle connection is closed; `0` is never. Default, of the store:
     * 120000, since networks drop what is idle for longer without a word (Azure after four minutes),
     * and an operation would wait for it in vain.
     */
    maxIdleTimeMS?: number | undefined

    /** Shown in the server's log. Up to 128 bytes. Default: none. */
    appName?: string | undefined
    /** Default: `false`. */
    directConnection?: boolean | undefined
    /** Default: `false`. */
    loadBalanced?: boolean | undefined
    /** The name of the replica set. Default: whichever the hosts belong to. */
    replicaSet?: string | undefined
    /** Default: the `mongodb+srv://` address takes all of its hosts. */
    srvMaxHosts?: number | undefined
    /** Default: `'mongodb'`. */
    srvServiceName?: string | undefined
    /** Milliseconds between looks at a server; 500 or more. Default: 10000. */
    heartbeatFrequencyMS?: number | undefined
    /** Default: `'auto'`. */
    serverMonitoringMode?: 'auto' | 'poll' | 'stream' | undefined
    /** Milliseconds by which a server may be slower than the nearest. Default: 15. */
    localThresholdMS?: number | undefined

    /** Default: `'DEFAULT'`, which is SCRAM, as the server prefers, if there is a user. */
    authMechanism?:
      | 'DEFAULT'
      | 'SCRAM-SHA-1'
      | 'SCRAM-SHA-256'
      | 'MONGODB-X509'
      | 'PLAIN'
      | 'MONGODB-OIDC'
      | undefined
    /** For `MONGODB-OIDC`, which needs it, and nothing else. */
    authMechanismProperties?: { ENVIRONMENT: 'k8s' } | 'ENVIRONMENT:k8s' | undefined
    /** The database that knows the user. Default: the one in the connection string, or `'admin'`. */
    authSource?: string | undefined

    /**
     * The Stable API that each command declares; a connection string cannot say it. Default: none, or
     * that of the client.
     */
    serverApi?: '1' | { version: '1'; strict?: boolean; deprecationErrors?: boolean } | undefined

    /** A SOCKS5 proxy to connect through. Default: none. */
    proxyHost?: string | undefined
    /** Default: 1080. */
    proxyPort?: number | undefined
    /** With `proxyPassword`, or not at all. Default: none. */
    proxyUsername?: string | undefined
    proxyPassword?: string | undefined

    /**
     * What may be compressed on the way, in order of preference; MongoDB takes the first that it has.
     * `'zstd'` is taken, but never offered. Default: nothing.
     */
    compressors?: Compressor[] | string | undefined
    /** From 0 to 9; -1 is zlib's own. Default: -1. */
    zlibCompressionLevel?: number | undefined

    /** Default: `false`; `true` with `mongodb+srv://`, or with one of the four below. */
    tls?: boolean | undefined
    /**
     * The path of a PEM file with the authorities to trust. Default: the well-known ones;
     * NODE_EXTRA_CA_CERTS is for Node alone. A certificate that is its own authority has to say
     * CA:FALSE, and every one to name its host in a subjectAltName: rustls, which the store has for
     * TLS, is stricter there than Node.
     */
    tlsCAFile?: string | undefined
    /** The path of a PEM file, not encrypted. Default: none. */
    tlsCertificateKeyFile?: string | undefined
    /** Takes any certificate, whatever its host. Default: `false`. */
    tlsAllowInvalidCertificates?: boolean | undefined
    /** Host names are always checked, except with the one above. */
    tlsAllowInvalidHostnames?: false | undefined
    /** The same as `tlsAllowInvalidCertificates`. Default: `false`. */
    tlsInsecure?: boolean | undefined

    /**
     * Servers that must have a write before it counts: a number from 1, `'majority'`, or the name of
     * a write concern. With less than a majority, a failover can take back what was acknowledged.
     * Default, of the store: `'majority'`, unless the connection says otherwise.
     */
    w?: number | string | undefined
    /** Whether a write must be in the journal before it counts. Default: the server's. */
    journal?: boolean | undefined
    /** Milliseconds for `w`. Default: no limit but `timeoutMS`. */
    wtimeoutMS?: number | undefined
    /** `w`, `journal` and `wtimeoutMS` in one. */
    writeConcern?:
      | number
      | string
      | {
          w?: number | string
          j?: boolean
          journal?: boolean
          wtimeout?: number
          wtimeoutMS?: number
        }
      | undefined
    /** Default: `true`. */
    retryWrites?: boolean | undefined

    /** A secondary may not have the last write of a session yet. Default: `'primary'`. */
    readPreference?:
      | ReadPreferenceMode
      | { mode: ReadPreferenceMode; tags?: TagSet[]; maxStalenessSeconds?: number }
      | undefined
    /** The servers to prefer, for a mode other than `'primary'`. Default: any. */
    readPreferenceTags?: TagSet | TagSet[] | undefined
    /** Default: no limit. */
    maxStalenessSeconds?: number | undefined
    /** Default: the server's. */
    readConcern?: ReadConcernLevel | { level: ReadConcernLevel } | undefined
    /** The same as `readConcern`. */
    readConcernLevel?: ReadConcernLevel | undefined
    /** Default: `true`. */
    retryReads?: boolean | undefined

    /** How often to try again what an overloaded server refused. Default: 2. */
    maxAdaptiveRetries?: number | undefined
    /** Whether to try that on another server. Default: `false`. */
    enableOverloadRetargeting?: boolean | undefined

    /** The store writes UUIDs in no other form. */
    uuidRepresentation?: 'standard' | undefined
  }

  export type ReadPreferenceMode =
    | 'primary'
    | 'primaryPreferred'
    | 'secondary'
    | 'secondaryPreferred'
    | 'nearest'

  export type Compressor = 'none' | 'snappy' | 'zlib' | 'zstd'

  export type ReadConcernLevel = 'local' | 'available' | 'majority' | 'linearizable' | 'snapshot'

  /** `{ dc: 'east' }` or `'dc:east'`. */
  export type TagSet = Record<string, string> | string
}
