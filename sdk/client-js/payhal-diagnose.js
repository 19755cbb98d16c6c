// SPDX-License-Identifier: MIT OR Apache-2.0
// Why a register does not reach its host, and what to do: a sentence for the cashier, words for the developer.
//
// Browsers hide the reason of a failed WebSocket from pages, so it is found by what else works. It must never
// move money, pair, or change what is stored, and never ask the user for a permission that nothing needs.

import { introduce, ownOrigin, storeFrom } from './payhal-access.js';
import { CLIENT, DEFAULT_URL, healthOf, IN_NODE, isChromium, onPublicPage, openLine, PROTOCOL, spaceOf } from './payhal-line.js';

const STEP_MS = 4000;
const CERTIFICATE_CODES = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/;

/** Answers {ok, problem, says, todo, details}. */
export async function diagnose(options = {}) {
  const facts = await gather({ url: DEFAULT_URL, timeoutMs: STEP_MS, ...options });
  const problem = judge(facts);
  const [says, todo] = problem === null ? ['The payment host answers.', ''] : PROBLEMS[problem](facts);
  return { ok: problem === null, problem, says, todo, details: detailsOf(facts) };
}

async function gather(options) {
  const facts = { url: null, origin: ownOrigin(), secure: globalThis.isSecureContext ?? true, publicPage: onPublicPage(), violation: false };
  try {
    facts.url = new URL(options.url);
  } catch {
    return facts;
  }
  const violated = (event) => {
    if (event.blockedURI.startsWith('ws')) facts.violation = true;
  };
  globalThis.addEventListener?.('securitypolicyviolation', violated);
  try {
    const asks = isChromium() && facts.publicPage && facts.secure;
    if (asks) facts.health = await look(facts.url, options.timeoutMs);
    facts.permission = await permission(facts.url);
    if (!(asks && ['denied', 'prompt'].includes(facts.permission))) facts.met = await meet(facts.url, options);
    // Not before the connection was tried: other browsers ask for a fetch what they do not ask for a WebSocket.
    if (!facts.met?.ok && !answered(facts.met)) await compare(facts, options);
  } finally {
    globalThis.removeEventListener?.('securitypolicyviolation', violated);
  }
  return facts;
}

const answered = (met) => met?.error?.code > 0 || ['IMPOSTOR_HOST', 'CERTIFICATE_NOT_TRUSTED', 'NOT_STORED'].includes(met?.error?.name);

async function compare(facts, { timeoutMs, plainUrl }) {
  facts.health ??= await look(facts.url, timeoutMs);
  if (facts.health.state === 'ours') return;
  if (facts.url.protocol === 'wss:') {
    // The listener without TLS has the port before it, unless the host was told otherwise.
    facts.plain = await look(new URL(plainUrl ?? `ws://127.0.0.1:${Number(facts.url.port || 443) - 1}`), timeoutMs);
  } else if (!['127.0.0.1', 'localhost', '[::1]'].includes(facts.url.hostname)) {
    facts.plain = await look(new URL(`ws://127.0.0.1:${facts.url.port || 80}`), timeoutMs);
  }
}

async function permission(url) {
  for (const name of [spaceOf(url) === 'loopback' ? 'loopback-network' : 'local-network', 'local-network-access']) {
    try {
      return (await globalThis.navigator.permissions.query({ name })).state;
    } catch {
      // This browser knows no such permission, or no permissions at all.
    }
  }
  return undefined;
}

async function meet(url, { registerId, operator, store, access, certificate, timeoutMs, WebSocket, client = CLIENT }) {
  let line;
  try {
    line = await openLine({ url: String(url), WebSocket, certificate, openMs: timeoutMs });
  } catch (error) {
    return { ok: false, mixed: error.name === 'SecurityError', error };
  }
  try {
    const me = { url: String(url), registerId, operator, access, certificate, store: storeFrom(store), socket: line.socket, hello: { client, protocol: [PROTOCOL] } };
    const met = await introduce((method, params) => line.ask(method, params, timeoutMs), me);
    const product = met.answer?.host?.id !== undefined && met.answer.protocol === PROTOCOL;
    return product ? { ok: true, opened: true, answer: met.answer } : { ok: false, opened: true, foreign: true };
  } catch (error) {
    return { ok: false, opened: true, foreign: !(error.code > 0) && ['foreign', 'silent'].includes(error.why), error };
  } finally {
    line.close();
  }
}

