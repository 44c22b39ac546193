import assert from 'node:assert/strict';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { dueDate, dueText, EVERY_TAG, intervalOf } from '../../src/lib/secrets/due.ts';
import { namesFor } from '../../src/lib/rotation/schedule/names.ts';
import { policyFor } from '../../src/lib/rotation/schedule/role.ts';
import { rulesFrom } from '../../src/lib/rotation/schedule/rules.ts';

const NOW = Date.UTC(2026, 10, 22);
const DAY_MS = 86_400_000;

describe('when a secret is due', () => {
  const none = { enabled: false, everyDays: null, lastRotatedAt: null, nextRotationAt: null };
  const info = { rotation: none, tags: {}, createdAt: '2026-01-01T00:00:00Z', changedAt: '2026-11-12T00:00:00Z' };

  it('follows from the tag and the newest value', () => {
    const due = dueDate({ ...info, tags: { [EVERY_TAG]: '30d' } }, NOW);
    assert.ok(due);
    assert.deepEqual(
      { ...due },
      {
        every: '30d',
        dueAt: '2026-12-12T00:00:00.000Z',
        daysLeft: 20,
        overdue: false,
        automatic: false,
      },
    );
    assert.equal(dueText(due), 'to be rotated by 2026-12-12, in 20 days');
  });

  it('is late the moment after, and says by how much', () => {
    const tags = { [EVERY_TAG]: '10d' };
    assert.equal(dueDate({ ...info, tags }, NOW)?.overdue, false);
    assert.equal(dueDate({ ...info, tags }, NOW + 1)?.overdue, true);
    const late = dueDate({ ...info, tags }, NOW + 3 * DAY_MS);
    assert.equal(late && dueText(late), 'was to be rotated by 2026-11-22 (3 days late)');
  });

  it('is unknown without a tag, and with one that nobody can read', () => {
    assert.equal(dueDate(info, NOW), null);
    for (const every of ['soon', '', '3h', '1000d'])
      assert.equal(dueDate({ ...info, tags: { [EVERY_TAG]: every } }, NOW), null);
    assert.equal(dueDate({ ...info, createdAt: null, changedAt: null, tags: { [EVERY_TAG]: '9d' } }, NOW), null);
  });

  it("is the store's own date where it rotates by itself, late only after its window of a day", () => {
    const rotation = { ...none, enabled: true, everyDays: 90, nextRotationAt: '2026-11-22T00:00:00.000Z' };
    const due = dueDate({ ...info, rotation, tags: { [EVERY_TAG]: '4h' } }, NOW + DAY_MS);
    assert.deepEqual([due?.every, due?.overdue, due?.automatic], ['90d', false, true]);
    assert.equal(dueDate({ ...info, rotation }, NOW + DAY_MS + 1)?.overdue, true);
    const unknown = dueDate({ ...info, rotation: { ...rotation, nextRotationAt: null } }, NOW);
    assert.deepEqual([unknown?.dueAt, unknown?.overdue], [null, false]);
  });
});

