// SPDX-License-Identifier: MIT OR Apache-2.0
// The host's side of pairing and proof, written from the documents and with node:crypto, so that the module
// is not tested against itself. It approves what a test says, and hands every other call to the test.

import { createECDH, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';

import { startServer } from './ws-server.js';

const b64 = (bytes) => Buffer.from(bytes).toString('base64url');
const sha256 = (text) => createHash('sha256').update(text).digest();
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
const keyIdOf = (secret) => hmac(secret, 'payhal key id v1').subarray(0, 8).toString('hex');

export async function pairedHost({ id = 'host-1', tls, lie = {} } = {}) {
  const host = { id, registers: new Map(), connections: [], requests: [], hellos: [], pending: null, lie, why: {}, rotate: false, stateSaid: null };
  const identity = () => ({ id: host.id, name: 'Test host', version: '0' });
  const waiting = [];
  const arrived = [];
  host.next = () => (arrived.length > 0 ? Promise.resolve(arrived.shift()) : new Promise((resolve) => waiting.push(resolve)));

  const server = await startServer({
    tls,
    onRequest: (request, response) => {
      const ours = request.url === '/health';
      response.writeHead(ours ? 200 : 404, { 'Access-Control-Allow-Origin': '*', 'Content-Type': 'application/json' });
      response.end(ours ? JSON.stringify({ product: 'payhal', version: '0', protocol: [1] }) : '{}');
    },
    onConnection: (socket, request) => {
      const link = { socket, origin: request.headers.origin ?? '-', authority: request.headers.host, channel: tls ? `wss:${tls.fingerprint}` : 'ws', proven: null, offered: null };
      host.connections.push(link);
      socket.onmessage = async (message) => {
        const method = METHODS[message.method];
        try {
          if (method) socket.send({ jsonrpc: '2.0', id: message.id, result: await method(host, link, message.params, identity, tls) });
          else if (link.proven) handOver(link, message);
          else throw refusal(1001, 'PAIRING_REQUIRED');
        } catch (error) {
          if (error.code === undefined) throw error;
          socket.send({ jsonrpc: '2.0', id: message.id, error });
        }
      };
    },
  });

  function handOver(link, { id: callId, method, params }) {
    const request = {
      method, params, link, socket: link.socket,
      result: (result) => link.socket.send({ jsonrpc: '2.0', id: callId, result }),
      error: (code, name, more) => link.socket.send({ jsonrpc: '2.0', id: callId, error: refusal(code, name, more) }),
    };
    host.requests.push(request);
    const next = waiting.shift();
    if (next) next(request);
    else arrived.push(request);
  }

  /** The operator's yes, once the number is there. */
  host.approve = (number) => {
    if (number !== host.pending.number) throw new Error(`the host shows ${host.pending.number}, not ${number}`);
    host.pending.decide({ yes: true });
  };
  host.refuse = () => host.pending.decide({ yes: false });
  host.notify = (method, params) => host.connections.at(-1).socket.send({ jsonrpc: '2.0', method, params });
  host.url = server.url;
  host.port = server.port;
  host.stop = server.stop;
  return host;
}

const refusal = (code, name, more = {}) => ({ code, message: name, data: { name, outcome: 'failed', money_moved: 'no', retry: 'never', ...more } });

function share() {
  const curve = createECDH('prime256v1');
  return { curve, publicKey: b64(curve.generateKeys()), nonce: b64(randomBytes(32)) };
}

function proof(label, secret, { hostId, registerId, keyId, nonceRegister, nonceHost }, link) {
  const text = [label, hostId, registerId, keyId, nonceRegister, nonceHost, link.origin, link.authority, link.channel].join('\n');
  return b64(hmac(secret, text));
}

const METHODS = {
  'session.hello': (host, link, params, identity, tls) => {
    host.hellos.push(params);
    const answer = { host: identity(), protocol: 1, permissions: [], register_id: params.register_id ?? 'anonymous', certificate: tls?.fingerprint };
    if (host.stateSaid) return { ...answer, state: host.stateSaid };
    const kept = host.registers.get(params.register_id);
    const secret = kept && kept.origin === link.origin && [kept.secret, kept.next].find((one) => one && keyIdOf(one) === params.key_id);
    if (!secret) return { ...answer, state: 'unpaired', why: host.why[params.key_id] };
    const about = { hostId: host.id, registerId: params.register_id, keyId: params.key_id, nonceRegister: params.nonce, nonceHost: b64(randomBytes(32)) };
    if (!link.proven) link.offered = { about, secret, kept };
    const said = proof('payhal host proof v1', host.lie.secret ?? secret, about, link);
    return { ...answer, state: 'paired', nonce: about.nonceHost, proof: host.lie.proof ?? said, rotate: host.rotate || undefined };
  },
  'session.prove': (host, link, params) => {
    if (!link.offered) throw refusal(3008, 'NOT_ALLOWED');
    const { about, secret, kept } = link.offered;
    link.offered = null;
    if (params.proof !== proof('payhal register proof v1', secret, about, link)) throw refusal(1002, 'PROOF_INVALID');
    link.proven = about.registerId;
    if (secret === kept.next) Object.assign(kept, { secret, next: undefined });
    return { register_id: about.registerId, permissions: kept.permissions, limits: kept.limits };
  },
  'pairing.begin': (host, link, params, identity) => {
    host.pending = { ...share(), id: `p-${b64(randomBytes(6))}`, register: params.register, commitment: params.commitment };
    host.pending.decided = new Promise((resolve) => { host.pending.decide = resolve; });
    return { pairing_id: host.pending.id, public_key: host.pending.publicKey, nonce: host.pending.nonce, expires_at: '2026-12-01T00:02:00Z', host: identity() };
  },
  'pairing.reveal': (host, link, params, identity, tls) => {
    const { pending } = host;
    if (b64(sha256(['payhal pairing commitment v1', params.public_key, params.nonce].join('\n'))) !== pending.commitment) throw refusal(1002, 'PROOF_INVALID');
    const fields = [host.id, pending.id, pending.register.id, pending.register.name, link.origin, link.authority, link.channel, params.public_key, params.nonce, pending.publicKey, pending.nonce];
    const transcript = sha256(['payhal pairing v1', ...fields].join('\n'));
    const shared = pending.curve.computeSecret(Buffer.from(params.public_key, 'base64url'));
    pending.secret = Buffer.from(hkdfSync('sha256', shared, transcript, 'payhal pairing secret v1', 32));
    const digest = sha256(Buffer.concat([Buffer.from('payhal pairing number v1\n'), transcript]));
    pending.number = String(digest.readBigUInt64BE(0) % 1_000_000n).padStart(6, '0');
    return tls ? { certificate: tls.fingerprint } : {};
  },
  'pairing.complete': async (host, link) => {
    const { pending } = host;
    if (!(await pending.decided).yes) throw refusal(1003, 'PERMISSION_DENIED');
    const granted = { permissions: ['others'], limits: { sale_max: [{ minor: 10000, currency: 'EUR' }] } };
    host.registers.set(pending.register.id, { secret: pending.secret, origin: link.origin, ...granted });
    return { register_id: pending.register.id, key_id: keyIdOf(host.lie.key ?? pending.secret), generation: 1, ...granted };
  },
  'pairing.rotate': (host, link, params) => {
    if (!link.proven) throw refusal(1001, 'PAIRING_REQUIRED');
    const kept = host.registers.get(link.proven);
    const mine = share();
    const salt = hmac(kept.secret, ['payhal rotation v1', host.id, link.proven, keyIdOf(kept.secret), params.public_key, params.nonce, mine.publicKey, mine.nonce].join('\n'));
    const shared = mine.curve.computeSecret(Buffer.from(params.public_key, 'base64url'));
    kept.next = Buffer.from(hkdfSync('sha256', shared, salt, 'payhal pairing secret v1', 32));
    host.rotate = false;
    return { public_key: mine.publicKey, nonce: mine.nonce, key_id: keyIdOf(kept.next) };
  },
};
