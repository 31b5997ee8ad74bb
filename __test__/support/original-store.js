'use strict'

// The store of `sessionStore.js`, which this package takes the place of, on today's Mongoose: what it
// writes, and with which index. (Its `remove` is no more.)

const schema = {
  _id: String,
  data: Object,
  updatedAt: { default: new Date(), expires: 86_400, type: Date },
}

class OriginalStore {
  constructor({ connection, expires = 86_400, name = 'Session' }) {
    const { Mongo, Schema } = connection
    const updatedAt = { ...schema.updatedAt, expires }
    this.session = Mongo.model(name, new Schema({ ...schema, updatedAt }))
  }

  async get(id) {
    const { data } = await this.session.findById(id)
    return data
  }

  async set(id, data, _maxAge, { changed, rolling }) {
    if (changed || rolling) {
      const record = { _id: id, data, updatedAt: new Date() }
      await this.session.findByIdAndUpdate(id, record, { upsert: true, safe: true })
    }
    return data
  }

  static create(options) {
    return new OriginalStore(options)
  }
}

module.exports = { OriginalStore }
