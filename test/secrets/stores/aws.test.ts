import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { CreateSecretCommand, ListSecretsCommand } from '@aws-sdk/client-secrets-manager';
import { manualClock } from '../../../src/lib/sandbox/clock.ts';
import { startSandbox } from '../../../src/lib/sandbox/index.ts';
import { LEGACY_CI, READER, type Credentials } from '../../../src/lib/sandbox/principals.ts';
import { schemaOf } from '../../../src/lib/secrets/schema.ts';
import { awsStore } from '../../../src/lib/secrets/stores/aws.ts';
import { AWSCURRENT, AWSPENDING, versionWith, type SecretStore } from '../../../src/lib/secrets/store.ts';
import { awsStoreAt } from '../../support/aws-store.ts';
import { testContext, type TestContext } from '../../support/context.ts';
import { setEnvironment } from '../../support/env.ts';
import { memoryStore } from '../../support/memory-store.ts';
import { secretsClient, withSandbox } from '../../support/sandbox.ts';
import { assertInvariants, fields, plain, rejectsWith, storeContract } from '../contract.ts';

const NAME = 'jamf-mcp-server/production';

const fail = () => assert.fail('the store has no resource policies');

describe('store contract: aws, in the sandbox', () => {
  storeContract(async () => {
    const clock = manualClock();
    const advance = (ms: number) => {
      clock.advance(ms);
    };
    return { ...awsStoreAt(await startSandbox({ clock })), advance };
  });
});

