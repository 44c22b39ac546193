import assert from 'node:assert/strict';
import type { JamfMcpError } from '../../../src/lib/errors.ts';
import { Secret } from '../../../src/lib/redact.ts';
import type { Issuer } from '../../../src/lib/rotation/issuer.ts';
import { auth0Issuer, type Auth0IssuerOptions } from '../../../src/lib/rotation/issuers/auth0.ts';
import { MANAGEMENT } from '../../../src/lib/sandbox/auth0.ts';
import { fieldsFrom, schemaOf } from '../../../src/lib/secrets/schema.ts';
import type { Fields } from '../../../src/lib/secrets/store.ts';
import { startRelay } from '../../support/relay.ts';
import { contextIn, type SandboxContext } from '../../support/sandbox-context.ts';
import { withSandbox, type TestSandbox } from '../../support/sandbox.ts';
import { keepsTheContract, type Subject } from './contract.ts';

const rotatorOf = ({ auth0: { rotator } }: TestSandbox) => ({
  clientId: rotator.clientId,
  clientSecret: new Secret(rotator.clientSecret),
});

const patch: Subject = {
  make: (context, sandbox) => auth0Issuer(rotatorOf(sandbox), context, { timeoutMs: 200 }),
  strategy: 'single',
  mint: 'auth0:PATCH /api/v2/clients/*',
  refusal: 'CREDENTIALS_REFUSED',
  secrets: ({ auth0 }) => [auth0.rotator.clientSecret],
};

describe('the issuer auth0, patching in a stored secret', () => {
  keepsTheContract(patch);
});

describe('the issuer auth0, patching in a stored secret as the rotated application itself', () => {
  keepsTheContract({ ...patch, make: (context) => auth0Issuer(null, context, { timeoutMs: 200 }) });
});

describe('the issuer auth0, letting Auth0 make the secret', () => {
  const mint = 'auth0:POST /api/v2/clients/*';
  const options: Auth0IssuerOptions = { mode: 'rotate-secret', timeoutMs: 200 };
  describe('with a rotator', () => {
    keepsTheContract({
      ...patch,
      mint,
      make: (context, sandbox) => auth0Issuer(rotatorOf(sandbox), context, options),
    });
  });
  describe('as the rotated application itself', () => {
    keepsTheContract({ ...patch, mint, make: (context) => auth0Issuer(null, context, options) });
  });
});

