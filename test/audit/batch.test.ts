import assert from 'node:assert/strict';
import fc from 'fast-check';
import { countedOnce } from '../../src/lib/audit/batch.ts';
import { accessFrom } from '../../src/lib/audit/event.ts';
import { judge } from '../../src/lib/audit/judge.ts';
import { withTimeline } from '../../src/lib/audit/timeline.ts';
import { ACCOUNT, ARN, audited, facts, NAME, record, session, user, type Json } from '../support/trail.ts';

const other = (name: string) => `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:${name}-GhIjKl`;

const NAMES = ['a/one', 'a/two', 'a/three'];
const batch = (more: Json = {}) =>
  record({
    eventName: 'BatchGetSecretValue',
    requestParameters: { secretIdList: NAMES.map(other) },
    eventID: 'the-batch',
    ...more,
  });
const child = (name: string, more: Json = {}) => record({ requestParameters: { secretId: other(name) }, ...more });

/** The call of KMS that Secrets Manager makes for a read; it has a session key of its own. */
const decrypt = (more: Json = {}, version = 'AAAA-1') =>
  record({
    eventSource: 'kms.amazonaws.com',
    eventName: 'Decrypt',
    userIdentity: {
      ...user('alice', 'ASIAFORWARDED0EXAMPLE'),
      sessionContext: {},
      invokedBy: 'secretsmanager.amazonaws.com',
    },
    userAgent: 'secretsmanager.amazonaws.com',
    sourceIPAddress: 'secretsmanager.amazonaws.com',
    requestParameters: { encryptionContext: { SecretARN: ARN, SecretVersionId: version } },
    ...more,
  });

const judged = (records: readonly Json[]) =>
  withTimeline({ asked: null }, async (lines) => {
    const sink = lines.sink(false);
    for (const one of records) {
      const access = accessFrom(one);
      assert.ok(access);
      sink(access);
    }
    return await judge(lines.close(), facts());
  });

const bySecret = ({ accesses }: Awaited<ReturnType<typeof judged>>) =>
  accesses.map(({ secretName }) => secretName).toSorted();

