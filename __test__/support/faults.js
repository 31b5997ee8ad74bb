'use strict'

// What may happen to a command on its way; each for `inject` of proxy.js.

const faults = {
  none: async (exchange) => {
    await exchange.send()
    await exchange.answer(await exchange.reply())
  },

  cutCommand: async (exchange) => {
    await exchange.send({ half: true })
    exchange.reset()
  },

  cutReply: async (exchange) => {
    await exchange.send()
    await exchange.answer(await exchange.reply(), { half: true })
    exchange.reset()
  },

  /** The command is executed; `meanwhile` others may do something; the reply never comes. */
  loseReply:
    (meanwhile = async () => {}) =>
    async (exchange) => {
      await exchange.send()
      await exchange.reply()
      await meanwhile(exchange)
      exchange.reset()
    },

  /** The second half of the command waits until `gate` is opened. */
  holdCommand: (gate) => async (exchange) => {
    await gate.pass()
    await faults.none(exchange)
  },

  /** The reply stops in its middle until `gate` is opened. */
  holdReply: (gate) => async (exchange) => {
    await exchange.send()
    const reply = await exchange.reply()
    await gate.pass()
    await exchange.answer(reply)
  },

  /** The command stays on its way while the client gives up, and arrives after `gate` is opened. */
  late: (gate) => async (exchange) => {
    exchange.detach()
    await exchange.abandoned()
    await gate.pass()
    await exchange.send()
    await exchange.reply()
    exchange.reset()
  },

  /**
   * As MongoDB's fail point `failCommand` does: refuses the command with a code and does not execute
   * it, or executes it and answers with a write concern error.
   * @param {{ errorCode?: number, errorLabels?: string[],
   *   writeConcernError?: { code: number, errmsg: string } }} failure
   */
  fail:
    ({ errorCode, errorLabels, writeConcernError }) =>
    async (exchange) => {
      const labels = errorLabels ? { errorLabels } : {}
      if (writeConcernError === undefined) {
        const errmsg = 'Failing command via failCommand failpoint'
        await exchange.pretend({ ok: 0, code: errorCode, errmsg, ...labels })
        return
      }
      await exchange.send()
      const change = (reply) => ({ ...reply, writeConcernError, ...labels })
      await exchange.answer(await exchange.reply(), { change })
    },

  /** The first so many commands fail as `failure` says. */
  failFirst: (times, failure) => {
    let left = times
    return (exchange) => (left-- > 0 ? faults.fail(failure) : faults.none)(exchange)
  },

  /** The command is executed, and the reply says something else. */
  rewrite: (change) => async (exchange) => {
    await exchange.send()
    await exchange.answer(await exchange.reply(), { change })
  },

  cut: async (exchange) => exchange.reset(),

  silence: () => new Promise(() => {}),
}

module.exports = { faults }
