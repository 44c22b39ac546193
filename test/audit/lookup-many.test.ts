import assert from 'node:assert/strict';
import { auditSecret, type AuditRequest } from '../../src/lib/audit/audit.ts';
import { roleArn } from '../../src/lib/audit/sources/accounts.ts';
import { GUARDS } from '../../src/lib/audit/sources/lookup-many.ts';
import { regionsOf } from '../../src/lib/audit/sources/regions.ts';
import { AUDIT_DEFAULTS } from '../../src/lib/config/settings.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { withSandbox } from '../support/sandbox.ts';
import { contextIn } from '../support/sandbox-context.ts';
import { record, user } from '../support/trail.ts';

const OWN = '000000000000';

const code =
  (expected: string, text = /./) =>
  (error: unknown) =>
    error instanceof JamfMcpError && error.code === expected && text.test(error.message);

describe('audit: many Regions and accounts', () => {
  const sandbox = withSandbox();

  const plant = (awsRegion: string, count = 1) => {
    for (let number = 0; number < count; number += 1) {
      const eventTime = new Date(sandbox().clock.now() - 60_000 - number * 1_000).toISOString();
      sandbox().trail.plant(
        record({
          awsRegion,
          eventTime,
          userIdentity: { ...user('alice'), accountId: OWN },
          requestParameters: { secretId: 'jamf-mcp-server/production' },
        }) as never,
      );
    }
  };

  const lookups = () => sandbox().calls.filter(({ operation }) => operation === 'LookupEvents');

  const audit = (regions: string[], more: Partial<AuditRequest> = {}) =>
    auditSecret(
      {
        secret: 'jamf-mcp-server/production',
        store: 'aws',
        since: '1d',
        aws: {},
        lookup: { regions },
        ecs: { cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service' },
        settings: AUDIT_DEFAULTS,
        baseline: null,
        local: { folder: '/nonexistent', user: null, localKey: null },
        ...more,
      },
      contextIn(sandbox()),
    );

  it('reads each Region at its own pace, and a name in all of them', async () => {
    plant('us-east-1', 120);
    plant('eu-west-1', 60);
    plant('ap-south-1', 5);
    const result = await audit(['us-east-1', 'eu-west-1']);
    assert.deepEqual(
      result.sources.map(({ region, events, calls, complete }) => [region, events, calls, complete]),
      [
        ['us-east-1', 120, 3, true],
        ['eu-west-1', 60, 2, true],
      ],
    );
    assert.equal(result.total, 180);
    assert.equal(lookups().filter(({ outcome }) => outcome.includes('Throttling')).length, 0);
  });

  it('reads every Region, an event of any of which counts', async () => {
    plant('me-central-1', 2);
    plant('sa-east-1', 3);
    const { sources, total, skipped } = await audit(['all']);
    assert.deepEqual(
      skipped.filter(({ why }) => why.includes('minutes late')).map(({ where }) => where),
      ['CloudTrail LookupEvents in 34 Regions and accounts'],
    );
    assert.equal(total, 5);
    assert.ok(sources.length > 30);
    assert.ok(sources.every(({ complete }) => complete));
  });

  it('goes on where a Region fails, and tells it; the audit is not complete', async () => {
    plant('us-east-1', 2);
    plant('eu-west-1', 3);
    sandbox().inject({
      operation: 'cloudtrail:LookupEvents',
      nth: 1,
      fault: {
        kind: 'error',
        code: 'AccessDeniedException',
        message: 'not authorized to perform: cloudtrail:LookupEvents',
      },
    });
    const { sources, skipped, total } = await audit(['us-east-1', 'eu-west-1']);
    const failed = sources.find(({ complete }) => !complete);
    assert.equal(sources.filter(({ complete }) => complete).length, 1);
    assert.equal(total, failed?.region === 'us-east-1' ? 3 : 2);
    const told = skipped.find(({ where }) => where === `Region ${String(failed?.region)}`);
    assert.match(told?.why ?? '', /^not looked at: .*not authorized/);
  });

  it('takes a Region that is not enabled for one where nothing happens', async () => {
    const context = {
      kind: 'error',
      code: 'UnrecognizedClientException',
      message: 'The security token is invalid',
    } as const;
    sandbox().inject({ operation: 'cloudtrail:LookupEvents', nth: 1, fault: context });
    const { sources, skipped } = await audit(['af-south-1']).catch((error: unknown) => {
      assert.ok(code('CREDENTIALS_REFUSED')(error), String(error));
      return { sources: [], skipped: [] };
    });
    assert.deepEqual([sources, skipped], [[], []], 'the only Region that was asked for is no matter of course');
    sandbox().inject({ operation: 'cloudtrail:LookupEvents', nth: 1, fault: context });
    sandbox().inject({ operation: 'cloudtrail:LookupEvents', nth: 2, fault: context });
    const two = await audit(['af-south-1', 'us-east-1', 'il-central-1']);
    const off = two.skipped.filter(({ why }) => why.includes('has not enabled it'));
    const failed = two.skipped.filter(({ why }) => why.startsWith('not looked at'));
    assert.equal(off.length + failed.length, 2);
    assert.equal(two.sources.filter(({ complete }) => !complete).length, failed.length);
    assert.ok(failed.every(({ where }) => where === 'Region us-east-1'));
  });

  it('fails where all of them do, with what the first fails with', async () => {
    sandbox().inject({
      operation: 'cloudtrail:LookupEvents',
      nth: 'every',
      fault: { kind: 'error', code: 'AccessDeniedException', message: 'not authorized' },
    });
    await assert.rejects(audit(['us-east-1', 'eu-west-1']), code('ACCESS_DENIED'));
  });

  it('assumes the role of an account once, for all its Regions', async () => {
    const role = sandbox().roles[0];
    assert.ok(role);
    const accounts = [{ account: OWN, role: `${(role.path ?? '/').slice(1)}${role.name}` }];
    plant('us-east-1', 2);
    plant('eu-west-1', 1);
    const { total } = await audit(['us-east-1', 'eu-west-1'], { settings: { ...AUDIT_DEFAULTS, accounts } });
    assert.equal(total, 3);
    assert.equal(sandbox().calls.filter(({ operation }) => operation === 'AssumeRole').length, 1);
    const callers = sandbox().trail.records.filter(({ eventName }) => eventName === 'LookupEvents');
    assert.equal(callers.length, 2);
    for (const { userIdentity } of callers) assert.match(String(userIdentity.arn), /\/jamf-mcp-audit$/);
  });

  it('tells the account whose role cannot be assumed, and reads the others', async () => {
    plant('us-east-1', 2);
    const accounts = [{ account: '111122223333', role: 'audit' }];
    const { total, skipped, sources } = await audit(['us-east-1'], { settings: { ...AUDIT_DEFAULTS, accounts } });
    assert.equal(total, 2);
    assert.deepEqual(
      sources.map(({ account, complete }) => [account, complete]),
      [
        [OWN, true],
        ['111122223333', false],
      ],
    );
    const told = skipped.find(({ where }) => where === 'Region us-east-1 of 111122223333');
    assert.match(told?.why ?? '', /sts:AssumeRole on resource: arn:aws:iam::111122223333:role\/audit/);
  });

  it('reads what was done to trails and keys where that is asked for: thirteen calls more, within the pace', async () => {
    plant('us-east-1', 2);
    const eventTime = new Date(sandbox().clock.now() - 3_600_000).toISOString();
    for (const [eventSource, eventName] of [
      ['cloudtrail.amazonaws.com', 'StopLogging'],
      ['kms.amazonaws.com', 'DisableKey'],
      ['ec2.amazonaws.com', 'CreateGrant'],
    ])
      sandbox().trail.plant(
        record({ eventSource, eventName, eventTime, requestParameters: { name: 'main' } }) as never,
      );
    const without = await audit(['us-east-1']);
    assert.deepEqual([without.findings.some(({ id }) => id.startsWith('trail-off')), lookups().length], [false, 1]);
    sandbox().clock.advance(5_000);
    const { findings, total, sources, skipped } = await audit(['us-east-1'], {
      lookup: { regions: ['us-east-1'], guards: true },
    });
    assert.ok(
      findings.some(({ id }) => id.startsWith('trail-off')),
      JSON.stringify(findings),
    );
    assert.deepEqual([total, sources[0]?.calls, GUARDS.length], [2, 14, 13]);
    assert.equal(lookups().filter(({ outcome }) => outcome.includes('Throttling')).length, 0);
    assert.ok(!skipped.some(({ where }) => where.startsWith('event ')));
  });

  it('makes ARNs of names, and refuses those of other accounts', () => {
    const account = '111122223333';
    assert.equal(roleArn({ account, role: 'ops/audit' }, 'aws-cn'), `arn:aws-cn:iam::${account}:role/ops/audit`);
    assert.equal(roleArn({ account, role: `arn:aws:iam::${account}:role/a` }, 'x'), `arn:aws:iam::${account}:role/a`);
    for (const role of ['arn:aws:iam::444455556666:role/a', `arn:aws:iam::${account}:user/a`, 'a b', 'a:b'])
      assert.throws(() => roleArn({ account, role }, 'aws'), code('CONFIG_INVALID'));
  });

  it('knows the Regions of a partition, takes names it does not know, and refuses what is none', () => {
    assert.deepEqual(regionsOf([], 'eu-west-3'), ['eu-west-3']);
    assert.deepEqual(regionsOf(['xx-moon-1', 'eu-west-1', 'eu-west-1'], 'us-east-1'), ['xx-moon-1', 'eu-west-1']);
    assert.deepEqual(regionsOf(['all'], 'cn-north-1'), ['cn-north-1', 'cn-northwest-1']);
    assert.equal(new Set(regionsOf(['all'], 'us-east-1')).size, 34);
    for (const name of ['', 'ALL', 'us-east', 'us-east-1.evil.example', 'http://x'])
      assert.throws(() => regionsOf([name], 'us-east-1'), code('INPUT_INVALID'));
  });
});
