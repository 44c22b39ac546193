import assert from 'node:assert/strict';
import { JamfMcpError, messageOf } from '../../src/lib/errors.ts';
import { installSchedule } from '../../src/lib/rotation/schedule/install.ts';
import { removeSchedule } from '../../src/lib/rotation/schedule/remove.ts';
import { drawSchedule, drawScheduleStatus } from '../../src/lib/rotation/schedule/report.ts';
import { rulesFrom } from '../../src/lib/rotation/schedule/rules.ts';
import { scheduleStatus } from '../../src/lib/rotation/schedule/status.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';
import { AWSCURRENT, AWSPENDING, versionWith } from '../../src/lib/secrets/store.ts';
import { memoryStore } from '../support/memory-store.ts';
import { SECRET, SEEDED_VERSION, seedSecret, storeOf } from '../support/rotation.ts';
import { CHOICE, storedSecret } from '../support/rotation-function.ts';
import {
  functionOf,
  install,
  NAMES,
  policyIn,
  roleOf,
  scheduleInput,
  settle,
  until,
  ZIP,
} from '../support/schedule.ts';
import { contextIn, type SandboxContext } from '../support/sandbox-context.ts';
import { withSandbox } from '../support/sandbox.ts';
import { Chalk } from 'chalk';

const CANVAS = { ink: new Chalk({ level: 0 }), width: 120 };
const DAY_MS = 86_400_000;

