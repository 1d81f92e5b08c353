// A protected API: it accepts the access tokens of the provider, and answers with what it saw.
//
// By the first segment of the path:
//
//   /open/...      a token is enough (with its proof, when it is bound to a key)
//   /nonce/...     proofs must hold the nonce of this origin, which stays the same
//   /rotating/...  proofs must hold the latest nonce of this origin: every answer, 2xx too, gives a new one
//   /write/...     needs the scope `write`
//   /here/...      redirects to /open/... on this origin; /there/... on the other origin

import { createHash, randomBytes } from 'node:crypto';

import { EmbeddedJWK, calculateJwkThumbprint, createRemoteJWKSet, jwtVerify } from 'jose';

const PROOF_ALGS = ['ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'EdDSA', 'Ed25519'];
const PROOF_AGE = 60; // seconds

const area = (path) => path.split('/')[1];

class Refused extends Error {
  constructor(status, scheme, error, description) {
    super(description ?? 'no token');
    this.status = status;
    const parts = { realm: 'api', error, error_description: description };
    if (scheme === 'DPoP') parts.algs = PROOF_ALGS.join(' ');
    this.challenge = `${scheme} ${Object.entries(parts).filter(([, v]) => v).map(([k, v]) => `${k}="${v}"`).join(', ')}`;
  }
}

export function createApi(provider, { name, url, audiences, other }) {
  const keys = createRemoteJWKSet(new URL(provider.urlFor('jwks')));
  const nonce = randomBytes(12).toString('base64url');
  let rotating = randomBytes(12).toString('base64url');
  const seen = new Set(); // jti of the proofs received

  async function jwtToken(value) {
    try {
      const { payload } = await jwtVerify(value, keys, { issuer: provider.issuer, audience: audiences.jwt.id, typ: 'at+jwt' });
      return { sub: payload.sub, client_id: payload.client_id, scope: payload.scope, aud: payload.aud, jkt: payload.cnf?.jkt, act: payload.act };
    } catch {
      return undefined;
    }
  }

  async function opaqueToken(value) {
    const token = await provider.AccessToken.find(value) ?? await provider.ClientCredentials.find(value);
    if (!token?.isValid) return undefined;
    return {
      sub: token.accountId ?? token.clientId, client_id: token.clientId, scope: token.scope, aud: token.aud, jkt: token.jkt, act: token.extra?.act,
    };
  }

  async function checkProof(req, path, value, token) {
    let proof;
    try {
      proof = await jwtVerify(req.headers.dpop ?? '', EmbeddedJWK, { typ: 'dpop+jwt', algorithms: PROOF_ALGS, maxTokenAge: PROOF_AGE });
    } catch (error) {
      throw new Refused(401, 'DPoP', 'invalid_dpop_proof', error.message.replaceAll('"', "'"));
    }
    const { payload, protectedHeader } = proof;
    const required = { nonce, rotating }[area(path)];
    if (required && payload.nonce !== required) throw new Refused(401, 'DPoP', 'use_dpop_nonce', 'a proof needs the nonce of this API');
    const expected = {
      htm: req.method, htu: url + path, ath: createHash('sha256').update(value).digest('base64url'),
    };
    for (const [claim, expectation] of Object.entries(expected)) {
      if (payload[claim] !== expectation) throw new Refused(401, 'DPoP', 'invalid_dpop_proof', `${claim} mismatch`);
    }
    if (typeof payload.jti !== 'string' || seen.has(payload.jti)) throw new Refused(401, 'DPoP', 'invalid_dpop_proof', 'replayed');
    seen.add(payload.jti);
    if (await calculateJwkThumbprint(protectedHeader.jwk) !== token.jkt) throw new Refused(401, 'DPoP', 'invalid_token', 'bound to another key');
  }

  async function authorize(req, path) {
    const [scheme, value] = (req.headers.authorization ?? '').split(' ');
    if (!value) throw new Refused(401, 'Bearer');
    const token = await (value.split('.').length === 3 ? jwtToken(value) : opaqueToken(value));
    if (!token) throw new Refused(401, scheme, 'invalid_token', 'unknown or expired');
    if (scheme !== (token.jkt ? 'DPoP' : 'Bearer')) throw new Refused(401, token.jkt ? 'DPoP' : 'Bearer', 'invalid_token', 'wrong scheme');
    if (token.jkt) await checkProof(req, path, value, token);
    if (area(path) === 'write' && !token.scope?.split(' ').includes('write')) {
      throw new Refused(403, scheme, 'insufficient_scope', 'needs the scope write');
    }
    return { scheme, ...token };
  }

  function offerNonce(res, path) {
    if (area(path) === 'nonce') res.setHeader('DPoP-Nonce', nonce);
    if (area(path) === 'rotating') {
      rotating = randomBytes(12).toString('base64url');
      res.setHeader('DPoP-Nonce', rotating);
    }
  }

  return async function api(req, res) {
    const { pathname, searchParams } = new URL(req.url, url);
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);

    const redirect = pathname.match(/^\/(here|there)(\/.*)$/);
    if (redirect) {
      const origin = redirect[1] === 'here' ? url : other()[name === 'api' ? 'api2' : 'api'];
      res.writeHead(307, { Location: `${origin}/open${redirect[2]}` }).end();
      return;
    }
    try {
      const token = await authorize(req, pathname);
      offerNonce(res, pathname);
      res.writeHead(200, { 'Content-Type': 'application/json' });
      res.end(JSON.stringify({
        api: name, method: req.method, path: pathname, query: Object.fromEntries(searchParams), body: Buffer.concat(chunks).toString(), token,
      }));
    } catch (error) {
      if (!(error instanceof Refused)) console.error(name, error);
      offerNonce(res, pathname);
      if (error.challenge) res.setHeader('WWW-Authenticate', error.challenge);
      res.writeHead(error.status ?? 500, { 'Content-Type': 'application/json' });
      res.end(JSON.stringify({ error: error.message }));
    }
  };
}
