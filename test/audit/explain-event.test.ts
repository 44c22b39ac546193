import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Chalk } from 'chalk';
import { auditSecret, type AuditRequest } from '../../src/lib/audit/audit.ts';
import { learnBaseline } from '../../src/lib/audit/baseline-manage.ts';
import { explainEvent } from '../../src/lib/audit/explain-event.ts';
import { drawEvent } from '../../src/lib/audit/explain-report.ts';
import { AUDIT_DEFAULTS } from '../../src/lib/config/settings.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { testContext } from '../support/context.ts';
import { NAME, record } from '../support/trail.ts';

describe('audit: one event in files', () => {
  let folder = '';
  let request: AuditRequest;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'audit-event-'));
    await writeFile(join(folder, 'one.json'), JSON.stringify({ Records: [record({ eventID: 'known' })] }));
    request = {
      secret: NAME,
      store: 'aws',
      files: { paths: [join(folder, 'one.json')] },
      aws: {},
      ecs: { cluster: 'c', service: 's' },
      settings: AUDIT_DEFAULTS,
      baseline: null,
      local: { folder, user: null, localKey: null },
    };
  });

  after(async () => {
    await rm(folder, { recursive: true });
  });

  it('finds it, and tells what to do about it', async () => {
    const told = await explainEvent('known', request, testContext());
    assert.deepEqual(
      told.accesses.map(({ access }) => access.eventId),
      ['known'],
    );
    const drawn = drawEvent(told, { ink: new Chalk({ level: 0 }), width: 80 });
    assert.match(drawn, /^findings\nhigh {2}arn:aws:iam::111122223333:user\/alice is not known [^]*? {6}fix: /m);
    for (const line of drawn.split('\n')) assert.ok(line.length <= 80, line);
  });

  it('says what was not looked at where it is not found, such as a second id that was taken for a file', async () => {
    const files = { paths: [join(folder, 'one.json'), join(folder, 'second-id')] };
    await assert.rejects(
      explainEvent('other', { ...request, files }, testContext()),
      (error) =>
        error instanceof JamfMcpError &&
        error.code === 'NOT_FOUND' &&
        error.message.endsWith(`not looked at: ${join(folder, 'second-id')}: it is not there`) &&
        error.hint?.startsWith('name one event id') === true,
    );
    await assert.rejects(
      explainEvent('other', request, testContext()),
      (error) => error instanceof JamfMcpError && !error.message.includes('not looked at'),
    );
  });

  it('learns without telling that nothing was learnt before', async () => {
    const file = { path: join(folder, 'baseline.yaml'), content: '', save: () => Promise.resolve() };
    const files = { paths: [join(folder, 'one.json'), join(folder, 'gone.json')] };
    const { accesses, skipped } = await learnBaseline({ ...request, files }, file, { dryRun: true }, testContext());
    assert.equal(accesses, 1);
    assert.deepEqual(
      skipped.map(({ where }) => where),
      [join(folder, 'gone.json')],
    );
  });

  it('begins with the first record there is where only an end is named', async () => {
    const { window, total } = await auditSecret({ ...request, until: '2026-11-21' }, testContext());
    assert.deepEqual([window.since, window.until, total], [null, '2026-11-21T23:59:59.000Z', 1]);
  });
});
