// The two pages that a user sees: login, then consent.

const page = (title, uid, form) => `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title></head>
<body><h1>${title}</h1><form method="post" action="/interaction/${uid}">${form}
<button name="answer" value="no">Cancel</button></form></body></html>`;

const login = (hint, problem) => `<p>${problem}</p>
<label>User <input name="username" value="${hint}"></label>
<label>Password <input name="password" type="password"></label>
<button name="answer" value="yes">Sign in</button>`;

const consent = (client, scope) => `<p>${client} asks for: ${scope}</p><button name="answer" value="yes">Allow</button>`;

const escape = (text = '') => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

export function createInteractionPages(provider, users) {
  function show(res, { uid, prompt, params }, problem = '') {
    const html = prompt.name === 'login'
      ? page('Sign in', uid, login(escape(params.login_hint), problem))
      : page('Consent', uid, consent(escape(params.client_id), escape(params.scope)));
    res.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' }).end(html);
  }

  async function grantAll({ grantId, params, prompt: { details }, session }) {
    const grant = grantId
      ? await provider.Grant.find(grantId)
      : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    if (details.missingOIDCScope) grant.addOIDCScope(details.missingOIDCScope.join(' '));
    if (details.missingOIDCClaims) grant.addOIDCClaims(details.missingOIDCClaims);
    for (const [resource, scopes] of Object.entries(details.missingResourceScopes ?? {})) {
      grant.addResourceScope(resource, scopes.join(' '));
    }
    return grant.save();
  }

  async function answer(req, res, interaction, form) {
    if (form.get('answer') !== 'yes') {
      const refusal = { error: 'access_denied', error_description: 'the user said no' };
      await provider.interactionFinished(req, res, refusal, { mergeWithLastSubmission: false });
    } else if (interaction.prompt.name === 'login') {
      const accountId = form.get('username');
      if (!form.get('password') || users[accountId]?.password !== form.get('password')) {
        show(res, interaction, 'Wrong user or password.');
        return;
      }
      const acr = interaction.params.acr_values?.split(' ')[0] ?? 'password';
      await provider.interactionFinished(req, res, { login: { accountId, acr, amr: ['pwd'] } }, { mergeWithLastSubmission: false });
    } else {
      await provider.interactionFinished(req, res, { consent: { grantId: await grantAll(interaction) } });
    }
  }

  return async function pages(req, res) {
    try {
      const interaction = await provider.interactionDetails(req, res);
      if (req.method !== 'POST') {
        show(res, interaction);
        return;
      }
      const chunks = [];
      for await (const chunk of req) chunks.push(chunk);
      await answer(req, res, interaction, new URLSearchParams(Buffer.concat(chunks).toString()));
    } catch (error) {
      console.error(error);
      res.writeHead(500).end(error.message);
    }
  };
}
