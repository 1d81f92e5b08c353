// The Authorization Server: oidc-provider with every feature that the tests use, and nothing that weakens it.
//
//   node provider.mjs CONFIG READY
//
// CONFIG is the JSON that tests/servers/conftest.py writes: clients, keys, users, resources. When all servers
// listen, their addresses are written to READY. The process ends when its standard input closes.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { randomBytes } from 'node:crypto';

import Provider, { errors } from 'oidc-provider';
import MemoryAdapter from 'oidc-provider/lib/adapters/memory_adapter.js';

import { createApi } from './api.mjs';
import { createBackstage } from './backstage.mjs';
import { registerCustomGrants } from './grants.mjs';
import { createInteractionPages } from './pages.mjs';

const [, , configPath, readyPath] = process.argv;
const config = JSON.parse(readFileSync(configPath, 'utf8'));

const ASYMMETRIC = ['ES256', 'ES384', 'ES512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'EdDSA', 'Ed25519'];
const HMAC = ['HS256', 'HS384', 'HS512'];
const SCOPES = ['openid', 'offline_access', 'profile', 'email', 'read', 'write'];
// Grants whose answer has no refresh token: what they were given can be presented again.
const RENEWED_OTHERWISE = new Set([
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
  'urn:ietf:params:oauth:grant-type:token-exchange',
]);

const exchanges = []; // one line per request answered by the AS or an API, in order
const ciba = new Map(); // auth_req_id -> what is needed to answer for the user
const notifications = []; // CIBA pings

// UserInfo knows the token before it knows the client: remember whose tokens need a nonce there.
const nonceTokens = new Set();

function requireNonce(ctx) {
  if (ctx.oidc.route === 'userinfo') return nonceTokens.has(ctx.headers.authorization?.split(' ')[1]);
  return ctx.oidc.client?.dpop_nonce_required === true;
}

// Remembers what has expired for a while, as a database does: else `expired_token` would read `invalid_grant`.
class Database extends MemoryAdapter {
  upsert(id, payload, expiresIn) { return super.upsert(id, payload, expiresIn + 60); }
}

function findAccount(ctx, sub) {
  const user = config.users[sub];
  if (!user) return undefined;
  return { accountId: sub, claims: () => ({ sub, ...user.claims }) };
}

async function triggerAuthenticationDevice(ctx, request, account, client) {
  ciba.set(request.jti, { account, client, resources: Object.keys(ctx.oidc.resourceServers), scope: request.scope });
}

// The notification endpoint of a client is https by rule: its POST is caught here and kept for the test.
async function fetch(url, { headers, body }) {
  notifications.push({ url: String(url), headers: Object.fromEntries(new Headers(headers)), body: String(body) });
  return new Response(null, { status: 204 });
}

function configuration() {
  return {
    adapter: Database,
    clients: config.clients,
    jwks: config.jwks,
    scopes: SCOPES,
    responseTypes: ['code'],
    claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
    acrValues: ['password', 'mfa'],
    clockTolerance: 0, // a token that lasts two seconds is refused in the third
    cookies: { keys: [randomBytes(32).toString('hex')] },
    findAccount,
    fetch,
    extraClientMetadata: { properties: ['access_token_ttl', 'device_code_ttl', 'dpop_nonce_required'] },
    rotateRefreshToken: true,
    issueRefreshToken: async (ctx, client) => (
      client.grantTypeAllowed('refresh_token') && !RENEWED_OTHERWISE.has(ctx.oidc.params.grant_type)
    ),
    expiresWithSession: async () => false,
    extraTokenClaims: async (ctx) => ctx?.oidc.actor && { act: { sub: ctx.oidc.actor } },
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    renderError: async (ctx, out) => { ctx.type = 'json'; ctx.body = out; },
    enabledJWA: {
      clientAuthSigningAlgValues: [...HMAC, ...ASYMMETRIC],
      idTokenSigningAlgValues: [...HMAC, ...ASYMMETRIC],
      requestObjectSigningAlgValues: [...HMAC, ...ASYMMETRIC],
      userinfoSigningAlgValues: [...HMAC, ...ASYMMETRIC],
      dPoPSigningAlgValues: ASYMMETRIC,
    },
    ttl: {
      AccessToken: (ctx, token, client) => client.access_token_ttl ?? 600,
      ClientCredentials: (ctx, token, client) => client.access_token_ttl ?? 600,
      DeviceCode: (ctx, code, client) => client.device_code_ttl ?? 600,
      BackchannelAuthenticationRequest: (ctx) => Number(ctx.oidc.params.requested_expiry ?? 600),
      AuthorizationCode: 60,
      IdToken: 600,
      RefreshToken: 3600,
      Grant: 3600,
      Interaction: 600,
      Session: 3600,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      ciba: {
        enabled: true,
        deliveryModes: ['poll', 'ping'],
        processLoginHint: async (ctx, hint) => hint,
        processLoginHintToken: async (ctx, token) => token.replace(/^hint-for-/, ''),
        validateRequestContext: async () => {},
        verifyUserCode: async (ctx, account, code) => {
          if (code !== undefined && code !== config.users[account.accountId].user_code) {
            throw new errors.InvalidUserCode('wrong user_code');
          }
        },
        triggerAuthenticationDevice,
      },
      introspection: { enabled: true },
      revocation: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      requestObjects: { enabled: true },
      encryption: { enabled: true },
      jwtUserinfo: { enabled: true },
      jwtIntrospection: { enabled: true },
      jwtResponseModes: { enabled: true },
      claimsParameter: { enabled: true },
      dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce },
      resourceIndicators: {
        enabled: true,
        defaultResource: async (ctx, client, oneOf) => oneOf,
        getResourceServerInfo: async (ctx, identifier) => {
          const resource = Object.values(config.resources).find(({ id }) => id === identifier);
          if (!resource) throw new errors.InvalidTarget();
          return {
            scope: 'read write',
            audience: identifier,
            accessTokenFormat: resource.format,
            jwt: resource.format === 'jwt' ? { sign: { alg: 'ES256' } } : undefined,
          };
        },
      },
    },
  };
}

