import assert from 'node:assert/strict';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { VARIABLES, type Choice } from '../../src/lib/rotation/lambda.ts';
import { CLAIM_FIELD } from '../../src/lib/secrets/claim.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';
import { AWSCURRENT, AWSPENDING, AWSPREVIOUS, versionWith, type SecretStore } from '../../src/lib/secrets/store.ts';
import { rotatorOf, withPartner } from '../support/jamf-clients.ts';
import { SECRET, SEEDED_VERSION, seedSecret, storeOf } from '../support/rotation.ts';
import {
  announce,
  AUTH0_CHOICE,
  CHOICE,
  ROTATION_TOKEN,
  rotator,
  STEPS,
  storedSecret,
} from '../support/rotation-function.ts';
import { contextIn, type SandboxContext } from '../support/sandbox-context.ts';
import { withSandbox } from '../support/sandbox.ts';

const TOKEN = '11111111-1111-4111-8111-111111111111';

describe('the rotation function', function () {
  this.timeout(20_000);
  const sandbox = withSandbox();
  let context: SandboxContext;
  let store: SecretStore;

  beforeEach(async () => {
    context = contextIn(sandbox());
    store = storeOf(context);
    await seedSecret(sandbox(), context);
  });

  const begin = (choice: Choice = CHOICE, env: Record<string, string> = {}) => {
    announce(sandbox(), TOKEN);
    return rotator(sandbox(), context, env, choice);
  };
  const mints = () => sandbox().calls.filter(({ operation }) => operation.endsWith('client-credentials')).length;
  const labels = async () => {
    const info = await store.describe(SECRET);
    return [AWSCURRENT, AWSPENDING, AWSPREVIOUS].map((label) => versionWith(info, label));
  };
  const valueOf = async (field: string, stage = AWSCURRENT) =>
    (await store.read(SECRET, { stage })).fields.get(field)?.reveal();
  const liveSecret = () => sandbox().jamf.integrations[0]?.credential?.secret;
  /** Somebody makes another secret in Jamf meanwhile. */
  const replaceSecret = () => {
    const [integration] = sandbox().jamf.integrations;
    assert.ok(integration?.credential);
    integration.credential = { ...integration.credential, secret: 'somebody-elses-secret-EXAMPLE' };
  };
  const refused = (work: Promise<unknown>, code: string, message: RegExp) =>
    assert.rejects(work, (error: Error) => {
      assert.equal(error.name, code, error.message);
      assert.match(error.message, message);
      assert.equal(error.cause, undefined, 'Lambda logs what it finds in an error');
      return true;
    });

  it('makes, stores, tests and promotes a new value, in four steps', async () => {
    const { step } = begin();
    assert.match((await step('createSecret', TOKEN)).done, /^Jamf made a new value, stored as AWSPENDING/);
    assert.deepEqual(await labels(), [SEEDED_VERSION, TOKEN, null], 'nothing is promoted before its time');
    await step('setSecret', TOKEN);
    assert.match((await step('testSecret', TOKEN)).done, /^accepted, with the same roles as before/);
    assert.equal((await step('finishSecret', TOKEN)).done, `AWSCURRENT is version ${TOKEN}`);
    assert.deepEqual(await labels(), [TOKEN, TOKEN, SEEDED_VERSION]);
    const { fields } = await store.read(SECRET, { stage: AWSCURRENT });
    assert.deepEqual([...fields.keys()], Object.keys(sandbox().fields), 'every other field, and nothing of the claim');
    assert.equal(fields.get('JAMF_CLIENT_SECRET')?.reveal(), liveSecret());
    assert.equal(fields.get('AUTH0_CLIENT_SECRET')?.reveal(), sandbox().fields.AUTH0_CLIENT_SECRET);
    assert.equal(mints(), 1);
  });

  it('is run by RotateSecret, which takes AWSPENDING off in the end', async () => {
    const { arn } = storedSecret(sandbox());
    const { call } = rotator(sandbox(), context);
    sandbox().secrets.functions.set('arn:rotate', async (event) => {
      assert.equal(event.SecretId, arn);
      await call(event);
    });
    const { SecretsManagerClient, RotateSecretCommand } = await import('@aws-sdk/client-secrets-manager');
    const client = new SecretsManagerClient({});
    const { VersionId } = await client.send(
      new RotateSecretCommand({
        SecretId: SECRET,
        RotationLambdaARN: 'arn:rotate',
        RotationRules: { AutomaticallyAfterDays: 90 },
      }),
    );
    while (storedSecret(sandbox()).rotation.rotatedAt === null) {
      sandbox().clock.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(await labels(), [VersionId, null, SEEDED_VERSION]);
    assert.equal(await valueOf('JAMF_CLIENT_SECRET'), liveSecret());
  });

  it('does each step once, however often it is called, also after the end', async () => {
    const { step } = begin();
    for (const name of STEPS) {
      await step(name, TOKEN);
      // Long after the invocation that had the rotation to itself.
      sandbox().clock.advance(60_000);
      await step(name, TOKEN);
    }
    const before = sandbox().calls.length;
    for (const name of STEPS) assert.equal((await step(name, TOKEN)).done, `version ${TOKEN} is AWSCURRENT already`);
    const after = sandbox().calls.slice(before);
    assert.ok(
      after.every(({ operation }) => operation === 'DescribeSecret'),
      'a look at the labels and no more',
    );
    assert.equal(mints(), 1);
    assert.equal(await valueOf('JAMF_CLIENT_SECRET'), liveSecret());
  });

  it('refuses steps that come too early, and goes on when they come in order', async () => {
    const { step } = begin();
    for (const early of ['setSecret', 'finishSecret']) {
      await refused(step(early, TOKEN), 'VERSION_NOT_FOUND', /createSecret has to come first/);
    }
    assert.match((await step('testSecret', TOKEN)).done, /^nothing is staged; a rotation can begin: API client/);
    assert.deepEqual(await labels(), [SEEDED_VERSION, TOKEN, null]);
    assert.equal(mints(), 0);
    await step('createSecret', TOKEN);
    // Without testSecret: what is refused by Jamf is not promoted all the same.
    const integration = sandbox().jamf.integrations[0];
    assert.ok(integration);
    const { credential } = integration;
    replaceSecret();
    await refused(step('finishSecret', TOKEN), 'CREDENTIALS_REFUSED', /refuses the staged value: it is not promoted/);
    integration.credential = credential;
    await step('finishSecret', TOKEN);
    assert.equal(await valueOf('JAMF_CLIENT_SECRET'), liveSecret());
  });

  it('makes one value where createSecret is called four times at once', async () => {
    const { step } = begin();
    const answers = await Promise.all([1, 2, 3, 4].map(() => step('createSecret', TOKEN)));
    assert.equal(mints(), 1);
    assert.equal(answers.filter(({ done }) => done.startsWith('Jamf made a new value')).length, 1);
    await Promise.all([1, 2].map(() => step('testSecret', TOKEN)));
    await Promise.all([1, 2, 3].map(() => step('finishSecret', TOKEN)));
    assert.deepEqual(await labels(), [TOKEN, TOKEN, SEEDED_VERSION]);
    assert.equal(await valueOf('JAMF_CLIENT_SECRET'), liveSecret());
  });

  describe('checks what the template of AWS checks:', () => {
    it('rotation has to be enabled', async () => {
      const { step } = begin();
      storedSecret(sandbox()).rotation.enabled = false;
      await refused(step('createSecret', TOKEN), 'CONFLICT', /has no rotation enabled/);
    });
    it('the version has to carry a label', async () => {
      const { step } = begin();
      const other = TOKEN.replaceAll('1', '2');
      await refused(step('createSecret', other), 'VERSION_NOT_FOUND', /no label on version 2222/);
    });
    it('the label has to be AWSPENDING', async () => {
      const { step } = begin();
      storedSecret(sandbox()).versions.get(TOKEN)?.stages.add('KEPT');
      storedSecret(sandbox()).versions.get(TOKEN)?.stages.delete(AWSPENDING);
      await refused(step('createSecret', TOKEN), 'CONFLICT', /is not AWSPENDING: this rotation is over/);
    });
    it('the step has to be one, and the secret its own', async () => {
      const { step, call } = begin();
      await refused(step('dropSecret', TOKEN), 'INPUT_INVALID', /no step dropSecret/);
      await refused(step('toString', TOKEN), 'INPUT_INVALID', /^there is no step (toString|\*\*\*) in a rotation$/);
      const event = { Step: 'createSecret', SecretId: 'arn:other', ClientRequestToken: TOKEN };
      await refused(call(event), 'INPUT_INVALID', /is set up for arn:aws:secretsmanager.*, not for arn:other/);
      await refused(call({ hello: 'world' }), 'INPUT_INVALID', /neither a step of a rotation nor an updated label/);
      assert.equal(mints(), 0);
    });
  });

  it('waits for a version that cannot be read yet', async () => {
    const { step } = begin();
    await step('createSecret', TOKEN);
    const lag = {
      code: 'ResourceNotFoundException',
      message: "Secrets Manager can't find the specified secret value.",
    };
    sandbox().inject({ operation: 'secretsmanager:GetSecretValue', nth: 1, fault: { kind: 'error', ...lag } });
    await step('setSecret', TOKEN);
    sandbox().inject({ operation: 'secretsmanager:GetSecretValue', nth: 4, fault: { kind: 'error', ...lag } });
    assert.match((await step('testSecret', TOKEN)).done, /^accepted/);
  });

  it('hands the rotation token to every write, and to no log', async () => {
    const { step, lines } = begin();
    for (const name of STEPS) await step(name, TOKEN);
    assert.ok(lines.length >= STEPS.length);
    const told = lines.join('\n');
    const secrets = [
      ROTATION_TOKEN,
      sandbox().fields.JAMF_CLIENT_SECRET,
      liveSecret(),
      sandbox().fields.AUTH0_CLIENT_SECRET,
    ];
    for (const secret of secrets) assert.ok(secret && !told.includes(secret));
    for (const line of lines) {
      const { time, request, step: name, version } = JSON.parse(line) as Record<string, string>;
      assert.match(String(time), /^2026-11-22T/);
      assert.match(String(request), /^request-\d+$/);
      assert.ok((STEPS as readonly string[]).includes(String(name)));
      assert.equal(version, TOKEN);
    }
  });

  it('tells errors without values, stack traces or causes', async () => {
    const { step, lines } = begin();
    const leak = `no: ${String(sandbox().fields.JAMF_CLIENT_SECRET)}`;
    const fault = { kind: 'error' as const, code: 'InternalServiceError', message: leak, status: 400 };
    sandbox().inject({ operation: 'secretsmanager:DescribeSecret', nth: 'every', fault });
    await refused(step('createSecret', TOKEN), 'REMOTE_FAILED', /no: \*\*\*$/);
    assert.match(lines.at(-1) ?? '', /"level":"error","code":"REMOTE_FAILED"/);
    assert.ok(!lines.join('').includes(String(sandbox().fields.JAMF_CLIENT_SECRET)));
  });

  describe('a stuck AWSPENDING:', () => {
    it('on a version without a value is filled by the next attempt', async () => {
      const { step } = begin();
      sandbox().inject({
        operation: 'jamf:POST /api/oauth/token',
        nth: 1,
        fault: { kind: 'error', code: 'X', message: 'down', status: 500 },
      });
      await assert.rejects(step('createSecret', TOKEN));
      assert.deepEqual(await labels(), [SEEDED_VERSION, TOKEN, null]);
      for (const name of STEPS) await step(name, TOKEN);
      assert.equal(await valueOf('JAMF_CLIENT_SECRET'), liveSecret());
    });

    it('on a value that Jamf refuses is taken off, so that the next rotation can begin', async () => {
      const { fields } = withRotator();
      const { step } = begin(CHOICE, { [VARIABLES.rotator]: await rotatorSecret(fields) });
      await step('createSecret', TOKEN);
      replaceSecret();
      await refused(step('testSecret', TOKEN), 'CREDENTIALS_REFUSED', /AWSPENDING was taken off version 1111/);
      assert.deepEqual(await labels(), [SEEDED_VERSION, null, null]);
      await refused(step('finishSecret', TOKEN), 'CONFLICT', /this rotation is over/);
      const next = TOKEN.replaceAll('1', '3');
      announce(sandbox(), next);
      for (const name of STEPS) await step(name, next);
      assert.equal(await valueOf('JAMF_CLIENT_SECRET'), liveSecret());
    });
  });

  it('does not promote over a change that came in between', async () => {
    const { step } = begin();
    await step('createSecret', TOKEN);
    const { fields } = await store.read(SECRET, { stage: AWSCURRENT });
    const changed = new Map([...fields, ...fieldsFrom(schemaOf('jamf'), { REQUIRED_SCOPES: 'read:jamf' })]);
    await store.put(SECRET, changed, { token: TOKEN.replaceAll('1', '4'), stages: [AWSCURRENT] });
    await refused(step('finishSecret', TOKEN), 'CONFLICT', /was changed since the new value was made/);
    assert.equal(await valueOf('REQUIRED_SCOPES'), 'read:jamf');
  });

  it('rotates by turns where Jamf has two clients, and leaves the old value valid', async () => {
    withPartner(sandbox());
    const { step } = begin();
    for (const name of STEPS) await step(name, TOKEN);
    const [live, partner] = [1, 7].map((id) => sandbox().jamf.integrations.find((one) => one.id === id));
    assert.equal(await valueOf('JAMF_CLIENT_ID'), partner?.clientId);
    assert.equal(await valueOf('JAMF_CLIENT_SECRET'), partner?.credential?.secret);
    assert.equal(live?.credential?.secret, sandbox().fields.JAMF_CLIENT_SECRET);
  });

  it('stores a value of Auth0 before Auth0 is told of it', async () => {
    const { step } = begin(AUTH0_CHOICE);
    await step('createSecret', TOKEN);
    const known = () => {
      const { clients, client } = sandbox().auth0;
      return clients.find(({ clientId }) => clientId === client.clientId)?.clientSecret;
    };
    assert.equal(known(), sandbox().fields.AUTH0_CLIENT_SECRET, 'Auth0 knows nothing yet');
    for (const name of STEPS.slice(1)) await step(name, TOKEN);
    assert.notEqual(await valueOf('AUTH0_CLIENT_SECRET'), sandbox().fields.AUTH0_CLIENT_SECRET);
    assert.equal(await valueOf('AUTH0_CLIENT_SECRET'), known());
  });

  it('says what its environment lacks', async () => {
    announce(sandbox(), TOKEN);
    const lacking: [Record<string, string>, RegExp][] = [
      [{ [VARIABLES.secret]: '' }, /the function has no JAMF_MCP_SECRET_ARN/],
      [{ [VARIABLES.choice]: '{' }, /JAMF_MCP_ROTATION_CHOICE that can be read/],
      [{ [VARIABLES.cluster]: 'a' }, /needs both or none/],
    ];
    for (const [env, message] of lacking) {
      await refused(rotator(sandbox(), context, env).step('createSecret', TOKEN), 'CONFIG_INVALID', message);
    }
  });

  const withRotator = () => ({ fields: rotatorOf(sandbox()) });

  /** Store the client that mints as a secret of its own. @returns its ARN */
  async function rotatorSecret({ clientId, clientSecret }: ReturnType<typeof rotatorOf>): Promise<string> {
    const raw = { JAMF_MCP_ROTATOR_CLIENT_ID: clientId, JAMF_MCP_ROTATOR_CLIENT_SECRET: clientSecret.reveal() };
    const fields = fieldsFrom(schemaOf('jamf'), raw);
    const created = { name: 'jamf-mcp-server/rotator', description: '', tags: {}, fields };
    return (await store.create({ ...created, token: TOKEN.replaceAll('1', '5') })).arn;
  }

  it('keeps its claim out of every value, and in a version of its own', async () => {
    const { step } = begin();
    await step('createSecret', TOKEN);
    const versions = await store.versions(SECRET);
    const claims = [];
    for (const { versionId } of versions) {
      const { fields } = await store.read(SECRET, { versionId }).catch((error: unknown) => {
        assert.ok(error instanceof JamfMcpError);
        return { fields: new Map<string, never>() };
      });
      if (fields.has(CLAIM_FIELD)) claims.push(versionId);
    }
    assert.equal(claims.length, 1);
    assert.ok(!claims.includes(TOKEN));
  });
});