/** What is at this address: ours, foreign, closed, silent, host_refused, certificate. */
async function look(url, timeoutMs) {
  const target = healthOf(url);
  const options = { cache: 'no-store', credentials: 'omit', targetAddressSpace: isChromium() && onPublicPage() ? spaceOf(url) : undefined };
  const ask = (more) => fetch(target, { ...options, ...more, signal: AbortSignal.timeout(timeoutMs) });
  try {
    const response = await ask();
    const body = await response.json().catch(() => undefined);
    if (body?.product === 'payhal') return { state: 'ours', version: body.version, protocol: body.protocol };
    return { state: body?.error === 'HOST_REFUSED' ? 'host_refused' : 'foreign', status: response.status };
  } catch (error) {
    if (error.name === 'TimeoutError') return { state: 'silent' };
    if (IN_NODE) return inNode(error.cause?.code ?? error.cause?.errors?.[0]?.code ?? '');
  }
  // A program that does not allow this page to read its answer still answers.
  const opaque = await ask({ mode: 'no-cors' }).then(() => 'foreign', (error) => (error.name === 'TimeoutError' ? 'silent' : 'closed'));
  return { state: opaque };
}

function inNode(code) {
  if (CERTIFICATE_CODES.test(code)) return { state: 'certificate', code };
  return { state: ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'].includes(code) ? 'closed' : 'foreign', code };
}

function judge({ url, met, health, plain, permission: allowed, violation, secure, publicPage }) {
  if (url === null) return 'address';
  if (met?.ok) return null;
  if (violation) return 'csp';
  if (met?.mixed) return 'mixed_content';
  const refused = { PAIRING_REQUIRED: 'not_paired', IMPOSTOR_HOST: 'impostor', PROTOCOL_UNSUPPORTED: 'protocol', CERTIFICATE_NOT_TRUSTED: 'certificate', INSECURE_PAGE: 'insecure_page', NOT_STORED: 'key_store' }[met?.error?.name];
  if (refused) return refused;
  if (publicPage && !secure) return 'insecure_page';
  if (publicPage && allowed === 'denied') return 'permission_denied';
  if (publicPage && allowed === 'prompt') return 'permission_pending';
  if (met?.foreign) return 'foreign_program';
  if (/the certificate is/.test(met?.error?.detail ?? '')) return 'certificate';
  return byWhatAnswers({ url, met, health, plain });
}

function byWhatAnswers({ url, met, health, plain }) {
  if (/HOST_REFUSED/.test(met?.error?.detail ?? '') || health?.state === 'host_refused') return 'host_name_refused';
  if (health?.state === 'ours') return health.protocol?.includes(PROTOCOL) === false ? 'protocol' : 'refused';
  if (health?.state === 'certificate') return 'certificate';
  if (plain?.state === 'ours') return url.protocol === 'wss:' ? 'certificate' : 'host_name_refused';
  return health?.state === 'closed' ? 'not_running' : 'foreign_program';
}

const CALL = 'Ask whoever looks after this register.';
const PROBLEMS = {
  address: () => [`This register does not know where its payment host is. ${CALL}`, 'url is not an address; the usual one is ws://127.0.0.1:7425/v1/ws.'],
  not_running: ({ url }) => [
    'The payment host is not running on this machine. Start it, or restart the machine.',
    `Nothing listens at ${url.host}. Start it (payhal serve, or your system's service manager), see payhal doctor, and compare the port with its configuration.`,
  ],
  permission_pending: ({ origin }) => [
    'The browser asks whether this page may use the payment host: press Allow.',
    `The permission for ${origin} to reach this machine is not decided. Call diagnose() or connect() from a press of a button, so that the person is there; for managed machines, set the policy LoopbackNetworkAllowedForUrls.`,
  ],
  permission_denied: ({ origin }) => [
    `The browser was told not to let this page reach the payment host. Allow it in the settings of this site (the symbol beside the address), then load the page again. Else: ${CALL}`,
    `The permission loopback-network is denied for ${origin}: reset it in the site's settings, or set the policy LoopbackNetworkAllowedForUrls. Three dismissed prompts count as a denial.`,
  ],
  insecure_page: () => [
    `This page was not loaded securely, so the browser does not let it take payments. ${CALL}`,
    'Serve the page over https, or from localhost. An http page from elsewhere can neither reach this machine nor use WebCrypto.',
  ],
  mixed_content: ({ url }) => [
    `This page cannot reach the payment host under the address it was given. ${CALL}`,
    `An https page may use ws: with 127.0.0.1 and localhost only; ${url.host} needs wss:, or use ws://127.0.0.1:${url.port}/v1/ws.`,
  ],
  csp: ({ url }) => [
    `This page forbids itself to reach the payment host. ${CALL}`,
    `The page's Content-Security-Policy blocks the connection. Add to connect-src: ${url.protocol}//${url.host}`,
  ],
  certificate: ({ url, met }) => [
    `The payment host's certificate is not trusted on this machine. ${CALL}`,
    `${url.host} does not show a certificate that is trusted here${met?.error?.detail ? ` (${met.error.detail})` : ''}. Run payhal tls status, then payhal tls install, and restart the browser; or use ws://127.0.0.1 where the browser allows it.`,
  ],
  not_paired: ({ origin, met }) => [
    met.error.message.replace(' Nothing was sent.', ' The operator has to pair it.'),
    `${origin === '-' ? 'This program' : `The page ${origin}`} is not paired as this register (${met.error.why}). Call pair(); the operator approves the number in the console or with payhal pair. A pairing holds for one origin, one address and one register id.`,
  ],
  impostor: ({ url, met }) => [
    `Something else answers in place of the payment host. Take no payments. ${CALL}`,
    `What answers at ${url.host} is not the host of this pairing: ${met.error.detail}. If the host was installed anew, pair again; else find out which program holds the port.`,
  ],
  key_store: ({ met }) => [`This register cannot read its own pairing. ${CALL}`, met.error.message],
  host_name_refused: ({ url }) => [
    `This register uses a name for the payment host that the host does not know. ${CALL}`,
    `The host does not answer to the name ${url.hostname}. Use 127.0.0.1 or localhost, or add the name to its configuration.`,
  ],
  refused: ({ origin, met, health }) => [
    `The payment host refuses this page. ${CALL}`,
    `payhal ${health?.version ?? ''} runs, but refuses a connection from ${origin === '-' ? 'this program' : origin}${met?.error?.detail ? `: ${met.error.detail}` : ''}. A sandboxed frame or a file has the origin null, which is never let in; too many connections of one page are refused, too.`,
  ],
  foreign_program: ({ url }) => [
    `Another program has taken the place of the payment host. Take no payments. ${CALL}`,
    `What answers at ${url.host} is not a payment host. See which program holds the port (ss -ltnp, netstat -abn), end it or give it another port, then start payhal.`,
  ],
  protocol: ({ health }) => [
    `The payment host and this register are of different versions. ${CALL}`,
    `This module speaks version ${PROTOCOL} of the protocol${health?.protocol ? `, the host ${health.protocol.join(', ')}` : ', and the host does not'}. Update the older of the two.`,
  ],
};

function detailsOf({ url, origin, secure, publicPage, permission: allowed, health, plain, met }) {
  return {
    url: url?.href, origin, secureContext: secure, publicPage, permission: allowed, health, plain,
    host: met?.answer?.host ?? met?.error?.fields?.host, access: met?.answer?.state, error: met?.error && { name: met.error.name, message: met.error.message, detail: met.error.detail },
  };
}
