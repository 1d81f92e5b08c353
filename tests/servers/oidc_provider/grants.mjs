// Grants that oidc-provider leaves to its operator: password (RFC 6749 §4.3), JWT bearer (RFC 7523 §2.1),
// token exchange (RFC 8693). Client authentication, scopes, resources, DPoP and the tokens are the provider's own.

import { createLocalJWKSet, createRemoteJWKSet, jwtVerify } from 'jose';
import { errors } from 'oidc-provider';
import * as helpers from 'oidc-provider/lib/helpers/grants.js'; // the version is pinned: these helpers have no other door
import { issueTokens } from 'oidc-provider/lib/helpers/grant_common.js';

const TYPE = 'urn:ietf:params:oauth:token-type:';
const { InvalidGrant, InvalidRequest, InvalidTarget } = errors;

export function registerCustomGrants(provider, config) {
  const bound = Object.fromEntries(Object.entries(helpers).map(([name, helper]) => [name, helper.bind(undefined, provider)]));
  const providerKeys = createRemoteJWKSet(new URL(provider.urlFor('jwks')));
  const issuerKeys = createLocalJWKSet({ keys: [config.assertions.public_jwk] });

  // Tokens for a user who has said yes elsewhere, as the code grant would issue them.
  async function issueForUser(ctx, gty, accountId, dPoP) {
    const { client } = ctx.oidc;
    const resources = await bound.resolveRequestedResources(ctx);
    if (resources.length > 1) throw new InvalidTarget('only one resource');
    const scope = [...bound.validateClientScope(ctx)].join(' ');
    const grant = new provider.Grant({ accountId, clientId: client.clientId });
    grant.addOIDCScope(scope);
    const [resource] = resources.map((server) => server.identifier());
    if (resource) grant.addResourceScope(resource, scope);
    const source = new provider.AuthorizationCode({
      accountId, client, claims: {}, grantId: await grant.save(), gty, resource, scope,
    });
    await issueTokens(provider, bound, ctx, source, grant, { gty, entityLabel: gty, dPoP });
  }

  async function checkSender(ctx) {
    const dPoP = await bound.validateDpop(ctx);
    bound.checkDpopRequired(ctx, dPoP);
    return dPoP;
  }

  async function password(ctx) {
    const { username, password: given } = ctx.oidc.params;
    const dPoP = await checkSender(ctx);
    if (!given || config.users[username]?.password !== given) throw new InvalidGrant('wrong username or password');
    await issueForUser(ctx, 'password', username, dPoP);
  }

  async function jwtBearer(ctx) {
    const dPoP = await checkSender(ctx);
    let payload;
    try {
      ({ payload } = await jwtVerify(ctx.oidc.params.assertion ?? '', issuerKeys, {
        issuer: config.assertions.issuer, audience: [provider.issuer, ctx.oidc.urlFor('token')], requiredClaims: ['exp', 'sub'],
      }));
    } catch (error) {
      throw new InvalidGrant(`assertion refused: ${error.message}`);
    }
    if (!config.users[payload.sub]) throw new InvalidGrant('unknown subject');
    await issueForUser(ctx, 'jwt_bearer', payload.sub, dPoP);
  }

  // The subject of a token, if the token is what its type says.
  async function subjectOf(value, type, client) {
    if (type === `${TYPE}access_token`) {
      const token = await provider.AccessToken.find(value) ?? await provider.ClientCredentials.find(value);
      if (token?.isValid) return token.accountId ?? token.clientId;
    } else if (type === `${TYPE}refresh_token`) {
      const token = await provider.RefreshToken.find(value);
      if (token?.isValid) return token.accountId;
    } else if (type === `${TYPE}id_token`) {
      const verified = await jwtVerify(value, providerKeys, { issuer: provider.issuer, audience: client.clientId }).catch(() => undefined);
      if (verified) return verified.payload.sub;
    } else {
      throw new InvalidRequest(`unsupported token type ${type}`);
    }
    throw new InvalidRequest('the token is unknown, expired, or not of the given type');
  }

  async function tokenExchange(ctx) {
    const { params, client } = ctx.oidc;
    const dPoP = await checkSender(ctx);
    const sub = await subjectOf(params.subject_token, params.subject_token_type, client);
    if (params.actor_token) ctx.oidc.actor = await subjectOf(params.actor_token, params.actor_token_type, client);
    params.resource ??= params.audience;
    const requested = params.requested_token_type ?? `${TYPE}access_token`;
    if (requested === `${TYPE}id_token`) {
      const idToken = new provider.IdToken({ sub }, { ctx });
      idToken.scope = 'openid';
      ctx.body = bound.buildTokenResponse({
        accessToken: await idToken.issue({ use: 'idtoken' }), issuedTokenType: requested, tokenType: 'N_A', expiresIn: 600,
      });
      return;
    }
    if (requested !== `${TYPE}access_token`) throw new InvalidRequest(`cannot issue ${requested}`);
    if (!config.users[sub]) throw new InvalidRequest('a client has no user to speak for');
    await issueForUser(ctx, 'token_exchange', sub, dPoP);
    ctx.body.issued_token_type = requested;
  }

  const common = ['scope', 'resource'];
  const exchange = ['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type', 'audience'];
  provider.registerGrantType('password', password, ['username', 'password', ...common], ['resource']);
  provider.registerGrantType('urn:ietf:params:oauth:grant-type:jwt-bearer', jwtBearer, ['assertion', ...common], ['resource']);
  provider.registerGrantType('urn:ietf:params:oauth:grant-type:token-exchange', tokenExchange, [...exchange, ...common], ['resource', 'audience']);
}
