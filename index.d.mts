export type {
  BsonLike,
  DbLike,
  DriverOptions,
  MongoClientLike,
  MongooseLike,
  ReadConcernLevel,
  ReadPreferenceMode,
  SessionEvent,
  SessionRequest,
  SessionStoreConnection,
  SessionStoreErrorCode,
  SessionStoreOptions,
  TagSet,
} from './index.js'
export { SessionStore, SessionStore as default, SessionStoreError } from './index.js'