describe('audit: every deed once', () => {
  it('counts a batch by its secrets, with and without the records of its single reads', async () => {
    const alone = await judged([batch()]);
    const withChildren = await judged([batch(), ...NAMES.map((name) => child(name))]);
    const childrenFirst = await judged([...NAMES.map((name) => child(name)), batch()]);
    for (const result of [alone, withChildren, childrenFirst]) {
      assert.deepEqual([result.total, result.unexplained], [3, 3]);
      assert.deepEqual(bySecret(result), NAMES.toSorted());
      assert.deepEqual(
        result.principals.map(({ accesses }) => accesses),
        [3],
      );
      assert.equal(result.findings.find(({ id }) => id.startsWith('unknown-principal:'))?.count ?? 3, 3);
    }
    // A part whose single read is missing is still counted.
    assert.equal((await judged([batch(), child('a/one'), child('a/two')])).total, 3);
  });

  it('counts the read of another caller, of another time, and a second one of the same, by itself', async () => {
    const bob = { userIdentity: user('bob', 'AKIABOB0000000EXAMPLE') };
    assert.equal((await judged([batch(), child('a/one', bob)])).total, 4);
    assert.equal((await judged([batch(), child('a/one', { eventTime: '2026-11-21T10:00:09Z' })])).total, 4);
    assert.equal((await judged([batch(), child('a/one'), child('a/one')])).total, 4);
    assert.equal((await judged([batch(), child('a/one', { errorCode: 'ResourceNotFoundException' })])).total, 4);
  });

  it('keeps a batch that names no secret: which ones it read nobody can tell', async () => {
    const filter = { requestParameters: { filters: [{ key: 'tag-key', values: ['!x'] }] } };
    assert.equal((await judged([batch(filter)])).total, 1);
  });

  it('counts a call of KMS with the read, the batch or the write that made Secrets Manager call it', async () => {
    const read = record({ requestParameters: { secretId: NAME, versionId: 'aaaa-1' } });
    const both = await judged([decrypt(), read]);
    assert.deepEqual([both.total, both.accesses[0]?.action], [1, 'GetSecretValue']);
    assert.equal((await judged([read, decrypt({ eventTime: '2026-11-21T10:00:02Z' })])).total, 1);
    const put = record({
      eventName: 'PutSecretValue',
      requestParameters: { secretId: ARN, clientRequestToken: 'BBBB-2' },
    });
    assert.equal((await judged([put, decrypt({ eventName: 'GenerateDataKey' }, 'bbbb-2')])).total, 1);
  });

  it('counts a call of KMS by itself where anything speaks against it', async () => {
    const read = record({ requestParameters: { secretId: NAME, versionId: 'aaaa-1' } });
    const apart: Json[] = [
      decrypt({ eventTime: '2026-11-21T10:00:03Z' }),
      decrypt({}, 'another'),
      decrypt({ userIdentity: { ...user('mallory'), invokedBy: 'secretsmanager.amazonaws.com' } }),
      // Not by Secrets Manager: whoever calls KMS himself has the encrypted value from elsewhere.
      decrypt({ userIdentity: user('alice') }),
      decrypt({ awsRegion: 'eu-west-1' }),
      decrypt({ errorCode: 'AccessDenied' }),
    ];
    for (const [index, one] of apart.entries()) assert.equal((await judged([read, one])).total, 2, String(index));
    assert.equal((await judged([read, decrypt(), decrypt()])).total, 2, 'one read makes one call');
    assert.equal((await judged([decrypt()])).total, 1, 'a read whose own record is missing');
  });

  for (const [what, eventTime] of [
    ['what has no time', null],
    ['a flood in one second', '2026-11-21T10:00:00Z'],
  ] as const) {
    it(`holds back only so much of ${what}`, async () => {
      let [given, taken, most] = [0, 0, 0];
      const one = audited({ eventTime });
      async function* flood() {
        for (let turn = 0; turn < 60; turn += 1) {
          given += 1_000;
          yield await Promise.resolve(Array.from({ length: 1_000 }, () => ({ ...one })));
          most = Math.max(most, given - taken);
        }
      }
      for await (const some of countedOnce(flood())) taken += some.length;
      assert.equal(taken, 60_000);
      assert.ok(most <= (eventTime === null ? 1_000 : 21_000), String(most));
    });
  }

  it('gives a call of KMS to the read that names its version, of two in one second', async () => {
    const plain = record();
    const named = record({ requestParameters: { secretId: ARN, versionId: 'aaaa-1' }, eventID: 'named' });
    const seen = await Array.fromAsync(
      countedOnce(
        (async function* () {
          yield await Promise.resolve([plain, named, decrypt({ eventID: 'kms' })].map((one) => audited(one)));
        })(),
      ),
    );
    assert.equal(seen.flat().find(({ eventId }) => eventId === 'kms')?.countedWith, 'named');
  });

  it('counts a call across accounts once, in whichever record it comes first', async () => {
    const shared = { sharedEventID: 'shared-1', userIdentity: session('ci', 'run') };
    const one = record({ ...shared, recipientAccountId: ACCOUNT });
    const two = record({ ...shared, recipientAccountId: '444455556666' });
    assert.equal((await judged([one, two])).total, 1);
    assert.equal((await judged([two, one])).total, 1);
    assert.equal((await judged([one, record({ ...two, eventID: 'x', sharedEventID: 'shared-2' })])).total, 2);
  });

  it('hands on every record, in its order, whatever it marks', async () => {
    const kinds = [() => record(), () => batch({ eventID: undefined }), () => child('a/one'), () => decrypt()];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(kinds.length - 1), fc.nat(12), fc.boolean()), { maxLength: 60 }),
        async (shape) => {
          const all = shape
            .toSorted((a, b) => a[1] - b[1])
            .map(([kind, second, timeless], index) => {
              const time = timeless && second === 0 ? null : `2026-11-21T10:00:${String(second).padStart(2, '0')}.000Z`;
              return { ...audited(kinds[kind]?.()), time, eventId: `e${String(index)}` };
            })
            .toSorted((a, b) => Number(a.time !== null) - Number(b.time !== null));
          const out = await Array.fromAsync(
            countedOnce(
              (async function* () {
                for (let at = 0; at < all.length; at += 7) yield await Promise.resolve(all.slice(at, at + 7));
              })(),
            ),
          );
          assert.deepEqual(
            out.flat().map(({ eventId }) => eventId),
            all.map(({ eventId }) => eventId),
          );
          // What is counted with another is counted with one that is counted, or that leads to one.
          const byId = new Map(out.flat().map((access) => [access.eventId, access]));
          for (const { countedWith, context } of byId.values()) {
            assert.equal(context, countedWith !== null);
            let next = countedWith;
            for (let step = 0; next !== null; step += 1) {
              assert.ok(step < 3);
              next = byId.get(next)?.countedWith ?? null;
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