function log(provider) {
  for (const event of [
    'authorization.error', 'backchannel.error', 'device_authorization.error', 'discovery.error', 'grant.error',
    'introspection.error', 'jwks.error', 'pushed_authorization_request.error', 'revocation.error', 'server_error',
    'userinfo.error',
  ]) {
    provider.on(event, (ctx, error) => {
      console.error(event, ctx.method, ctx.path, error.message, error.error_detail ?? error.error_description ?? '',
        error.cause?.message ?? '', error.statusCode ? '' : error.stack);
    });
  }
}

function listen(server) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}

// Writes a line once a request has been answered: to the log, and to the list that tests read.
function recorded(name, listener) {
  return (req, res) => {
    const path = req.url.split('?')[0];
    const { dpop, authorization } = req.headers;
    res.on('finish', () => {
      console.error(name, req.method, path, res.statusCode);
      exchanges.push({
        server: name, method: req.method, path, status: res.statusCode, proof: dpop, scheme: authorization?.split(' ')[0],
      });
    });
    listener(req, res);
  };
}

const as = createServer();
const issuer = await listen(as);
const provider = new Provider(issuer, configuration());
registerCustomGrants(provider, config);
provider.on('access_token.saved', (token) => {
  if (token.client?.dpop_nonce_required) nonceTokens.add(token.jti);
});
log(provider);
const oauth = provider.callback();
const pages = createInteractionPages(provider, config.users);
as.on('request', recorded('as', (req, res) => (req.url.startsWith('/interaction/') ? pages(req, res) : oauth(req, res))));

const addresses = { issuer };
for (const name of ['api', 'api2']) {
  const server = createServer();
  const url = await listen(server);
  server.on('request', recorded(name, createApi(provider, { name, url, audiences: config.resources, other: () => addresses })));
  addresses[name] = url;
}
const backstage = createServer(createBackstage(provider, { ciba, exchanges, notifications }));
addresses.backstage = await listen(backstage);

writeFileSync(`${readyPath}.part`, JSON.stringify(addresses));
renameSync(`${readyPath}.part`, readyPath);

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
