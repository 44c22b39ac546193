import assert from 'node:assert/strict';
import { Chalk } from 'chalk';
import type { JamfMcpError } from '../../../src/lib/errors.ts';
import { Secret } from '../../../src/lib/redact.ts';
import {
  drawSetUpAlternate,
  setUpAlternate,
  type SetUpAlternateInput,
} from '../../../src/lib/rotation/issuers/jamf-alternate.ts';
import { jamfIssuer } from '../../../src/lib/rotation/issuers/jamf.ts';
import { fieldsFrom, schemaOf } from '../../../src/lib/secrets/schema.ts';
import { rotatorOf, withPartner } from '../../support/jamf-clients.ts';
import { startRelay, type Relay, type Verdict } from '../../support/relay.ts';
import { contextIn, type SandboxContext } from '../../support/sandbox-context.ts';
import { withSandbox } from '../../support/sandbox.ts';

const NAME = 'jamf-mcp-server (alternate)';

describe('setting up a second Jamf client', () => {
  const sandbox = withSandbox();
  let context: SandboxContext;

  const input = (changes: Partial<SetUpAlternateInput> = {}): SetUpAlternateInput => ({
    fields: fieldsFrom(schemaOf('jamf'), sandbox().fields),
    rotator: null,
    dryRun: false,
    ...changes,
  });
  const set = (changes: Partial<SetUpAlternateInput> = {}, ...answers: boolean[]) => {
    context = contextIn(sandbox());
    context.answer(...answers);
    return setUpAlternate(input(changes), context);
  };
  const found = () => sandbox().jamf.integrations.find(({ displayName }) => displayName === NAME);
  const changes = (from = 0) =>
    sandbox()
      .calls.slice(from)
      .map(({ operation }) => operation)
      .filter((operation) => !/^GET |oauth/.test(operation));
  const withoutPrivilege = (privilege: string) => {
    for (const role of sandbox().jamf.roles) role.privileges = role.privileges.filter((name) => name !== privilege);
  };
  const refused = async (work: Promise<unknown>, code: string, message: RegExp, hint = /^/) => {
    await assert.rejects(work, (error: JamfMcpError) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
      return true;
    });
  };

  it('creates one with the roles and the token lifetime of the first, once', async () => {
    const made = await set({}, true);
    const client = found();
    assert.ok(client);
    assert.deepEqual(made, {
      server: sandbox().jamfUrl,
      live: { id: 1, name: 'jamf-mcp-server' },
      alternate: {
        id: client.id,
        name: NAME,
        clientId: client.clientId,
        roles: ['Jamf MCP Server'],
        tokenLifetimeMs: 600_000,
      },
      action: 'create',
      differences: [],
      changed: true,
      dryRun: false,
    });
    assert.deepEqual(
      [client.enabled, client.authorizationScopes, client.accessTokenLifetimeSeconds, client.credential],
      [true, ['Jamf MCP Server'], 600, null],
    );
    assert.match(
      context.questions[0]?.text ?? '',
      /^create the API client “jamf-mcp-server \(alternate\)” on http.*, with the roles Jamf MCP Server\?$/,
    );
    const from = sandbox().calls.length;
    const again = await set();
    assert.deepEqual(again, { ...made, action: 'none', changed: false });
    assert.deepEqual(context.questions, []);
    assert.deepEqual(changes(from), []);
  });

  it('makes one that rotations then use', async () => {
    await set({}, true);
    const { fields } = input();
    const issuer = jamfIssuer(null, context, { strategy: 'alternate' });
    await issuer.prove(fields, null);
    const next = new Map([...fields, ...(await issuer.mint(fields))]);
    await issuer.test(next);
    // Seen from the second one, the first is the other.
    const back = await set({ fields: next });
    assert.deepEqual([back.action, back.live.name, back.alternate.name], ['none', NAME, 'jamf-mcp-server']);
  });

  it('puts right what differs, after asking, and says what', async () => {
    withPartner(sandbox(), {
      enabled: false,
      authorizationScopes: ['Inventory Reader'],
      accessTokenLifetimeSeconds: 60,
    });
    const planned = await set({ dryRun: true });
    assert.deepEqual(planned.differences, [
      { what: 'roles', is: 'Inventory Reader', shouldBe: 'Jamf MCP Server' },
      { what: 'token lifetime', is: '60 s', shouldBe: '600 s' },
      { what: 'enabled', is: 'no', shouldBe: 'yes' },
    ]);
    assert.deepEqual([planned.action, planned.changed, changes()], ['repair', false, []]);
    await refused(set({}, false), 'DECLINED', /nothing was changed/);
    assert.equal(found()?.enabled, false);
    const done = await set({}, true);
    assert.deepEqual([done.action, done.changed], ['repair', true]);
    assert.match(
      context.questions[0]?.text ?? '',
      /roles from Inventory Reader to Jamf MCP Server; token lifetime from 60 s/,
    );
    const { enabled, authorizationScopes, accessTokenLifetimeSeconds } = found() ?? {};
    assert.deepEqual([enabled, authorizationScopes, accessTokenLifetimeSeconds], [true, ['Jamf MCP Server'], 600]);
    assert.equal((await set()).action, 'none');
  });

  it('changes nothing on a dry run, and needs a person', async () => {
    const planned = await set({ dryRun: true });
    assert.deepEqual([planned.action, planned.changed, planned.alternate.id], ['create', false, null]);
    await refused(set(), 'CONFIRMATION_REQUIRED', /create the API client/);
    await refused(set({}, false), 'DECLINED', /nothing was changed/);
    assert.deepEqual([changes(), found()], [[], undefined]);
  });

  it('finds what a run made whose answer was lost', async () => {
    sandbox().inject({ operation: 'jamf:POST /api/v1/api-integrations', fault: { kind: 'reset', when: 'after' } });
    await refused(set({}, true), 'UNREACHABLE', /POST \/api\/v1\/api-integrations/);
    assert.equal((await set()).action, 'none');
    assert.equal(sandbox().jamf.integrations.filter(({ displayName }) => displayName === NAME).length, 1);
  });

  it('names the privilege that is missing, before it asks', async () => {
    withoutPrivilege('Create API Integrations');
    for (const dryRun of [true, false])
      await refused(set({ dryRun }), 'ACCESS_DENIED', /“Create API Integrations”/, /JAMF_MCP_ROTATOR_CLIENT_ID/);
    withPartner(sandbox(), { enabled: false });
    withoutPrivilege('Update API Integrations');
    await refused(set(), 'ACCESS_DENIED', /“Update API Integrations”/);
    withoutPrivilege('Read API Integrations');
    await refused(set(), 'ACCESS_DENIED', /“Read API Integrations”/);
    assert.deepEqual(changes(), []);
  });

  it('works as a rotator, where the secret in use is refused', async () => {
    const rotator = rotatorOf(sandbox());
    const fields = new Map([...input().fields, ['JAMF_CLIENT_SECRET', new Secret('EXAMPLE-dead-client-secret')]]);
    await refused(set({ fields }, true), 'CREDENTIALS_REFUSED', /refuses the API client/);
    assert.equal((await set({ fields, rotator }, true)).action, 'create');
  });

  it('leaves the lifetime to the server where no admin set one', async () => {
    const [first] = sandbox().jamf.integrations;
    assert.ok(first);
    sandbox().jamf.settings.hideLifetimes = true;
    const { alternate } = await set({}, true);
    assert.equal(alternate.tokenLifetimeMs, null);
    assert.equal(found()?.accessTokenLifetimeSeconds, 60, 'what the sandbox takes where nothing is said');
  });

  describe('through a server that answers otherwise', () => {
    let relay: Relay;
    let verdict: (call: string) => Verdict;
    beforeEach(async () => {
      verdict = () => undefined;
      relay = await startRelay(sandbox().jamfUrl);
      relay.decide = (call) => verdict(call);
    });
    afterEach(() => relay.close());
    const through = (...answers: boolean[]) =>
      set({ fields: fieldsFrom(schemaOf('jamf'), { ...sandbox().fields, JAMF_URL: relay.url }) }, ...answers);

    it('says so where the roles are not those that were asked for', async () => {
      const body = {
        id: 9,
        displayName: NAME,
        authorizationScopes: [],
        enabled: true,
        accessTokenLifetimeSeconds: 600,
      };
      verdict = (call) => (call.startsWith('POST /api/v1') ? { status: 201, body: JSON.stringify(body) } : undefined);
      await refused(
        through(true),
        'REMOTE_FAILED',
        /otherwise than asked: roles is none, not Jamf MCP Server/,
        /Settings/,
      );
    });

    for (const answer of [
      { id: '9', href: 'x' },
      { id: 9, displayName: NAME },
    ]) {
      it(`does not take an answer without the client for success: ${Object.keys(answer).join()}`, async () => {
        const body = JSON.stringify(answer);
        verdict = (call) => (call.startsWith('POST /api/v1') ? { status: 201, body } : undefined);
        await refused(through(true), 'REMOTE_FAILED', /answered without the API client/, /repeat the command/);
      });
    }

    it('leaves a client for a native app alone', async () => {
      withPartner(sandbox());
      const results = sandbox().jamf.integrations.map((row) => ({
        ...row,
        credential: undefined,
        appType: row.id === 7 ? 'NATIVE_APP_OAUTH' : 'CLIENT_CREDENTIALS',
      }));
      const body = JSON.stringify({ totalCount: results.length, results });
      verdict = (call) => (call.startsWith('GET /api/v1/api-integrations') ? { status: 200, body } : undefined);
      await refused(through(), 'INPUT_INVALID', /\(id 7\) is for a native app/, /rotation\.alternate/);
      const fields = fieldsFrom(schemaOf('jamf'), { ...sandbox().fields, JAMF_URL: relay.url });
      const issuer = jamfIssuer(null, context, { strategy: 'alternate' });
      await refused(issuer.prove(fields, null), 'INPUT_INVALID', /\(id 7\) is for a native app/, /--setup-alternate/);
    });
  });

  it('is drawn with what is next', async () => {
    const canvas = { ink: new Chalk({ level: 0 }), width: 100 };
    withPartner(sandbox(), { authorizationScopes: ['Inventory Reader'] });
    assert.equal(
      drawSetUpAlternate(await set({ dryRun: true }), canvas).replaceAll(sandbox().jamfUrl, 'URL'),
      [
        'would put right the API client “jamf-mcp-server (alternate)” on URL',
        '  takes turns with  “jamf-mcp-server” (id 1), which is in use',
        '  id                7, client id 77777777-7777-4777-8777-777777777777',
        '  roles             Jamf MCP Server',
        '  tokens live for   600 s',
        '',
        'DIFFERENCE  IS                SHOULD BE',
        'roles       Inventory Reader  Jamf MCP Server',
      ].join('\n'),
    );
    const done = drawSetUpAlternate(await set({}, true), canvas);
    assert.match(done, /^put right the API client/);
    assert.match(done, /next: `jamf-mcp rotate` gives it a secret/);
    assert.match(drawSetUpAlternate(await set(), canvas), /^nothing to do for the API client/);
  });
});