describe('the store on Secrets Manager', () => {
  const sandbox = withSandbox();
  let context: TestContext;
  let store: SecretStore;
  beforeEach(() => {
    context = testContext();
    store = awsStore({ aws: {}, schema: schemaOf('jamf') }, context);
  });

  const create = (name = NAME) =>
    store.create({ name, description: '', tags: {}, fields: fields({ A: 'EXAMPLE-a' }), token: randomUUID() });
  const operations = () => sandbox().calls.map(({ operation }) => operation);
  const requested = (operation: string) =>
    sandbox()
      .trail.records.filter(({ eventName }) => eventName === operation)
      .map(({ requestParameters }) => requestParameters);
  const as = async <T>(credentials: Credentials, work: () => Promise<T>): Promise<T> => {
    const restore = setEnvironment({
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_SESSION_TOKEN: credentials.sessionToken,
    });
    try {
      return await work();
    } finally {
      restore();
    }
  };
  const fresh = () => awsStore({ aws: {}, schema: schemaOf('jamf') }, context);

  it('knows account, Region and principal', async () => {
    const { account, region, principal } = await store.whereabouts();
    assert.deepEqual([account, region], ['000000000000', 'us-east-1']);
    assert.match(principal ?? '', /^arn:aws:sts::000000000000:assumed-role\//);
  });

  it('pages a list to its end', async () => {
    const client = secretsClient(sandbox());
    for (let n = 0; n < 230; n += 1) {
      await client.send(new CreateSecretCommand({ Name: `many/${String(n)}`, SecretString: '{}' }));
    }
    const first = await client.send(
      new ListSecretsCommand({ MaxResults: 100, Filters: [{ Key: 'name', Values: ['many/'] }] }),
    );
    assert.ok(first.NextToken, 'the sandbox pages');
    assert.equal((await store.list('many/')).length, 230);
    assert.equal((await store.list('many/22')).length, 11);
    assert.deepEqual(await store.list('!many/'), []);
  });

  it('names the label or the version in every read', async () => {
    await create();
    await store.read(NAME, { stage: AWSCURRENT });
    await rejectsWith('VERSION_NOT_FOUND', store.read(NAME, { stage: 'AWSPREVIOUS' }));
    assert.deepEqual(requested('GetSecretValue'), [
      { secretId: NAME, versionStage: AWSCURRENT },
      { secretId: NAME, versionStage: 'AWSPREVIOUS' },
    ]);
  });

  it('puts a resource policy that lets nobody else in, and reads it', async () => {
    await create();
    const policy = (Principal: unknown) =>
      JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Principal, Action: 'secretsmanager:GetSecretValue', Resource: '*' }],
      });
    const own = policy({ AWS: 'arn:aws:iam::000000000000:root' });
    assert.equal(await store.policy?.(NAME), null);
    await store.setPolicy?.(NAME, own);
    assert.equal(await store.policy?.(NAME), own);
    assert.match((await rejectsWith('INPUT_INVALID', store.setPolicy?.(NAME, policy('*')) ?? fail)).message, /broad/);
    await rejectsWith('INPUT_INVALID', store.setPolicy?.(NAME, '{}') ?? fail);
    assert.equal(await store.policy?.(NAME), own, 'a refused one changes nothing');
    for (const work of [store.policy?.('gone'), store.setPolicy?.('gone', own)]) {
      await rejectsWith('SECRET_NOT_FOUND', work ?? fail);
    }
    const denied = await as(READER, () => rejectsWith('ACCESS_DENIED', fresh().policy?.(NAME) ?? fail));
    assert.match(denied.message, /secretsmanager:GetResourcePolicy/);
    await store.remove(NAME, 7);
    await rejectsWith('SECRET_DELETED', store.setPolicy?.(NAME, own) ?? fail);
  });

  it('says in which Region a secret is not', async () => {
    await create();
    const elsewhere = awsStore({ aws: { region: 'eu-west-1' }, schema: schemaOf('jamf') }, context);
    assert.match((await rejectsWith('SECRET_NOT_FOUND', elsewhere.describe(NAME))).message, /in eu-west-1$/);
  });

  it('keeps the text of a refusal to its tail', async () => {
    await create();
    const error = await as(READER, () => rejectsWith('ACCESS_DENIED', fresh().read(NAME, { stage: AWSCURRENT })));
    assert.match(
      error.message,
      /role\/reader\/.* is not authorized to perform: secretsmanager:GetSecretValue on resource: .* with an explicit deny in an identity-based policy$/,
    );
    await as(LEGACY_CI, () => rejectsWith('ACCESS_DENIED', fresh().describe(NAME)));
    sandbox().inject({
      operation: 'secretsmanager:GetSecretValue',
      fault: {
        kind: 'error',
        code: 'DecryptionFailure',
        message: "Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
      },
    });
    const undecipherable = await rejectsWith('ACCESS_DENIED', store.read(NAME, { stage: AWSCURRENT }));
    assert.match(undecipherable.message, /using the provided KMS key\.$/);
    assert.match(undecipherable.hint ?? '', /KMS key/);
  });

  it('tells missing and refused credentials apart', async () => {
    const nobody = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, AWS_SESSION_TOKEN: undefined };
    const restore = setEnvironment({
      ...nobody,
      HOME: '/nonexistent',
      AWS_CONFIG_FILE: '/nonexistent',
      AWS_SHARED_CREDENTIALS_FILE: '/nonexistent',
    });
    const missing = await rejectsWith('CREDENTIALS_MISSING', fresh().describe(NAME)).finally(restore);
    assert.match(missing.hint ?? '', /jamf-mcp sandbox.*--store local/);
    const wrong = { accessKeyId: 'AKIAUNKNOWN00EXAMPLE', secretAccessKey: 'EXAMPLE' };
    await as(wrong, () => rejectsWith('CREDENTIALS_REFUSED', fresh().describe(NAME)));
  });

  it('reads values of others: numbers as they were written, binary and other texts refused', async () => {
    const client = secretsClient(sandbox());
    await client.send(
      new CreateSecretCommand({ Name: 'numbers', SecretString: '{"ID":12345678901234567890,"ON":true}' }),
    );
    assert.deepEqual(plain((await store.read('numbers', { stage: AWSCURRENT })).fields), {
      ID: '12345678901234567890',
      ON: 'true',
    });
    await client.send(new CreateSecretCommand({ Name: 'text', SecretString: 'EXAMPLE-plain' }));
    await rejectsWith('SECRET_MALFORMED', store.read('text', { stage: AWSCURRENT }));
    await client.send(new CreateSecretCommand({ Name: 'binary', SecretBinary: Buffer.from('EXAMPLE-binary') }));
    assert.match(
      (await rejectsWith('SECRET_MALFORMED', store.read('binary', { stage: AWSCURRENT }))).message,
      /binary/,
    );
    await client.send(new CreateSecretCommand({ Name: 'empty' }));
    await rejectsWith('VERSION_NOT_FOUND', store.read('empty', { stage: AWSCURRENT }));
  });

  it('waits for a version of its own that is not visible yet, and for no other', async () => {
    await create();
    const { versionId } = await store.put(NAME, fields({ A: 'EXAMPLE-b' }), {
      token: randomUUID(),
      stages: [AWSPENDING],
    });
    const invisible = {
      kind: 'error',
      code: 'ResourceNotFoundException',
      message: `Secrets Manager can't find the specified secret value for VersionId: ${versionId}`,
    } as const;
    for (const nth of [1, 2]) sandbox().inject({ operation: 'secretsmanager:GetSecretValue', nth, fault: invisible });
    assert.deepEqual(plain((await store.read(NAME, { versionId })).fields), { A: 'EXAMPLE-b' });
    assert.equal(context.clock.slept.length, 2);

    sandbox().inject({ operation: 'secretsmanager:GetSecretValue', nth: 'every', fault: invisible });
    await rejectsWith('VERSION_NOT_FOUND', store.read(NAME, { versionId }));
    const slept = context.clock.slept.reduce((sum, ms) => sum + ms, 0);
    assert.ok(slept > 2000 && slept <= 10_000, String(slept));

    const before = context.clock.slept.length;
    await rejectsWith('VERSION_NOT_FOUND', fresh().read(NAME, { versionId }));
    assert.equal(context.clock.slept.length, before);
  });

  it('takes a lost answer for what it was', async () => {
    for (const operation of ['CreateSecret', 'PutSecretValue', 'UpdateSecretVersionStage']) {
      sandbox().inject({ operation: `secretsmanager:${operation}`, fault: { kind: 'reset', when: 'after' } });
    }
    const { versionId: first } = await create();
    const { versionId: second } = await store.put(NAME, fields({ A: 'EXAMPLE-b' }), {
      token: randomUUID(),
      stages: [AWSPENDING],
    });
    await store.moveLabel(NAME, AWSCURRENT, first, second);
    assert.equal(versionWith(await store.describe(NAME), AWSCURRENT), second);
    assert.equal(operations().filter((operation) => operation === 'PutSecretValue').length, 2, 'it was sent again');
    await assertInvariants(store, '');
  });

  it('spends its patience on throttling before it gives up', async () => {
    await create();
    sandbox().inject({ operation: 'secretsmanager:GetSecretValue', fault: { kind: 'throttle' } });
    assert.ok(await store.read(NAME, { stage: AWSCURRENT }));
  });

  it('does what the document of the other stores does, whatever is moved where', async () => {
    const LABELS = [AWSCURRENT, AWSPENDING, 'AWSPREVIOUS', 'mine'];
    const slot = fc.nat(4);
    const step = fc.oneof(
      fc.record({ put: slot, labels: fc.uniqueArray(fc.constantFrom(...LABELS), { minLength: 1, maxLength: 2 }) }),
      fc.record({ label: fc.constantFrom(...LABELS), from: fc.option(slot), to: fc.option(slot) }),
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const model = memoryStore();
        const name = `model/${String((run += 1))}`;
        const ids = Array.from({ length: 5 }, () => randomUUID());
        const both = async (work: (store: SecretStore) => Promise<unknown>) => {
          const outcomes = await Promise.all(
            [model, store].map((one) =>
              work(one).then(
                () => 'ok',
                (error: unknown) => (error as { code: string }).code,
              ),
            ),
          );
          assert.equal(outcomes[1], outcomes[0]);
          assert.deepEqual(labelsOf(await store.describe(name)), labelsOf(await model.describe(name)));
        };
        const secret = { name, description: '', tags: {}, fields: fields({ N: '0' }), token: ids[0] ?? '' };
        await both((one) => one.create(secret));
        for (const one of steps) {
          if ('put' in one) {
            const options = { token: ids[one.put] ?? '', stages: one.labels };
            await both((target) => target.put(name, fields({ N: String(one.put) }), options));
          } else {
            const [from, to] = [one.from, one.to].map((n) => (n === null ? null : (ids[n] ?? null)));
            await both((target) => target.moveLabel(name, one.label, from ?? null, to ?? null));
          }
        }
        await assertInvariants(store, name);
      }),
      { numRuns: 60 },
    );
  });
});

/** Labels of each version, in one order. */
const labelsOf = ({ stages }: { stages: Readonly<Record<string, readonly string[]>> }) =>
  Object.fromEntries(Object.entries(stages).map(([id, labels]) => [id, labels.toSorted()]));
