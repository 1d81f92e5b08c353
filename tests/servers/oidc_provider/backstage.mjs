// What a test does behind the scenes, on a port of its own: answer for the user of a CIBA request, and read what
// the servers saw.

import { errors } from 'oidc-provider';

export function createBackstage(provider, { ciba, exchanges, notifications }) {
  async function approve(id, { account, client, resources, scope }) {
    const grant = new provider.Grant({ accountId: account.accountId, clientId: client.clientId });
    grant.addOIDCScope(scope);
    for (const resource of resources) grant.addResourceScope(resource, scope);
    await grant.save();
    await provider.backchannelResult(id, grant, { acr: 'mfa', amr: ['hwk'], authTime: Math.floor(Date.now() / 1000) });
  }

  const routes = {
    'GET /exchanges': (query) => exchanges.slice(Number(query.get('from') ?? 0)),
    'GET /notifications': () => notifications,
    'POST /ciba': async (query) => {
      const id = query.get('auth_req_id');
      const request = ciba.get(id);
      if (!request) throw new Error('no such auth_req_id');
      if (query.get('deny') === 'true') await provider.backchannelResult(id, new errors.AccessDenied('the user said no'));
      else await approve(id, request);
      return {};
    },
  };

  return async function backstage(req, res) {
    const { pathname, searchParams } = new URL(req.url, 'http://backstage');
    try {
      const answer = await routes[`${req.method} ${pathname}`](searchParams);
      res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer));
    } catch (error) {
      console.error(error);
      res.writeHead(400).end(error.message);
    }
  };
}
