import assert from 'node:assert/strict';
import type { AuditedAccess } from '../../src/lib/audit/access.ts';
import { DETECTORS, inOrder, reaches } from '../../src/lib/audit/detectors/index.ts';
import { SEVERITIES, type Finding } from '../../src/lib/audit/detectors/detector.ts';
import { ACCOUNT, audited, facts, session, task, TASK_ID, user, type Told } from '../support/trail.ts';

function detect(accesses: readonly AuditedAccess[], about = facts()): Finding[] {
  return inOrder(
    DETECTORS.flatMap((detector) => {
      const watch = detector.start(about);
      for (const access of accesses) watch.see(access);
      return watch.findings();
    }),
  );
}

const brief = (findings: readonly Finding[]) =>
  findings.map(({ id, severity, eventIds }) => [id.replace(/:arn:.*[:/]/, ' '), severity, eventIds.length]);

const temporary = user('alice', 'ASIAALICE0000EXAMPLE');
const refusal = {
  errorCode: 'AccessDenied',
  errorMessage: `User: x is not authorized to perform: secretsmanager:GetSecretValue on resource: y with an explicit deny in a resource-based policy`,
};
const expected = { kind: 'known-caller', ref: '*' } as const;

describe('audit: detectors', () => {
  it('find nothing in explained accesses with keys that expire', () => {
    assert.deepEqual(
      detect([
        audited({ userIdentity: temporary }, expected),
        audited({ userIdentity: session('ci', 'run') }, expected),
      ]),
      [],
    );
    assert.deepEqual(detect([]), []);
  });

  it('flag an unknown principal once, whatever the number of accesses and sessions', () => {
    const findings = detect([1, 2, 3].map((run) => audited({ userIdentity: session('ci', `run-${String(run)}`) })));
    assert.deepEqual(brief(findings), [['unknown-principal ci', 'high', 3]]);
    assert.equal(findings[0]?.technique, 'T1555.006');
    assert.match(findings[0].why, /^GetSecretValue on jamf-mcp-server\/production from 192\.0\.2\.7, 3 times;/);
  });

  it('grade an unknown principal by what it did', () => {
    const did = (eventName: string, more = {}) =>
      detect([audited({ userIdentity: temporary, eventName, ...more })]).map(({ severity, technique }) => [
        severity,
        technique,
      ]);
    assert.deepEqual(did('GetSecretValue'), [['high', 'T1555.006']]);
    assert.deepEqual(did('BatchGetSecretValue'), [['high', 'T1555.006']]);
    assert.deepEqual(did('PutResourcePolicy'), [['high', 'T1098']]);
    assert.deepEqual(did('SomethingNew'), [['high', 'T1098']]);
    assert.deepEqual(did('DescribeSecret'), [['medium', 'T1526']]);
    assert.deepEqual(did('GetSecretValue', { errorCode: 'ResourceNotFoundException' }), [['medium', 'T1526']]);
  });

  it('flag refusals with the kind of policy, and grade them by who was refused', () => {
    const denied = (explanation: Told | null) =>
      detect([audited({ userIdentity: temporary, ...refusal }, explanation)]);
    assert.deepEqual(brief(denied(null)), [['denied-access alice', 'high', 1]]);
    assert.match(denied(null)[0]?.why ?? '', /: explicit deny by resource-based policy$/);
    const why = (errorMessage: string) =>
      detect([audited({ userIdentity: temporary, ...refusal, errorMessage })])[0]?.why.replace(/^[^:]*: /, '');
    const text = refusal.errorMessage.replace(/ with .*/, '');
    assert.equal(
      why(`${text} because no permissions boundary allows the x action`),
      'no permissions boundary allows it',
    );
    assert.equal(why(`${text} with an explicit deny`), 'explicit deny by policy');
    assert.equal(why(text), 'the record does not tell which policy refused');
    assert.equal(why('Access to KMS is not allowed'), 'the record does not tell which policy refused');
    assert.equal(denied(expected)[0]?.severity, 'medium');
    assert.equal(denied({ kind: 'self', ref: 'x' })[0]?.severity, 'low');
  });

  it("flag the service's own role outside of a task apart from strangers", () => {
    const about = facts({ tasks: [task()] });
    const byHand = audited({ userIdentity: session('ecsTaskExecutionRole', 'by-hand', '/service-role/') });
    assert.deepEqual(brief(detect([byHand], about)), [['service-role-outside-task ecsTaskExecutionRole', 'medium', 1]]);
    assert.match(detect([byHand], about)[0]?.why ?? '', /by-hand/);
    const atStart = audited(
      { userIdentity: session('ecsTaskExecutionRole', TASK_ID, '/service-role/') },
      { kind: 'task-start', ref: 'x' },
    );
    assert.deepEqual(detect([atStart], about), []);
  });

  it('flag long-term keys, explained or not, and root above all', () => {
    assert.deepEqual(brief(detect([audited({}, expected)])), [['long-term-key alice', 'medium', 1]]);
    assert.deepEqual(brief(detect([audited()])), [
      ['unknown-principal alice', 'high', 1],
      ['long-term-key alice', 'high', 1],
    ]);
    const [root] = detect([
      audited(
        { userIdentity: { type: 'Root', arn: `arn:aws:iam::${ACCOUNT}:root`, accessKeyId: 'ASIAROOT00000EXAMPLE' } },
        expected,
      ),
    ]);
    assert.deepEqual([root?.severity, root?.id], ['critical', `root:arn:aws:iam::${ACCOUNT}:root`]);
  });

  it('tell the same list in whatever order the events come', () => {
    const accesses = [
      audited(),
      audited({ userIdentity: user('bob') }),
      audited({ userIdentity: temporary, ...refusal }),
      audited({ userIdentity: session('ci', 'x') }),
    ];
    const ids = (list: readonly AuditedAccess[]) => detect(list).map(({ id }) => id);
    assert.deepEqual(ids(accesses), ids(accesses.toReversed()));
    assert.equal(new Set(ids(accesses)).size, ids(accesses).length);
  });

  it('have ids, techniques and steps to take', () => {
    for (const finding of detect([audited(), audited({ userIdentity: temporary, ...refusal })])) {
      assert.match(finding.technique, /^T\d{4}(\.\d{3})?$/);
      assert.ok(
        SEVERITIES.includes(finding.severity) && finding.fix !== '' && finding.why !== '' && finding.title !== '',
      );
    }
  });

  it('reach a threshold by being as bad or worse', () => {
    const high = detect([audited({ userIdentity: temporary })]);
    assert.deepEqual(
      SEVERITIES.map((threshold) => reaches(high, threshold)),
      [false, true, true, true, true],
    );
    assert.ok(!reaches([], 'info'));
  });
});
