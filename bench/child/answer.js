/**
 * Makes this process answer the questions of its parent, one after the other, and end with it.
 *
 * @param {Record<string, (question: any) => any>} tasks by name
 */
function answer(tasks) {
  process.on('disconnect', () => process.exit())
  process.on('message', async (/** @type {any} */ { task, ...question }) => {
    try {
      process.send({ result: (await tasks[task](question)) ?? null })
    } catch (error) {
      process.send({ problem: error.stack })
    }
  })
}

module.exports = { answer }