describe('the rules of a schedule', () => {
  const wrong = (work: () => unknown, code: string, message: RegExp) => {
    assert.throws(work, (error: unknown) => {
      assert.ok(error instanceof JamfMcpError);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.notEqual(error.hint, null);
      return true;
    });
  };

  it('takes 4 hours to 999 days', () => {
    assert.deepEqual(rulesFrom({ every: '90d' }).rules, { AutomaticallyAfterDays: 90 });
    assert.deepEqual(rulesFrom({ every: '1d', window: '4h' }).rules, {
      ScheduleExpression: 'rate(1 day)',
      Duration: '4h',
    });
    assert.deepEqual(rulesFrom({ every: '4h' }).rules, { ScheduleExpression: 'rate(4 hours)' });
    assert.equal(rulesFrom({ every: '999d' }).text, 'every 999 days');
    assert.equal(intervalOf('12h').ms, 12 * 3_600_000);
    for (const every of ['3h', '1000d', '23977h', '0d', '90', 'd', '-4d', '1.5d', '90days', '4 h']) {
      wrong(() => rulesFrom({ every }), 'INPUT_INVALID', /no interval from 4 hours to 999 days/);
    }
  });

  it('takes one of --every and --at, and a window of 1 to 24 hours that fits', () => {
    wrong(() => rulesFrom({}), 'USAGE', /not said when/);
    wrong(() => rulesFrom({ every: '9d', at: '0 3 * * ? *' }), 'USAGE', /both/);
    for (const window of ['0h', '25h', '30m', '4'])
      wrong(() => rulesFrom({ every: '9d', window }), 'INPUT_INVALID', /window/);
    wrong(() => rulesFrom({ every: '4h', window: '5h' }), 'INPUT_INVALID', /longer than 4h/);
    wrong(() => rulesFrom({ at: '0 22 * * ? *', window: '3h' }), 'INPUT_INVALID', /ends on the next day/);
    assert.equal(rulesFrom({ at: '0 22 * * ? *', window: '2h' }).rules.Duration, '2h');
  });

  it('takes the cron expressions that Secrets Manager takes', () => {
    const right = [
      ...['0 3 1 * ? *', 'cron(0 3 1 * ? *)', '0 8 ? * SUN#1 *', '0 16 L * ? *', '0 0/8 * * ? *', '0 1 ? * MON-FRI *'],
      ...['0 3 1,15 JAN,jul ? *', '0 */6 * * ? *', '0 0,4,8 * * ? *', '0 3 15W * ? 2026-2028', '0 3 ? * 6L *'],
    ];
    for (const at of right) assert.match(rulesFrom({ at }).rules.ScheduleExpression ?? '', /^cron\(0 /, at);
  });

  it('refuses the others, saying why', () => {
    const cases: [string, RegExp][] = [
      ['0 3 * * *', /5 fields, not six/],
      ['30 3 1 * ? *', /30 is no minutes/],
      ['* 3 1 * ? *', /minutes have to be 0/],
      ['0 24 1 * ? *', /24 is no hours/],
      ['0 3 32 * ? *', /32 is no day of month/],
      ['0 3 1 13 ? *', /13 is no month/],
      ['0 3 ? * 8 *', /8 is no day of week/],
      ['0 3 1 * * *', /has to be \?/],
      ['0 3 ? * ? *', /has to be \?/],
      ['0 0/2 * * ? *', /more often than every 4 hours/],
      ['0 * * * ? *', /more often than every 4 hours/],
      ['0 1,23 * * ? *', /more often than every 4 hours/],
      ['0 5-3 * * ? *', /5-3 is no hours/],
      ['0 3 1 * ? *; rm -rf', /fields, not six/],
      ['0 0/0 * * ? *', /0\/0 is no hours/],
    ];
    for (const [at, message] of cases) wrong(() => rulesFrom({ at }), 'INPUT_INVALID', message);
  });
});

describe('the names of a schedule', () => {
  it('fit every service, and differ for every Region and secret', () => {
    const secrets = ['jamf-mcp-server/production', 'jamf-mcp-server-production', 'x'.repeat(512), '/', 'a+b=c.@!'];
    const names = secrets.flatMap((secret) => ['us-east-1', 'eu-west-1'].map((region) => namesFor(region, secret)));
    for (const { function: fn, role, rule, queue } of names) {
      for (const name of [fn, role, rule]) assert.match(name, /^jamf-mcp-rotation-[\w-]{1,46}$/);
      assert.ok(queue.length <= 80);
    }
    assert.equal(new Set(names.map(({ function: fn }) => fn)).size, names.length);
    assert.equal(
      namesFor('us-east-1', 'jamf-mcp-server/production').function,
      'jamf-mcp-rotation-jamf-mcp-server-production-17d4e8',
    );
  });
});

describe("the role's policy", () => {
  const arn = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:jamf-mcp-server/production-AbCdEf';
  const reach = {
    secret: { arn, kmsKeyId: null },
    rotator: null,
    service: null,
    logGroup: 'arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/f',
    queue: 'arn:aws:sqs:us-east-1:111122223333:q',
  };
  const sids = (policy: ReturnType<typeof policyFor>) => policy.Statement.map(({ Sid }) => Sid);

  it('names every resource exactly, and nothing that is not used', () => {
    const policy = policyFor(reach);
    assert.deepEqual(sids(policy), ['RotateTheSecret', 'WriteTheLog', 'KeepWhatFailed']);
    for (const { Resource, Action } of policy.Statement) {
      for (const resource of [Resource].flat()) assert.match(resource, /^arn:aws:[^*]+(:\*)?$/);
      for (const action of [Action].flat()) assert.ok(!action.includes('*'), action);
    }
  });

  it('adds a key for the one secret and through Secrets Manager only, by id, ARN or alias', () => {
    const key = 'arn:aws:kms:us-east-1:111122223333:key/12345678-1234-4123-8123-123456789012';
    const right = (kmsKeyId: string) =>
      policyFor({ ...reach, secret: { arn, kmsKeyId } }).Statement.find(({ Sid }) => Sid === 'UseTheKey');
    const exact = {
      'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com',
      'kms:EncryptionContext:SecretARN': arn,
    };
    for (const id of [key, key.split('/')[1] ?? '']) {
      assert.deepEqual(right(id)?.Resource, key);
      assert.deepEqual(right(id)?.Condition, { StringEquals: exact });
    }
    const alias = right('arn:aws:kms:us-east-1:111122223333:alias/jamf');
    assert.equal(alias?.Resource, 'arn:aws:kms:us-east-1:111122223333:key/*');
    assert.deepEqual(alias.Condition, {
      StringEquals: exact,
      'ForAnyValue:StringEquals': { 'kms:ResourceAliases': 'alias/jamf' },
    });
    assert.equal(right('alias/aws/secretsmanager'), undefined);
    const china = policyFor({ ...reach, secret: { arn: arn.replace('arn:aws:', 'arn:aws-cn:'), kmsKeyId: 'k' } });
    assert.match(JSON.stringify(china), /secretsmanager\.us-east-1\.amazonaws\.com\.cn/);
  });

  it('adds the service and the rotator where there are such', () => {
    const rotator = { arn: arn.replace('production', 'rotator'), kmsKeyId: 'k' };
    const service = 'arn:aws:ecs:us-east-1:111122223333:service/c/s';
    const policy = policyFor({ ...reach, rotator, service });
    assert.deepEqual(sids(policy), [
      'RotateTheSecret',
      'ReadTheRotatorClient',
      'UseTheKeyOfTheRotatorClient',
      'RedeployTheService',
      'WriteTheLog',
      'KeepWhatFailed',
    ]);
  });
});
