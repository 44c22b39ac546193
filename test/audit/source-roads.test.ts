import assert from 'node:assert/strict';
import { auditSecret, type AuditRequest } from '../../src/lib/audit/audit.ts';
import { AUDIT_DEFAULTS } from '../../src/lib/config/settings.ts';
import { EVENT_DATA_STORE } from '../../src/lib/sandbox/lake.ts';
import { TRAIL_BUCKET } from '../../src/lib/sandbox/s3.ts';
import { withSandbox } from '../support/sandbox.ts';
import { contextIn } from '../support/sandbox-context.ts';
import { askedRecords } from '../support/asked-trail.ts';
import { ARN, NAME, record, type Json } from '../support/trail.ts';

const DAY = 86_400_000;
const OWN = '000000000000';
const TRAIL = `s3://${TRAIL_BUCKET}`;

describe('audit: the same by every road', () => {
  const sandbox = withSandbox({ history: true });

  const audit = async (more: Partial<AuditRequest> = {}) => {
    const context = contextIn(sandbox());
    context.answer(true);
    const request: AuditRequest = {
      secret: NAME,
      store: 'aws',
      aws: {},
      ecs: { cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service' },
      settings: AUDIT_DEFAULTS,
      baseline: null,
      local: { folder: '/nonexistent/EXAMPLE', user: 'tester' } as unknown as AuditRequest['local'],
      since: '30d',
      ...more,
    };
    const result = await auditSecret(request, context);
    const warnings = context.events.flatMap((event) => (event.kind === 'warning' ? [event.text] : []));
    return { ...result, warnings, ids: result.accesses.map(({ eventId }) => eventId) };
  };
  const files = { paths: [TRAIL] };
  /** The same record in the account of the credentials. */
  const ofOwn = (one: Json) => JSON.parse(JSON.stringify(one).replaceAll('111122223333', OWN)) as Json;
  const plantOwn = () => {
    for (const one of askedRecords(sandbox().clock.now() - DAY)) sandbox().trail.plant(ofOwn(one) as never);
  };

  it('tells the same accesses, judged the same, by the event history, Athena, Lake and the files', async () => {
    plantOwn();
    const [lookup, athena, lake] = [
      await audit({ source: 'lookup' }),
      await audit({ source: 'athena', files }),
      await audit({ source: 'lake' }),
    ];
    assert.equal(lookup.total, 20);
    for (const other of [athena, lake]) {
      // The event history is asked for the events of Secrets Manager alone; the key's come with a query.
      assert.deepEqual(
        other.accesses.filter(({ service }) => service !== 'kms'),
        lookup.accesses,
      );
      assert.equal(other.total, lookup.total + 1);
      assert.deepEqual(
        [other.secret, other.window.since?.slice(0, 16)],
        [lookup.secret, lookup.window.since?.slice(0, 16)],
      );
    }
    // Files are read with nothing asked of AWS, so fewer are explained; what was found is the same.
    const s3 = await audit({ source: 's3', files });
    assert.deepEqual(new Set(s3.ids), new Set(athena.ids));
    assert.deepEqual(
      [lookup, athena, lake, s3].map(({ sources }) => sources.map(({ kind }) => kind).join()),
      ['lookup-events', 'athena', 'lake', 's3'],
    );
    // The calls that guard a secret come with a query; of the event history they are asked for.
    const guards = ({ findings }: typeof lookup) => findings.some(({ id }) => id.startsWith('trail'));
    assert.deepEqual([guards(lookup), guards(athena), guards(lake), guards(s3)], [false, true, true, true]);
  });

  it('goes past the reach of the event history by what the settings know of, and says so', async () => {
    const eventTime = new Date(sandbox().clock.now() - 150 * DAY).toISOString();
    const old = ofOwn(record({ eventTime, requestParameters: { secretId: NAME } }));
    sandbox().trail.plant(old as never);
    const settings = { ...AUDIT_DEFAULTS, trail: TRAIL };
    const { ids, sources, warnings } = await audit({ since: '200d', settings });
    assert.equal(sources[0]?.kind, 'athena');
    assert.ok(ids.includes(String(old.eventID)));
    assert.deepEqual(warnings, [`the event history keeps 90 days: Athena is asked about ${TRAIL}`]);
    const lake = await audit({
      since: '200d',
      settings: { ...AUDIT_DEFAULTS, lake: { eventDataStore: EVENT_DATA_STORE } },
    });
    assert.deepEqual(
      [lake.sources[0]?.kind, lake.warnings],
      ['lake', ['the event history keeps 90 days: CloudTrail Lake is asked']],
    );
    const near = await audit({ since: '89d', settings });
    assert.deepEqual([near.sources[0]?.kind, near.warnings], ['lookup-events', []]);
    await assert.rejects(audit({ since: '200d' }), {
      code: 'INPUT_INVALID',
      hint: /audit s3:\/\/BUCKET, with --source athena/,
    });
  });

  it('asks about the account of the secret, too, where a query can', async () => {
    for (const one of askedRecords(sandbox().clock.now() - DAY)) sandbox().trail.plant(one as never);
    const foreign = ({ skipped }: Awaited<ReturnType<typeof audit>>) =>
      skipped.some(({ where, why }) => where === 'account 111122223333' && why.includes('the secret is there'));
    const lookup = await audit({ source: 'lookup', secret: ARN });
    const lake = await audit({ source: 'lake', secret: ARN });
    assert.deepEqual([foreign(lookup), foreign(lake)], [true, false]);
    assert.equal(lake.total, 6);
    const alone = await audit({ source: 'athena', files, secret: ARN, query: { accounts: ['111122223333'] } });
    assert.deepEqual([alone.total, alone.sources[0]?.account], [6, '111122223333']);
    const none = await audit({ source: 'lake', secret: ARN, query: { accounts: ['444455556666'] } });
    assert.deepEqual([none.total, foreign(none)], [0, true]);
  });
});
