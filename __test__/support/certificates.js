'use strict'

// Certificates of a private authority, made anew for each test file, as PEM files in a folder that
// goes with it.

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { after } = require('node:test')
const { generateKeyPairSync } = require('node:crypto')
const forge = require('node-forge')

const DAY = 86_400_000

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'koa-session-certificates-'))
let serial = 1

/** To be called in a file that uses certificates: removes them at its end. */
function useCertificates() {
  after(() => fs.rmSync(folder, { recursive: true, force: true }))
}

/** @param {string} name @param {string} content @returns {string} the path of the file */
function file(name, content) {
  const place = path.join(folder, `${serial++}-${name}.pem`)
  fs.writeFileSync(place, content, { mode: 0o600 })
  return place
}

/**
 * @param {object} options
 * @param {string} options.name the subject's common name
 * @param {Certificate} [options.issuer] itself where not given
 * @param {boolean} [options.isAuthority] CA:TRUE
 * @param {string[]} [options.hosts] the host names and IP addresses that it is for
 * @param {[number, number]} [options.days] from when to when it holds, in days from now
 * @param {string} [options.purpose] of its extendedKeyUsage; none where not given
 * @param {1 | 3} [options.version] of X.509; 1 has no extensions
 * @param {'sha256' | 'sha1'} [options.digest] of its signature
 * @typedef {{ certificate: object, key: object, certificateFile: string, keyFile: string,
 *   bothFile: string }} Certificate
 * @returns {Certificate}
 */
function issue({
  name,
  issuer,
  isAuthority = false,
  hosts = [],
  days = [-1, 30],
  purpose,
  version = 3,
  digest = 'sha256',
}) {
  const pair = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const key = forge.pki.privateKeyFromPem(pair.privateKey)
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.publicKeyFromPem(pair.publicKey)
  certificate.serialNumber = (serial++).toString(16).padStart(4, '0')
  certificate.validity.notBefore = new Date(Date.now() + days[0] * DAY)
  certificate.validity.notAfter = new Date(Date.now() + days[1] * DAY)
  const subject = [{ name: 'commonName', value: name }]
  certificate.setSubject(subject)
  certificate.setIssuer(issuer ? issuer.certificate.subject.attributes : subject)
  const extensions = [{ name: 'basicConstraints', cA: isAuthority, critical: true }]
  if (hosts.length > 0) extensions.push({ name: 'subjectAltName', altNames: hosts.map(altName) })
  if (purpose) extensions.push({ name: 'extKeyUsage', [purpose]: true })
  if (version === 3) certificate.setExtensions(extensions)
  else certificate.version = 0
  certificate.sign(issuer?.key ?? key, forge.md[digest].create())
  const pem = forge.pki.certificateToPem(certificate)
  return {
    certificate,
    key,
    certificateFile: file(name, pem),
    keyFile: file(`${name}-key`, pair.privateKey),
    bothFile: file(`${name}-both`, pem + pair.privateKey),
  }
}

/** @param {string} host */
function altName(host) {
  return /^[\d.]+$/.test(host) ? { type: 7, ip: host } : { type: 2, value: host }
}

module.exports = { file, issue, useCertificates }
