// An authorization server that others wrote (npm oidc-provider), with its own login and consent pages, on loopback.
// Arguments: port, redirect URI. Beside it, what tests need: GET /stats, POST /control.
import Provider from 'oidc-provider';

const [port, redirectUri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const stats = { refreshed: 0, refused: [], revoked: 0, destroyed: 0 };
let lifetime = 3600;

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'toolgate',
    client_secret: 'the secret of a client+:%',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
  }, {
    client_id: 'machine',
    client_secret: 'the secret of a machine',
    redirect_uris: [],
    grant_types: ['client_credentials'],
    response_types: [],
    token_endpoint_auth_method: 'client_secret_basic',
  }],
  cookies: { keys: ['for tests only'] },
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    revocation: { enabled: true },
  },
  pkce: { required: () => true },
  issueRefreshToken: async () => true,
  rotateRefreshToken: true,
  ttl: { AccessToken: () => lifetime, ClientCredentials: () => lifetime },
});

provider.on('grant.success', (ctx) => {
  if (ctx.oidc.params.grant_type === 'refresh_token') stats.refreshed += 1;
});
provider.on('grant.error', (ctx, error) => stats.refused.push(error.error));
provider.on('grant.revoked', () => { stats.revoked += 1; });
provider.on('refresh_token.destroyed', () => { stats.destroyed += 1; });

provider.use(async (ctx, next) => {
  if (ctx.path === '/stats') {
    ctx.body = stats;
  } else if (ctx.path === '/control') {
    lifetime = Number(ctx.query.lifetime);
    ctx.body = {};
  } else if (ctx.path === '/machine') {
    const token = (ctx.get('authorization') || '').replace('Bearer ', '');
    const found = await provider.ClientCredentials.find(token);
    ctx.status = found ? 200 : 401;
    ctx.body = found ? { client: found.clientId } : {};
  } else {
    await next();
  }
});

provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));