describe('the issuer auth0', () => {
  const sandbox = withSandbox();
  let context: SandboxContext;
  let current: Fields;

  beforeEach(() => {
    context = contextIn(sandbox());
    current = fieldsFrom(schemaOf('jamf'), sandbox().fields);
  });

  const own = () => {
    const [client] = sandbox().auth0.clients;
    assert.ok(client);
    return client;
  };
  const manager = () => {
    const [, client] = sandbox().auth0.clients;
    assert.ok(client);
    return client;
  };
  const issuer = () => auth0Issuer(rotatorOf(sandbox()), context);
  const warnings = () => context.events.flatMap((event) => (event.kind === 'warning' ? [event.text] : []));
  const refused = async (work: Promise<unknown>, code: string, message: RegExp, hint: RegExp) => {
    await assert.rejects(work, (error: JamfMcpError) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
      return true;
    });
  };

  it('rotates in six calls, none of which carries a secret over that nobody asked for', async () => {
    const from = sandbox().calls.length;
    const one = issuer();
    await one.prove(current, null);
    const fields = new Map([...current, ...((await one.draft?.(current)) ?? [])]);
    await one.mint(fields);
    await one.test(fields);
    assert.equal(await one.accepts?.(current), false);
    const path = `/api/v2/clients/${own().clientId}`;
    assert.deepEqual(
      sandbox()
        .calls.slice(from)
        .map(({ operation }) => operation),
      [
        'POST /oauth/token',
        `GET ${path}`,
        'POST /oauth/token',
        `PATCH ${path}`,
        'POST /oauth/token',
        'POST /oauth/token',
      ],
    );
    assert.match(fields.get('AUTH0_CLIENT_SECRET')?.reveal() ?? '', /^[\w-]{64}$/);
    assert.deepEqual(warnings(), []);
  });

  it('says truthfully that a new secret is not accepted yet, and that it is after half a minute', async () => {
    sandbox().auth0.settings.secretDelayMs = 30_000;
    const one = issuer();
    await one.prove(current, null);
    const fields = new Map([...current, ...((await one.draft?.(current)) ?? [])]);
    await one.mint(fields);
    assert.deepEqual([await one.accepts?.(fields), await one.accepts?.(current)], [false, true]);
    await assert.rejects(one.test(fields), { code: 'CREDENTIALS_REFUSED' });
    sandbox().clock.advance(30_000);
    assert.deepEqual([await one.accepts?.(fields), await one.accepts?.(current)], [true, false]);
    await one.test(fields);
  });

  it('refuses applications without a client secret, with the reason', async () => {
    own().authentication = 'private_key_jwt';
    await refused(
      issuer().prove(current, null),
      'INPUT_INVALID',
      /“jamf-mcp-server” authenticates with private_key_jwt, and Auth0 accepts no client secret/,
      /key pair/,
    );
    own().authentication = 'none';
    await refused(issuer().prove(current, null), 'INPUT_INVALID', /is public and has no secret/, /client_secret_post/);
  });

  it('needs update:client_keys, and says where to get it', async () => {
    manager().grants = { [MANAGEMENT]: ['read:clients', 'update:clients'] };
    await refused(issuer().prove(current, null), 'ACCESS_DENIED', /lacks the scope update:client_keys/, /grant it/);
    manager().grants = {};
    await refused(issuer().prove(current, null), 'ACCESS_DENIED', /no token for the Management API/, /authorize it/);
    own().grants = { [sandbox().fields.AUTH0_AUDIENCE ?? '']: ['read:jamf'] };
    await refused(
      auth0Issuer(null, context).prove(current, null),
      'ACCESS_DENIED',
      /client-grant/,
      /JAMF_MCP_AUTH0_ROTATOR_CLIENT_ID and _CLIENT_SECRET/,
    );
  });

  it('warns of a rotator that could grant itself everything, and of one that may not look', async () => {
    manager().grants = {
      [MANAGEMENT]: ['read:clients', 'update:client_keys', 'create:client_grants', 'update:client_grants'],
    };
    await issuer().prove(current, null);
    assert.match(warnings().join(), /holds create:client_grants and update:client_grants/);
    manager().grants = { [MANAGEMENT]: ['update:client_keys'] };
    await issuer().prove(current, null);
    assert.match(warnings().at(-1) ?? '', /not looked up/);
  });

  it('goes on with a rotator where the secret in use is refused, and not without', async () => {
    own().clientSecret = 'EXAMPLE-changed-in-the-dashboard';
    await issuer().prove(current, null);
    assert.match(warnings().join(), /cannot be compared/);
    await refused(
      auth0Issuer(null, context).prove(current, null),
      'CREDENTIALS_REFUSED',
      /nothing was changed/,
      /JAMF_MCP_AUTH0_ROTATOR/,
    );
    manager().clientSecret = 'EXAMPLE-changed-in-the-dashboard';
    await refused(
      issuer().prove(current, null),
      'CREDENTIALS_REFUSED',
      /nothing was changed/,
      /JAMF_MCP_AUTH0_ROTATOR/,
    );
  });

  it('finds out that a new secret may do less', async () => {
    const one = issuer();
    await one.prove(current, null);
    const fields = new Map([...current, ...((await one.draft?.(current)) ?? [])]);
    await one.mint(fields);
    own().grants = { [sandbox().fields.AUTH0_AUDIENCE ?? '']: ['read:jamf'] };
    await refused(one.test(fields), 'CONFLICT', /lacks write:jamf/, /put them right/);
  });

  it('tells a right secret from a wrong one also where it gets no token', async () => {
    own().grantTypes = ['authorization_code'];
    const one = issuer();
    await one.prove(current, null);
    assert.equal(await one.accepts?.(current), true);
    assert.match(await one.test(current), /gets no token .*unauthorized_client/);
    const wrong = new Map([...current, ['AUTH0_CLIENT_SECRET', new Secret('EXAMPLE-wrong-secret')]]);
    assert.equal(await one.accepts?.(wrong), false);
    // A tenant that says the same of every secret cannot be asked.
    const fault = { kind: 'error', code: 'unauthorized_client', message: 'no', status: 403 } as const;
    sandbox().inject({ operation: 'auth0:POST /oauth/token', nth: 'every', fault });
    await refused(one.test(wrong), 'INPUT_INVALID', /does not tell whether/, /client_credentials/);
  });

  it('goes back in a run of its own, as the rotated application itself, with the newer secret or the kept token', async () => {
    const first = auth0Issuer(null, context);
    const { keep: kept } = await first.prove(current, null);
    const fields = new Map([...current, ...((await first.draft?.(current)) ?? [])]);
    await first.mint(fields);
    const second = auth0Issuer(null, context);
    await assert.rejects(async () => second.revert?.(current, { newer: null, kept: null }), {
      code: 'CREDENTIALS_REFUSED',
    });
    await second.revert?.(current, { newer: fields, kept: null });
    assert.equal(await second.accepts?.(current), true);
    await second.revert?.(fields, { newer: null, kept: null });
    const third = auth0Issuer(null, context);
    await third.revert?.(current, { newer: null, kept });
    assert.deepEqual([await third.accepts?.(current), await third.accepts?.(fields)], [true, false]);
  });

  it('logs in again where the token has ended meanwhile, and asks Auth0 for a secret once at a time', async () => {
    const one = auth0Issuer(rotatorOf(sandbox()), context, { mode: 'rotate-secret' });
    await one.prove(current, null);
    sandbox().clock.advance(86_400_000);
    await one.mint(current);
    const from = sandbox().calls.length;
    sandbox().inject({ operation: 'auth0:POST /api/v2/clients/*', fault: { kind: 'reset', when: 'after' } });
    await assert.rejects(one.mint(current), { code: 'UNREACHABLE' });
    assert.equal(sandbox().calls.length, from + 1);
  });

  it('keeps a token only where no rotator can be asked', async () => {
    const tokenOf = async (one: Issuer) =>
      (JSON.parse((await one.prove(current, null)).keep.get('session')?.reveal() ?? '{}') as { token: unknown }).token;
    assert.equal(await tokenOf(issuer()), null);
    assert.notEqual(await tokenOf(auth0Issuer(null, context)), null);
  });

  it('does not have a secret sent that it does not need', async () => {
    const relay = await startRelay(null);
    try {
      relay.decide = (call) => ({
        status: 200,
        body: JSON.stringify(
          call.startsWith('POST')
            ? { access_token: 'EXAMPLE-management-token', expires_in: 60, scope: 'read:client_keys update:client_keys' }
            : { name: 'x', token_endpoint_auth_method: 'client_secret_post' },
        ),
      });
      const domain = new Secret(new URL(relay.url).host, { public: true });
      await issuer().prove(new Map([...current, ['AUTH0_DOMAIN', domain]]), null);
      assert.match(relay.calls[1] ?? '', /^GET \/api\/v2\/clients\/\w+\?fields=name,[\w,]*&include_fields=true$/);
      assert.doesNotMatch(relay.calls[1] ?? '', /client_secret/);
    } finally {
      await relay.close();
    }
  });

  it('says what is wrong with the domain', async () => {
    const at = (domain: string): Fields =>
      new Map([...current, ['AUTH0_DOMAIN', new Secret(domain, { public: true })]]);
    for (const domain of [
      'https://example.eu.auth0.com',
      'user@example.eu.auth0.com',
      'example.com/x',
      'example.com:99',
    ])
      await refused(issuer().prove(at(domain), null), 'INPUT_INVALID', /is no host name/, /example\.eu\.auth0\.com/);
    await refused(
      issuer().prove(at(new URL(sandbox().jamfUrl).host), null),
      'INPUT_INVALID',
      /no Auth0 tenant/,
      /AUTH0_DOMAIN/,
    );
    await refused(
      issuer().prove(new Map(), null),
      'SECRET_MALFORMED',
      /no field AUTH0_DOMAIN/,
      /secrets init --update/,
    );
  });

  it('waits as long as Auth0 asks', async () => {
    const one = issuer();
    await one.prove(current, null);
    sandbox().inject({ operation: 'auth0:PATCH /api/v2/clients/*', fault: { kind: 'throttle' } });
    await one.mint(current);
    assert.deepEqual(context.slept, [1_000]);
  });
});