describe('rotate schedule, in the sandbox', function () {
  this.timeout(60_000);
  const sandbox = withSandbox();
  let context: SandboxContext;

  beforeEach(async () => {
    context = contextIn(sandbox());
    await seedSecret(sandbox(), context);
  });

  const look = () => {
    const input = { store: storeOf(context), secret: SECRET, environment: 'staging', aws: {}, zip: ZIP };
    return scheduleStatus(input, context);
  };
  const remove = (dryRun = false) => {
    context.answer(true);
    const input = { store: storeOf(context), secret: SECRET, environment: 'staging', aws: {}, zip: ZIP, dryRun };
    return removeSchedule({ ...input, command: 'jamf-mcp rotate schedule remove' }, context);
  };
  const changing = (from: number) =>
    sandbox()
      .calls.slice(from)
      .filter(({ operation }) => /^(Create|Put|Update|Delete|Add|Remove|Rotate|Cancel|Set|Tag)/.test(operation))
      .map(({ operation }) => operation);
  const deployments = () => sandbox().ecs.deploymentsOf().length;
  const currentId = async () => versionWith(await storeOf(context).describe(SECRET), AWSCURRENT);

  it('installs every part once, rotates nothing, and looks at Jamf once', async () => {
    const from = sandbox().calls.length;
    const result = await install(sandbox(), context);
    // Lambda does not know the role at first: the function is asked for again.
    const made = changing(from);
    assert.ok(made.filter((operation) => operation === 'CreateFunction').length > 1);
    const once = made.filter((operation, index) => operation !== 'CreateFunction' || made[index - 1] !== operation);
    assert.deepEqual(once, [
      ...['CreateLogGroup', 'PutRetentionPolicy', 'CreateQueue', 'CreateRole', 'PutRolePolicy'],
      ...['CreateFunction', 'AddPermission', 'AddPermission'],
      ...['PutRule', 'PutTargets', 'RotateSecret'],
    ]);
    assert.equal(await currentId(), SEEDED_VERSION);
    assert.equal(result.outcome, 'scheduled');
    assert.equal(result.due?.dueAt?.slice(0, 10), '2027-02-20');
    assert.equal(result.installed?.function, functionOf(sandbox()).arn);
    const status = await look();
    assert.equal(status.state, 'fine', JSON.stringify(status.parts));
    assert.deepEqual([status.pending, status.rules?.everyDays], [null, 90]);
    assert.ok(
      sandbox()
        .calls.slice(from)
        .some(({ service, outcome }) => service === 'jamf' && outcome === 'ok'),
    );
    const { settings, tags, policy } = functionOf(sandbox());
    assert.equal(settings.Runtime, 'nodejs24.x');
    assert.deepEqual(tags, { 'managed-by': 'jamf-mcp', environment: 'staging', secret: SECRET });
    assert.deepEqual([...(roleOf(sandbox()).tags ?? [])], Object.entries(tags));
    for (const { Condition } of policy.values()) {
      assert.deepEqual((Condition as Record<string, unknown>).StringEquals, { 'AWS:SourceAccount': '000000000000' });
    }
    assert.equal(sandbox().logs.groups.get(NAMES.logGroup)?.retentionInDays, 90);
    assert.match(drawSchedule(result, CANVAS), /is rotated every 90 days\nis rotated on 2027-02-20, in 90 days/);
    assert.match(drawScheduleStatus(status, CANVAS), /role {9}as it should be/);
  });

  it('shows the very steps on a dry run, and changes nothing', async () => {
    const from = sandbox().calls.length;
    const planned = await installSchedule(scheduleInput(context, { dryRun: true }), context);
    assert.deepEqual(changing(from), []);
    const done = await install(sandbox(), context);
    assert.deepEqual(
      planned.steps.map(({ name }) => name),
      done.steps.map(({ name }) => name),
    );
    assert.match(drawSchedule(planned, CANVAS), /would be rotated every 90 days:[^]*nothing was changed$/);
  });

  it('changes nothing that is as it should be when it runs again', async () => {
    await install(sandbox(), context);
    const from = sandbox().calls.length;
    await install(sandbox(), context);
    const again = changing(from);
    assert.ok(!again.some((operation) => /^(Create|Update(Function|Secret)|Add|Rotate)/.test(operation)), again.join());
    assert.equal((await look()).state, 'fine');
  });

  it('goes on after a failure at any of its calls', async () => {
    let calls = 0;
    for (let nth = 1; ; nth += 1) {
      const broken = contextIn(sandbox());
      broken.answer(true);
      let seen = 0;
      const notify = broken.host.notify.bind(broken.host);
      // Each call is told; at the n-th the process is interrupted.
      broken.host.notify = (event) => {
        notify(event);
        if (event.kind !== 'debug' || !event.text.startsWith('aws ')) return;
        seen += 1;
        if (seen === nth) broken.abort();
      };
      const outcome = await installSchedule(scheduleInput(broken), broken).catch((error: unknown) => error);
      if (!(outcome instanceof Error)) {
        calls = nth;
        break;
      }
      assert.ok(outcome instanceof JamfMcpError || outcome.name === 'AbortError', messageOf(outcome));
      await settle(sandbox());
      // Every third time from a clean account, else on top of what the run before left.
      if (nth % 3 === 0) await remove();
    }
    assert.ok(calls > 10, String(calls));
    await install(sandbox(), context);
    assert.equal((await look()).state, 'fine');
  });

  it('says what is done and what goes on where AWS refuses a step', async () => {
    const fault = { kind: 'error' as const, code: 'AccessDeniedException', message: 'no', status: 403 };
    sandbox().inject({ operation: 'events:PutRule', nth: 1, fault });
    await assert.rejects(install(sandbox(), context), (error: JamfMcpError) => {
      assert.equal(error.code, 'PARTIAL');
      assert.match(error.message, /^rule failed: .*; done: log group, queue, role, function, permissions$/);
      assert.match(error.hint ?? '', /jamf-mcp rotate schedule --every 90d$/);
      return true;
    });
    const status = await look();
    assert.equal(status.state, 'attention');
    assert.deepEqual(
      status.parts.filter(({ state }) => state === 'missing').map(({ name }) => name),
      ['rule', 'rotation'],
    );
    await install(sandbox(), context);
    assert.equal((await look()).state, 'fine');
  });

  const DRIFTS: readonly [string, string, () => unknown][] = [
    ['log group', 'missing', () => sandbox().logs.groups.delete(NAMES.logGroup)],
    [
      'log group',
      'keeps its logs for ever',
      () => Object.assign(sandbox().logs.groups.get(NAMES.logGroup) ?? {}, { retentionInDays: null }),
    ],
    ['queue', 'missing', () => sandbox().sqs.queues.delete(NAMES.queue)],
    [
      'queue',
      'SqsManagedSseEnabled is false',
      () => Object.assign(sandbox().sqs.queues.get(NAMES.queue)?.attributes ?? {}, { SqsManagedSseEnabled: 'false' }),
    ],
    [
      'role',
      'its rights are not those',
      () => policyIn(sandbox()).Statement.push({ Sid: 'More', Effect: 'Allow', Action: '*', Resource: '*' }),
    ],
    [
      'role',
      'others than Lambda',
      () =>
        Object.assign(roleOf(sandbox()), {
          trust: {
            Version: '2012-10-17',
            Statement: [{ Effect: 'Allow', Principal: { AWS: '*' }, Action: 'sts:AssumeRole' }],
          },
        }),
    ],
    ['function', 'missing', () => sandbox().lambda.functions.delete(NAMES.function)],
    ['function', 'its code is not that', () => (functionOf(sandbox()).zip = Buffer.from('PK-other'))],
    ['function', 'its runtime is nodejs22.x', () => (functionOf(sandbox()).settings.Runtime = 'nodejs22.x')],
    ['function', 'its time limit is 3 s', () => (functionOf(sandbox()).settings.Timeout = 3)],
    ['function', 'no dead-letter queue', () => (functionOf(sandbox()).settings.DeadLetterConfig = undefined)],
    [
      'permissions',
      'secretsmanager.amazonaws.com may not call it',
      () => functionOf(sandbox()).policy.delete('secrets-manager'),
    ],
    [
      'permissions',
      'may call it for something else',
      () => Object.assign(functionOf(sandbox()).policy.get('events') ?? {}, { Condition: {} }),
    ],
    ['rule', 'missing', () => sandbox().events.rules.delete(NAMES.rule)],
    [
      'rule',
      'it is disabled',
      () => Object.assign(sandbox().events.rules.get(NAMES.rule) ?? {}, { state: 'DISABLED' }),
    ],
    ['rule', 'does not call the function', () => sandbox().events.rules.get(NAMES.rule)?.targets.clear()],
    ['rotation', 'missing', () => (storedSecret(sandbox()).rotation.enabled = false)],
  ];
  for (const [name, what, spoil] of DRIFTS) {
    it(`tells that the ${name} was spoilt (${what}), and puts it right`, async () => {
      await install(sandbox(), context);
      spoil();
      const status = await look();
      const part = status.parts.find((one) => one.name === name);
      assert.equal(status.state, 'attention');
      assert.ok(part?.state === what || part?.drift.join().includes(what), JSON.stringify(part));
      await install(sandbox(), context);
      const after = await look();
      assert.equal(after.state, 'fine', JSON.stringify(after.parts.filter(({ state }) => state !== 'installed')));
    });
  }

  it('rotates when the day has come, and redeploys', async () => {
    await install(sandbox(), context);
    const before = deployments();
    sandbox().clock.advance(89 * DAY_MS);
    assert.equal(await currentId(), SEEDED_VERSION);
    sandbox().clock.advance(DAY_MS + 60_000);
    await until(sandbox(), () => storedSecret(sandbox()).rotation.rotatedAt !== null && deployments() > before);
    await settle(sandbox());
    const info = await storeOf(context).describe(SECRET);
    assert.notEqual(versionWith(info, AWSCURRENT), SEEDED_VERSION);
    assert.equal(versionWith(info, AWSPENDING), null);
    const { fields } = await storeOf(context).read(SECRET, { stage: AWSCURRENT });
    assert.equal(fields.get('JAMF_CLIENT_SECRET')?.reveal(), sandbox().jamf.integrations[0]?.credential?.secret);
    assert.equal(deployments(), before + 1, 'one deployment for one rotation');
    const lines = [...(sandbox().logs.groups.get(NAMES.logGroup)?.streams.values() ?? [])]
      .flat()
      .map(({ line }) => line);
    assert.ok(lines.length > 0);
    for (const secret of [sandbox().fields.JAMF_CLIENT_SECRET, fields.get('JAMF_CLIENT_SECRET')?.reveal()]) {
      assert.ok(secret && !lines.join('\n').includes(secret));
    }
    const status = await look();
    assert.equal(status.state, 'fine');
    assert.ok(status.lastRotatedAt?.startsWith('2027-02-20'), String(status.lastRotatedAt));
    assert.ok(status.due?.dueAt?.startsWith('2027-05-21'), String(status.due?.dueAt));
  });

  it('installs without a rule where nothing is to be redeployed', async () => {
    await install(sandbox(), context, { ecs: null });
    assert.equal(sandbox().events.rules.size, 0);
    assert.deepEqual([...functionOf(sandbox()).policy.keys()], ['secrets-manager']);
    assert.ok(!JSON.stringify(policyIn(sandbox())).includes('ecs:'));
    assert.equal((await look()).state, 'fine');
  });

  it('asks by name in production, y/N elsewhere, and changes nothing where it is declined', async () => {
    const from = sandbox().calls.length;
    for (const environment of ['production', 'staging']) {
      context.answer(false);
      const work = installSchedule(scheduleInput(context, { environment }), context);
      await assert.rejects(work, (error: JamfMcpError) => error.code === 'DECLINED');
    }
    assert.deepEqual(
      context.questions.map(({ kind, text }) => [kind, text.slice(0, 22)]),
      [
        ['confirm-name', 'let Secrets Manager ro'],
        ['confirm', 'let Secrets Manager ro'],
      ],
    );
    assert.deepEqual(changing(from), []);
    const target = context.events.find(({ kind }) => kind === 'target');
    assert.deepEqual(target?.kind === 'target' && [target.account, target.region], ['000000000000', 'us-east-1']);
  });

  it('refuses before any change what could not work', async () => {
    const from = sandbox().calls.length;
    const cases: [Parameters<typeof scheduleInput>[1], string, RegExp][] = [
      [{ choice: { ...CHOICE, issuer: 'ask', fields: ['PIN'] } }, 'USAGE', /a rotation function can ask nobody/],
      [{ rotator: 'no/such' }, 'SECRET_NOT_FOUND', /no\/such/],
      [{ ecs: { cluster: 'jamf-mcp-cluster', service: 'no-such', aws: {} } }, 'NOT_FOUND', /no-such/],
      [{ secret: 'no/such' }, 'SECRET_NOT_FOUND', /no\/such/],
    ];
    for (const [changes, code, message] of cases) {
      await assert.rejects(installSchedule(scheduleInput(context, changes), context), (error: JamfMcpError) => {
        assert.equal(error.code, code, error.message);
        assert.match(error.message, message);
        return true;
      });
    }
    assert.deepEqual(changing(from), []);
  });

  it('warns where another function rotates the secret', async () => {
    sandbox().secrets.functions.set('arn:aws:lambda:us-east-1:000000000000:function:other', () => undefined);
    Object.assign(storedSecret(sandbox()).rotation, {
      enabled: true,
      functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:other',
    });
    await install(sandbox(), context);
    const warned = context.events.find(({ kind }) => kind === 'warning');
    assert.match(
      warned?.kind === 'warning' ? warned.text : '',
      /it calls another function: .*function:other; this function takes its place/,
    );
    assert.equal(storedSecret(sandbox()).rotation.functionArn, functionOf(sandbox()).arn);
  });

  describe('remove', () => {
    it('cancels the rotation first, leaves nothing, and is done again without harm', async () => {
      await install(sandbox(), context);
      const roles = sandbox().roles.length;
      const from = sandbox().calls.length;
      assert.deepEqual((await remove(true)).outcome, 'planned');
      assert.deepEqual(changing(from), []);
      const { removed, outcome } = await remove();
      assert.equal(outcome, 'removed');
      assert.deepEqual(removed, ['rotation', 'rule', 'function', 'role', 'queue', 'log group']);
      assert.equal(changing(from)[0], 'CancelRotateSecret');
      const { lambda, events, sqs, logs } = sandbox();
      assert.deepEqual([lambda.functions.size, events.rules.size, sqs.queues.size, logs.groups.size], [0, 0, 0, 0]);
      assert.equal(sandbox().roles.length, roles - 1);
      assert.equal((await remove()).outcome, 'nothing');
      const status = await look();
      assert.equal(status.state, 'none');
      assert.match(drawScheduleStatus(status, CANVAS), /has no schedule/);
      assert.equal(await currentId(), SEEDED_VERSION);
    });

    it('names what it could not remove, and takes it away the next time', async () => {
      await install(sandbox(), context);
      const fault = { kind: 'error' as const, code: 'AccessDenied', message: 'no', status: 403 };
      sandbox().inject({ operation: 'iam:DeleteRole', nth: 1, fault });
      await assert.rejects(remove(), (error: JamfMcpError) => {
        assert.equal(error.code, 'PARTIAL');
        assert.match(error.message, /^nothing rotates the secret any more, but left are: role \(/);
        return true;
      });
      assert.deepEqual((await remove()).removed, ['role']);
    });

    it('leaves a rotation that another function does alone', async () => {
      await install(sandbox(), context);
      storedSecret(sandbox()).rotation.functionArn = 'arn:aws:lambda:us-east-1:000000000000:function:other';
      await remove();
      assert.equal(storedSecret(sandbox()).rotation.enabled, true);
    });

    it('warns of a rotation that had begun', async () => {
      await install(sandbox(), context);
      const fields = fieldsFrom(schemaOf('jamf'), sandbox().fields);
      await storeOf(context).put(SECRET, fields, { token: 'a'.repeat(32), stages: [AWSPENDING] });
      await remove();
      assert.ok(context.events.some((event) => event.kind === 'warning' && event.text.includes('still AWSPENDING')));
    });
  });

  describe('where the store rotates nothing', () => {
    const localLike = () => memoryStore({ kind: 'local' });

    it('keeps a due date as a tag, tells it, and takes it off', async () => {
      const store = localLike();
      const fields = fieldsFrom(schemaOf('jamf'), sandbox().fields);
      await store.create({ name: SECRET, description: '', tags: { team: 'mcp' }, fields, token: SEEDED_VERSION });
      const input = { store, secret: SECRET, environment: 'production', aws: {}, zip: ZIP };
      context.answer(true);
      const result = await installSchedule(scheduleInput(context, { store, environment: 'production' }), context);
      assert.equal(context.questions[0]?.kind, 'confirm', 'a tag is no danger');
      assert.deepEqual((await store.describe(SECRET)).tags, { team: 'mcp', 'jamf-mcp:rotate-every': '90d' });
      assert.deepEqual([result.installed, result.due?.every], [null, '90d']);
      const status = await scheduleStatus(input, context);
      assert.deepEqual([status.state, status.parts], ['fine', []]);
      context.clock.advance(400 * DAY_MS);
      assert.equal((await scheduleStatus(input, context)).state, 'attention');
      context.answer(true);
      await removeSchedule({ ...input, dryRun: false, command: '' }, context);
      assert.deepEqual((await store.describe(SECRET)).tags, { team: 'mcp' });
      assert.equal((await scheduleStatus(input, context)).state, 'none');
    });

    it('takes --every alone', async () => {
      const store = localLike();
      const fields = fieldsFrom(schemaOf('jamf'), sandbox().fields);
      await store.create({ name: SECRET, description: '', tags: {}, fields, token: SEEDED_VERSION });
      for (const rules of [rulesFrom({ at: '0 3 1 * ? *' }), rulesFrom({ every: '9d', window: '4h' })]) {
        const work = installSchedule(scheduleInput(context, { store, rules }), context);
        await assert.rejects(work, (error: JamfMcpError) => error.code === 'USAGE');
      }
    });
  });
});
