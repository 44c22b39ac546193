import assert from 'node:assert/strict';
import type { JamfMcpError } from '../../../src/lib/errors.ts';
import { Secret } from '../../../src/lib/redact.ts';
import type { Issuer } from '../../../src/lib/rotation/issuer.ts';
import { jamfIssuer, type JamfOptions, type Rotator } from '../../../src/lib/rotation/issuers/jamf.ts';
import { fieldsFrom, schemaOf } from '../../../src/lib/secrets/schema.ts';
import type { Fields } from '../../../src/lib/secrets/store.ts';
import { rotatorOf, withPartner } from '../../support/jamf-clients.ts';
import { contextIn, type SandboxContext } from '../../support/sandbox-context.ts';
import { withSandbox } from '../../support/sandbox.ts';

describe('the issuer jamf: strategies, roles, and what is kept', () => {
  const sandbox = withSandbox();
  let context: SandboxContext;
  let current: Fields;

  beforeEach(() => {
    context = contextIn(sandbox());
    current = fieldsFrom(schemaOf('jamf'), sandbox().fields);
  });

  const make = (options: JamfOptions = {}, rotator: Rotator | null = null) => jamfIssuer(rotator, context, options);
  const live = () => {
    const [first] = sandbox().jamf.integrations;
    assert.ok(first);
    return first;
  };
  const partner = () => {
    const found = sandbox().jamf.integrations.find(({ id }) => id === 7);
    assert.ok(found);
    return found;
  };
  const warnings = () => context.events.flatMap((event) => (event.kind === 'warning' ? [event.text] : []));
  const calls = (from: number) =>
    sandbox()
      .calls.slice(from)
      .map(({ operation }) => operation.replace(/^(\w+) \/api\//, '$1 '));
  const renew = async (issuer: Issuer, fields: Fields) => {
    await issuer.prove(fields, null);
    return new Map([...fields, ...(await issuer.mint(fields))]);
  };
  const refused = async (work: Promise<unknown>, code: string, message: RegExp, hint: RegExp) => {
    await assert.rejects(work, (error: JamfMcpError) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
      return true;
    });
  };

  it('takes five calls with either strategy', async () => {
    const inAll = async (mintId: number) => {
      const from = sandbox().calls.length;
      const issuer = make();
      const fields = await renew(issuer, current);
      assert.equal(await issuer.test(fields), 'accepted, with the same roles as before');
      await issuer.accepts?.(current);
      assert.deepEqual(calls(from), [
        'POST oauth/token',
        'GET v1/api-integrations',
        `POST v1/api-integrations/${String(mintId)}/client-credentials`,
        'POST oauth/token',
        'POST oauth/token',
      ]);
      return fields;
    };
    current = await inAll(1);
    withPartner(sandbox());
    await inAll(7);
  });

  it('lets two clients take turns, again and again', async () => {
    withPartner(sandbox());
    const ids: string[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      const issuer = make();
      const fields = await renew(issuer, current);
      await issuer.test(fields);
      assert.deepEqual(issuer.replaces, ['JAMF_CLIENT_ID', 'JAMF_CLIENT_SECRET']);
      assert.equal(await issuer.accepts?.(current), true, 'the one before stays valid');
      ids.push(fields.get('JAMF_CLIENT_ID')?.reveal() ?? '');
      current = fields;
    }
    const [first, second] = [partner().clientId, live().clientId];
    assert.deepEqual(ids, [first, second, first, second]);
    assert.deepEqual(warnings(), []);
  });

  it('can be told to leave the second client alone, and is not told of it where there is none', async () => {
    assert.equal((await make().prove(current, null)).strategy, 'single');
    assert.deepEqual(warnings(), []);
    withPartner(sandbox());
    const { strategy, text } = await make({ strategy: 'single' }).prove(current, null);
    assert.equal(strategy, 'single');
    assert.match(text, /“jamf-mcp-server” \(id 1\) is enabled, .* up to 600 s/);
    assert.match((await make().prove(current, null)).text, /\(alternate\)” \(id 7\) takes its turn/);
  });

  const unfit: [string, () => void, RegExp, string][] = [
    [
      'is disabled',
      () => {
        withPartner(sandbox(), { enabled: false });
      },
      /\(id 7\) is disabled/,
      'INPUT_INVALID',
    ],
    [
      'has other roles',
      () => {
        withPartner(sandbox(), { authorizationScopes: ['Inventory Reader'] });
      },
      /has other roles \(Inventory Reader\) than “jamf-mcp-server” \(Jamf MCP Server\)/,
      'INPUT_INVALID',
    ],
    ['is not there', () => undefined, /has no API client “jamf-mcp-server \(alternate\)”/, 'NOT_FOUND'],
  ];
  for (const [what, arrange, text, code] of unfit) {
    it(`does not use a second client that ${what}`, async () => {
      arrange();
      assert.equal((await make().prove(current, null)).strategy, 'single');
      assert.equal(warnings().length, code === 'NOT_FOUND' ? 0 : 1);
      for (const warning of warnings()) assert.match(warning, text);
      await refused(make({ strategy: 'alternate' }).prove(current, null), code, text, /rotate --setup-alternate/);
    });
  }

  it('uses one whose tokens live otherwise, and says so; the order of roles does not matter', async () => {
    live().authorizationScopes = ['Jamf MCP Server', 'Inventory Reader'];
    withPartner(sandbox(), {
      accessTokenLifetimeSeconds: 60,
      authorizationScopes: ['Inventory Reader', 'Jamf MCP Server'],
    });
    assert.equal((await make().prove(current, null)).strategy, 'alternate');
    assert.deepEqual(warnings(), ['the token lifetime of “jamf-mcp-server (alternate)” is 60 s, not 600 s']);
  });

  it('goes by the names that jamf-mcp.yaml gives', async () => {
    withPartner(sandbox(), { displayName: 'blue' });
    const names = ['blue', 'jamf-mcp-server'] as const;
    const issuer = make({ names });
    const fields = await renew(issuer, current);
    assert.equal(fields.get('JAMF_CLIENT_ID')?.reveal(), partner().clientId);
    const back = await renew(make({ names }), fields);
    assert.equal(back.get('JAMF_CLIENT_ID')?.reveal(), live().clientId);
    await refused(
      make({ names: ['blue', 'red'] }).prove(back, null),
      'CONFIG_INVALID',
      /does not name: blue, red/,
      /rotation\.alternate/,
    );
  });

  it('looks up the right to mint where nothing will be minted, and where a rotator would', async () => {
    const from = sandbox().calls.length;
    await make({ dryRun: true }).prove(current, null);
    assert.deepEqual(calls(from), ['POST oauth/token', 'GET v1/auth', 'GET v1/api-integrations']);
    for (const role of sandbox().jamf.roles)
      role.privileges = role.privileges.filter((name) => name !== 'Create API Integrations');
    const lacks = /lacks the privilege “Create API Integrations”/;
    await refused(make({ dryRun: true }).prove(current, null), 'ACCESS_DENIED', lacks, /JAMF_MCP_ROTATOR_CLIENT_ID/);
    await refused(make({}, rotatorOf(sandbox())).prove(current, null), 'ACCESS_DENIED', lacks, /JAMF_MCP_ROTATOR/);
    const issuer = make();
    await issuer.prove(current, null);
    await refused(issuer.mint(current), 'ACCESS_DENIED', lacks, /role/);
  });

  it('compares what two tokens may do only where their roles differ', async () => {
    const issuer = make();
    await issuer.prove(current, null);
    live().authorizationScopes = ['Jamf MCP Server', 'Inventory Reader'];
    const more = new Map([...current, ...(await issuer.mint(current))]);
    const from = sandbox().calls.length;
    assert.equal(await issuer.test(more), 'accepted, with 5 privileges');
    assert.deepEqual(calls(from), ['POST oauth/token', 'GET v1/auth', 'GET v1/auth']);
    live().authorizationScopes = ['Inventory Reader'];
    const less = new Map([...current, ...(await issuer.mint(current))]);
    await refused(issuer.test(less), 'CONFLICT', /lacks Create API Integrations, .*Read API Roles/, /roles/);
  });

  describe('after a crash between minting and storing, with one client', () => {
    /** What is left of a run that was killed right after it had minted. */
    const crash = async (rotator: Rotator | null = null) => {
      const issuer = make({}, rotator);
      const { keep } = await issuer.prove(current, null);
      await issuer.mint(current);
      return keep;
    };

    it('mints with the token that was kept, which goes on being kept', async () => {
      const kept = await crash();
      const issuer = make();
      const proof = await issuer.prove(current, kept);
      const fields = new Map([...current, ...(await issuer.mint(current))]);
      assert.equal(await issuer.test(fields), 'accepted, with the same roles as before');
      const third = make();
      await third.prove(current, proof.keep);
      await third.mint(current);
    });

    it('asks the rotator when the token has ended, and tells the repair where there is none', async () => {
      const kept = await crash();
      sandbox().clock.advance(600_000);
      await refused(
        make().prove(current, kept),
        'CREDENTIALS_REFUSED',
        /nothing was changed/,
        /secrets init --update .*; or repeat the command with JAMF_MCP_ROTATOR_CLIENT_ID/,
      );
      const issuer = make({}, rotatorOf(sandbox()));
      await issuer.prove(current, kept);
      const fields = new Map([...current, ...(await issuer.mint(current))]);
      assert.equal(await issuer.test(fields), 'accepted, with the same roles as before', 'by what was kept');
    });

    it('keeps no token that it can do without', async () => {
      const tokenIn = (keep: Fields) =>
        (JSON.parse(keep.get('session')?.reveal() ?? '{}') as { token: unknown }).token !== null;
      assert.equal(tokenIn(await crash()), true);
      current = fieldsFrom(schemaOf('jamf'), {
        ...sandbox().fields,
        JAMF_CLIENT_SECRET: live().credential?.secret ?? '',
      });
      assert.equal(tokenIn(await crash(rotatorOf(sandbox()))), false);
      current = fieldsFrom(schemaOf('jamf'), {
        ...sandbox().fields,
        JAMF_CLIENT_SECRET: live().credential?.secret ?? '',
      });
      withPartner(sandbox());
      assert.equal(tokenIn(await crash()), false);
    });

    it('stays with the strategy that it began with', async () => {
      const kept = await crash();
      withPartner(sandbox());
      assert.equal((await make().prove(current, kept)).strategy, 'single');
    });
  });

  it('says that a value is not accepted yet where the nodes of Jamf Cloud do not know it', async () => {
    sandbox().jamf.settings.nodeLagMs = 20_000;
    const issuer = make();
    const fields = await renew(issuer, current);
    assert.equal(await issuer.accepts?.(fields), false);
    await assert.rejects(issuer.test(fields), { code: 'CREDENTIALS_REFUSED' });
    sandbox().clock.advance(20_000);
    assert.equal(await issuer.accepts?.(fields), true);
    await issuer.test(fields);
  });

  it('refuses what has no secret to mint, and fields that are missing', async () => {
    live().enabled = false;
    await refused(make({}, rotatorOf(sandbox())).prove(current, null), 'INPUT_INVALID', /is disabled/, /enable it/);
    current = new Map([...current].filter(([name]) => name !== 'JAMF_URL'));
    await refused(make().prove(current, null), 'SECRET_MALFORMED', /no field JAMF_URL/, /secrets init --update/);
    await assert.rejects(make().mint(current), { code: 'BUG' });
    const wrong = new Map([
      ...fieldsFrom(schemaOf('jamf'), sandbox().fields),
      ['JAMF_CLIENT_ID', new Secret('nobody')],
    ]);
    await refused(make({}, rotatorOf(sandbox())).prove(wrong, null), 'NOT_FOUND', /client id nobody/, /JAMF_CLIENT_ID/);
  });
});
