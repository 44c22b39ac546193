import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { auditSecret, type AuditRequest } from '../../src/lib/audit/audit.ts';
import { AUDIT_DEFAULTS } from '../../src/lib/config/settings.ts';
import { schemaOf } from '../../src/lib/secrets/schema.ts';
import { AWSCURRENT } from '../../src/lib/secrets/store.ts';
import { localStore } from '../../src/lib/secrets/stores/local.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { fields, rejectsWith } from '../secrets/contract.ts';

describe('the audit of the local store', () => {
  let folder: string;
  let context: TestContext;
  const local = (user = 'tester') => ({ folder, user, localKey: 'file' as const });
  const open = (user?: string) => localStore({ ...local(user), schema: schemaOf('jamf') }, context);
  const create = (name: string) =>
    open().create({ name, description: '', tags: {}, fields: fields({ A: 'EXAMPLE-a' }), token: randomUUID() });
  const audit = (members: Partial<AuditRequest> = {}) =>
    auditSecret(
      {
        secret: 'one',
        store: 'local',
        since: '1h',
        aws: {},
        ecs: { cluster: 'c', service: 's' },
        settings: AUDIT_DEFAULTS,
        baseline: null,
        local: local(),
        ...members,
      },
      context,
    );

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-audit-'));
    context = testContext();
    await create('one');
    await create('two');
    context.clock.advance(2 * 3_600_000);
    await open('mallory').read('one', { stage: AWSCURRENT });
    context.clock.advance(1_000);
    await open().read('one', { stage: AWSCURRENT });
    await open().read('two', { stage: AWSCURRENT });
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('tells who read the secret in the window, oldest first, and explains one’s own accesses only', async () => {
    const result = await audit();
    assert.deepEqual(
      result.accesses.map(({ eventId, action, outcome, secret, principal, explanation }) => [
        eventId,
        action,
        outcome,
        secret,
        principal.arn,
        explanation?.kind ?? null,
      ]),
      [
        ['line:3', 'GetSecretValue', 'success', 'local:one', `local:user/mallory@${hostname()}`, null],
        ['line:4', 'GetSecretValue', 'success', 'local:one', `local:user/tester@${hostname()}`, 'self'],
      ],
    );
    assert.equal(result.unexplained, 1);
    assert.match(result.findings[0]?.title ?? '', /^local:user\/mallory@.* is not known here and read the value$/);
    assert.deepEqual(result.sources, [{ kind: 'local-log', region: null, account: null, events: 2, complete: true }]);
    assert.deepEqual(
      result.skipped.filter(({ where }) => where !== 'detectors'),
      [],
    );
  });

  it('takes all secrets, a longer window, and the principals of the settings', async () => {
    const result = await audit({
      secret: null,
      since: '3h',
      settings: { ...AUDIT_DEFAULTS, knownPrincipals: ['local:user/mallory@*'] },
    });
    assert.deepEqual(
      result.accesses.map(({ action, secretName }) => `${action} ${String(secretName)}`),
      ['CreateSecret one', 'CreateSecret two', 'GetSecretValue one', 'GetSecretValue one', 'GetSecretValue two'],
    );
    assert.equal(result.unexplained, 0);
    assert.deepEqual(result.findings, []);
  });

  it('says that the log is worth nothing where it is not as it was written', async () => {
    const path = join(folder, 'access.log');
    await writeFile(path, (await readFile(path, 'utf8')).replace('mallory', 'nobody!'));
    const result = await audit();
    assert.deepEqual(
      result.accesses.map(({ eventId }) => eventId),
      ['line:4'],
      'what does not hold is not told as an access',
    );
    assert.deepEqual(
      result.findings.map(({ id, severity, technique }) => [id, severity, technique]),
      [['local-store:line-edited:access.log:3', 'critical', 'T1070']],
    );
    assert.equal(result.sources[0]?.complete, false);
    assert.match(result.skipped[0]?.why ?? '', /may be missing or made up/);
  });

  it('is told of a folder without a store', async () => {
    await rejectsWith('NOT_FOUND', audit({ local: { ...local(), folder: join(folder, 'nowhere') } }));
  });
});
