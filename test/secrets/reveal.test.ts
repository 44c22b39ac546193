/** `secrets reveal`, and the break-glass log that is written first. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { systemClock } from '../../src/lib/host.ts';
import { breakGlassPath, readBreakGlass, recordBreakGlass } from '../../src/lib/secrets/breakglass.ts';
import { revealSecret } from '../../src/lib/secrets/reveal.ts';
import { schemaOf } from '../../src/lib/secrets/schema.ts';
import { signingKey } from '../../src/lib/secrets/signing.ts';
import { awsStore } from '../../src/lib/secrets/stores/aws.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { memoryStore, type MemoryStore } from '../support/memory-store.ts';
import { withSandbox } from '../support/sandbox.ts';
import { fields, rejectsWith } from './contract.ts';

const NAME = 'jamf-mcp-server/production';
const VALUE = 'EXAMPLE-secret \u0000\u001b[31m\nünï';

let folder: string;
let context: TestContext;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'jamf-mcp-reveal-')), 'data');
  context = testContext();
});
afterEach(() => rm(join(folder, '..'), { recursive: true }));

const lines = async () => (await readFile(breakGlassPath(folder), 'utf8')).trimEnd().split('\n');

describe('revealing', () => {
  let store: MemoryStore;
  beforeEach(async () => {
    store = memoryStore();
    await store.create({
      name: NAME,
      description: '',
      tags: {},
      fields: fields({ JAMF_CLIENT_ID: 'EXAMPLE-id', JAMF_CLIENT_SECRET: VALUE }),
      token: '00000000-0000-4000-8000-000000000001',
    });
    store.calls.length = 0;
  });

  const reveal = (
    field: string | null,
    reason: string | undefined = 'INC-1',
    environment = 'staging',
    stage = 'AWSCURRENT',
  ) => revealSecret({ store, secret: NAME, environment, stage, field, reason, user: 'tester', folder }, context);

  it('gives one value to the byte, or all', async () => {
    assert.deepEqual((await reveal('JAMF_CLIENT_SECRET')).values, { JAMF_CLIENT_SECRET: VALUE });
    assert.deepEqual((await reveal('client_secret')).values, { JAMF_CLIENT_SECRET: VALUE });
    assert.deepEqual((await reveal(null)).values, { JAMF_CLIENT_ID: 'EXAMPLE-id', JAMF_CLIENT_SECRET: VALUE });
    assert.match((await rejectsWith('NOT_FOUND', reveal('NOPE'))).hint ?? '', /JAMF_CLIENT_ID, JAMF_CLIENT_SECRET/);
  });

  it('asks nobody for the name of a secret that is not there, and records nothing', async () => {
    const nowhere = { store, secret: 'nowhere', environment: 'production', stage: 'AWSCURRENT', field: null };
    const request = { ...nowhere, reason: 'INC-1', user: 'tester', folder };
    await rejectsWith('SECRET_NOT_FOUND', revealSecret(request, context));
    assert.deepEqual(context.questions, []);
    await assert.rejects(lines());
  });

  it('takes a reason of one line, and reads nothing without', async () => {
    for (const reason of ['', '  \t'])
      assert.match((await rejectsWith('INPUT_MISSING', reveal(null, reason))).hint ?? '', /--reason/);
    await rejectsWith('INPUT_INVALID', reveal(null, 'x'.repeat(501)));
    await rejectsWith('INPUT_INVALID', reveal(null, 'a\u001b[2Jb'));
    assert.deepEqual(store.calls, []);
    assert.equal((await reveal(null, ' two\n lines ')).reason, 'two lines');
  });

  it('records before it reads: a read that fails is on record, and without a record nothing is read', async () => {
    store.before = async (method) => {
      if (method !== 'read') return;
      assert.equal((await lines()).length, 1, 'the record is on the disk when the value is read');
      throw new JamfMcpError('ACCESS_DENIED', 'no');
    };
    await rejectsWith('ACCESS_DENIED', reveal('JAMF_CLIENT_SECRET'));
    store.before = () => undefined;
    store.calls.length = 0;
    await writeFile(join(folder, '..', 'file'), '');
    folder = join(folder, '..', 'file');
    const error = await rejectsWith('INPUT_INVALID', reveal('JAMF_CLIENT_SECRET'));
    assert.match(error.message, /^nothing was read, since the break-glass log .* cannot be written: /);
    assert.deepEqual(store.calls, []);
    folder = join(folder, '..', 'data');
  });

  it('takes the name of the secret in production only', async () => {
    await reveal(null);
    assert.equal(context.questions.length, 0);
    await rejectsWith('CONFIRMATION_REQUIRED', reveal('JAMF_CLIENT_SECRET', 'INC-1', 'production'));
    context.answer(false);
    await rejectsWith('DECLINED', reveal('JAMF_CLIENT_SECRET', 'INC-1', 'production'));
    assert.deepEqual(context.questions.at(-1), {
      kind: 'confirm-name',
      text: `reveal: show JAMF_CLIENT_SECRET of secret ${NAME}`,
      name: NAME,
    });
    assert.equal((await lines()).length, 1, 'what was declined was not read');
  });

  it('records who, what and why, and no value', async () => {
    await reveal('JAMF_CLIENT_SECRET');
    assert.deepEqual((await readBreakGlass(folder)).entries, [
      {
        at: '2026-11-22T00:00:00.000Z',
        secret: NAME,
        store: 'aws',
        environment: 'staging',
        action: 'reveal',
        fields: ['JAMF_CLIENT_SECRET'],
        reason: 'INC-1',
        user: 'tester',
      },
    ]);
    assert.doesNotMatch((await lines()).join(), /EXAMPLE/);
  });
});

describe('the reason in CloudTrail', () => {
  const sandbox = withSandbox();

  it('is part of the user agent of the read, made safe', async () => {
    const { trail } = sandbox();
    const store = awsStore({ aws: { reason: 'INC-4711: "größe" \r\n check' }, schema: schemaOf('jamf') }, context);
    await store.create({
      name: NAME,
      description: '',
      tags: {},
      fields: fields({ A: 'EXAMPLE-a' }),
      token: '00000000-0000-4000-8000-000000000001',
    });
    await store.read(NAME, { stage: 'AWSCURRENT' });
    const agents = JSON.stringify(trail);
    assert.match(agents, /reason\/INC-4711_gro_e_check/);
  });
});

describe('the break-glass log', () => {
  const entry = (reason: string) => ({
    at: '2026-11-22T00:00:00.000Z',
    secret: NAME,
    store: 'aws',
    environment: 'production',
    action: 'reveal',
    fields: [],
    reason,
    user: null,
  });
  const record = async (...reasons: string[]) => {
    for (const reason of reasons) await recordBreakGlass(folder, entry(reason), context);
  };
  const problems = async () =>
    (await readBreakGlass(folder)).problems.map(({ line, why }) => `${String(line)}: ${why}`);
  const rewrite = async (change: (all: string[]) => string[]) => {
    await writeFile(breakGlassPath(folder), `${change(await lines()).join('\n')}\n`);
  };

  it('is for its owner only, signed, and whole', async () => {
    await record('one', 'two', 'three');
    for (const file of ['breakglass.jsonl', 'breakglass.key'])
      assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    const log = await readBreakGlass(folder);
    assert.deepEqual(
      log.entries.map(({ reason }) => reason),
      ['one', 'two', 'three'],
    );
    assert.deepEqual(log.problems, []);
    assert.deepEqual(await readBreakGlass(join(folder, 'nowhere')), { entries: [], problems: [] });
  });

  it('shows a change, a removal, a new order, and a foreign line', async () => {
    await record('one', 'two', 'three', 'four');
    await rewrite((all) => all.map((line) => line.replace('"two"', '"2"')));
    assert.deepEqual(await problems(), [
      '2: has been changed',
      '3: does not follow the line before it: something was removed or moved',
    ]);
    await rewrite((all) => all.map((line) => line.replace('"2"', '"two"')));
    assert.deepEqual(await problems(), []);
    await rewrite(([one = '', , three = '', four = '']) => [one, three, four]);
    assert.deepEqual(await problems(), ['2: does not follow the line before it: something was removed or moved']);
    await rewrite(([one = '', three = '', four = '']) => [three, one, four]);
    assert.equal((await problems()).length, 3);
    await rewrite(([, one = '']) => [one, '{"entry": ', 'null']);
    assert.deepEqual(await problems(), ['2: is not a line of this log', '3: is not a line of this log']);
    await rm(join(folder, 'breakglass.key'));
    assert.match((await problems())[0] ?? '', /^1: cannot be checked: the key is gone/);
  });

  it('is missed where its key is, and not where a rotation alone made the key', async () => {
    await mkdir(folder, { recursive: true });
    await signingKey(folder);
    assert.deepEqual(await problems(), []);
    await record('one');
    await rm(breakGlassPath(folder));
    assert.deepEqual(await problems(), ['null: is gone, and the key that signs its lines is there']);
  });

  it('goes on behind a line that a crash has torn', async () => {
    await record('one');
    await writeFile(breakGlassPath(folder), `${(await lines()).join('\n')}\n{"entry":{"at":"20`);
    await record('two');
    const log = await readBreakGlass(folder);
    assert.deepEqual(
      log.entries.map(({ reason }) => reason),
      ['one', 'two'],
    );
    assert.deepEqual(log.problems, [{ line: 2, why: 'is not a line of this log' }]);
  });

  it('keeps its order under writers at the same time', async () => {
    await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        recordBreakGlass(folder, entry(String(n)), { ...context, clock: systemClock }),
      ),
    );
    const log = await readBreakGlass(folder);
    assert.equal(log.entries.length, 6);
    assert.deepEqual(log.problems, []);
  });
});
