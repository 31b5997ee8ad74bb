import SessionStore from './index.js'

export const { SessionStoreError } = SessionStore
export { SessionStore }
export default SessionStore
