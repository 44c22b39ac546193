import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { auditSecret, type AuditRequest } from '../../src/lib/audit/audit.ts';
import { s3Source } from '../../src/lib/audit/sources/s3.ts';
import { AUDIT_DEFAULTS } from '../../src/lib/config/settings.ts';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { testContext } from '../support/context.ts';
import { setEnvironment } from '../support/env.ts';
import { hasMoto, startMoto } from '../support/moto.ts';
import { ACCOUNT, record } from '../support/trail.ts';

const BUCKET = 'trail-example';
const OTHER = '444455556666';

describe('audit: the bucket of a trail (moto)', function () {
  this.timeout(60_000);
  let client: S3Client;
  let environment: Record<string, string>;
  let close: (() => Promise<void>) | null = null;

  before(async function () {
    if (!hasMoto()) this.skip();
    const moto = await startMoto();
    environment = moto.environment;
    close = () => moto.close();
    client = new S3Client({
      endpoint: environment.AWS_ENDPOINT_URL ?? '',
      region: 'us-east-1',
      credentials: { accessKeyId: 'AKIAMOTO00000EXAMPLE', secretAccessKey: 'moto-secret-key-EXAMPLE' },
      forcePathStyle: true,
    });
    for (const name of [BUCKET, 'empty-example', 'large-example'])
      await client.send(new CreateBucketCommand({ Bucket: name }));
    for (const [account, region, day] of PLACES) await put(account, region, day);
    await putAt(`${root(OTHER)}CloudTrail-Digest/us-east-1/2026/11/20/${OTHER}_CloudTrail-Digest_x.json.gz`, '{}');
    await putAt(`trails/AWSLogs/${ACCOUNT}/elasticloadbalancing/us-east-1/2026/11/20/x.json.gz`, '{"Records":[]}');
    await putAt('trails/elsewhere/notes.json', '{"Records":[]}');
  });
  after(async () => {
    if (close === null) return;
    client.destroy();
    await close();
  });

  const withEnvironment = async <Result>(variables: Record<string, string>, work: () => Promise<Result>) => {
    const restore = setEnvironment(variables);
    try {
      return await work();
    } finally {
      restore();
    }
  };

  /** An organisation's trail, and one of a single account. */
  const root = (account: string) => `trails/AWSLogs/${account === OTHER ? 'o-example0001/' : ''}${account}/`;

  const PLACES = [
    [ACCOUNT, 'us-east-1', '2026-11-17'],
    [ACCOUNT, 'us-east-1', '2026-11-18'],
    [ACCOUNT, 'us-east-1', '2026-11-20'],
    [ACCOUNT, 'us-east-1', '2026-11-22'],
    [ACCOUNT, 'us-east-1', '2026-11-23'],
    [ACCOUNT, 'eu-west-1', '2026-11-20'],
    [OTHER, 'us-east-1', '2026-11-20'],
  ] as const;

  const keyOf = (account: string, region: string, day: string) =>
    `${root(account)}CloudTrail/${region}/${day.replaceAll('-', '/')}/${account}_CloudTrail_${region}_${day.replaceAll('-', '')}T1200Z_x.json.gz`;

  const putAt = (key: string, body: string | Uint8Array, bucket = BUCKET) =>
    client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));

  const put = (account: string, region: string, day: string) =>
    putAt(
      keyOf(account, region, day),
      gzipSync(
        JSON.stringify({
          Records: [
            record({ eventID: `${account}/${region}/${day}`, eventTime: `${day}T11:55:00Z`, awsRegion: region }),
            record({ eventSource: 's3.amazonaws.com', eventTime: `${day}T11:55:00Z` }),
          ],
        }),
      ),
    );

  const window = (since: string, until: string) => ({ since: Date.parse(since), until: Date.parse(until) });

  async function read(url: string, over: { since: number; until: number } | null) {
    const ids: string[] = [];
    const context = testContext();
    const result = await withEnvironment(environment, () =>
      s3Source({ url, aws: {}, window: over }).read(({ eventId }) => ids.push(eventId), context),
    );
    const listed = context.events.filter((event) => event.kind === 'debug' && event.text.includes('ListObjectsV2'));
    return { ...result, ids: ids.sort(), lists: listed.length };
  }

  it('reads what an organisation has delivered, of all accounts and Regions', async () => {
    const { ids, report, skipped } = await read(`s3://${BUCKET}/trails`, null);
    assert.deepEqual(ids, PLACES.map((place) => place.join('/')).sort());
    assert.deepEqual(
      [report.kind, report.files, report.records, report.events, report.complete],
      ['s3', 7, 14, 7, true],
    );
    assert.deepEqual(skipped, []);
  });

  it('opens only the days of the window and one on either side', async () => {
    const over = window('2026-11-19T00:00:00Z', '2026-11-21T23:00:00Z');
    const { ids, report } = await read(`s3://${BUCKET}/trails/`, over);
    assert.equal(report.files, 5);
    assert.deepEqual(ids, [
      `${ACCOUNT}/eu-west-1/2026-11-20`,
      `${ACCOUNT}/us-east-1/2026-11-20`,
      `${OTHER}/us-east-1/2026-11-20`,
    ]);
  });

  it('reads from a prefix that ends at an account, a Region, a day, or at one file', async () => {
    const of = async (prefix: string) => (await read(`s3://${BUCKET}/${prefix}`, null)).ids.length;
    assert.equal(await of(root(ACCOUNT)), 6);
    assert.equal(await of(`${root(ACCOUNT)}CloudTrail/us-east-1`), 5);
    assert.equal(await of(`${root(ACCOUNT)}CloudTrail/us-east-1/2026/11/20`), 1);
    assert.equal(await of(keyOf(OTHER, 'us-east-1', '2026-11-20')), 1);
  });

  it('fetches many files, each once, in bounded number', async () => {
    for (let number = 0; number < 40; number += 1) {
      const body = gzipSync(JSON.stringify({ Records: [record()] }));
      await putAt(
        `AWSLogs/${ACCOUNT}/CloudTrail/us-east-1/2026/11/20/${String(number)}.json.gz`,
        body,
        'large-example',
      );
    }
    const { ids, report } = await read('s3://large-example', null);
    assert.deepEqual([report.files, new Set(ids).size], [40, 40]);
  });

  it('tells a file that is gone, one that is broken, and a place where nothing is', async () => {
    const gone = await read(`s3://${BUCKET}/trails/gone.json.gz`, null);
    assert.equal(gone.report.complete, false);
    assert.deepEqual(gone.skipped, [{ where: `s3://${BUCKET}/trails/gone.json.gz`, why: 'it is gone' }]);
    const broken = `${root(ACCOUNT)}CloudTrail/us-west-2/2026/11/20/broken.json.gz`;
    await putAt(broken, gzipSync(JSON.stringify({ Records: [record()] })).subarray(0, 60));
    const { skipped, report } = await read(`s3://${BUCKET}/${root(ACCOUNT)}CloudTrail/us-west-2`, null);
    await client.send(new DeleteObjectCommand({ Bucket: BUCKET, Key: broken }));
    assert.deepEqual([skipped[0]?.where, report.complete], [`s3://${BUCKET}/${broken}`, false]);
    const none = await read('s3://empty-example', window('2026-11-19T00:00:00Z', '2026-11-20T00:00:00Z'));
    assert.match(none.skipped[0]?.why ?? '', /no file of a trail of those days is there/);
    assert.equal(none.report.complete, false);
  });

  it('fails where there is no such bucket, and for what is no place in S3', async () => {
    const code = (expected: string) => (error: unknown) => error instanceof JamfMcpError && error.code === expected;
    await assert.rejects(read('s3://nobody-has-this-example/x', null), code('NOT_FOUND'));
    for (const url of ['s3://', 's3:///x', 's3://UPPER/x', 's3://a/x'])
      await assert.rejects(read(url, null), code('INPUT_INVALID'), url);
  });

  it('is audited as files are', async () => {
    const request: AuditRequest = {
      secret: null,
      store: 'aws',
      aws: {},
      files: { paths: [`s3://${BUCKET}/trails`] },
      ecs: { cluster: 'c', service: 's' },
      settings: AUDIT_DEFAULTS,
      baseline: null,
      local: { folder: '/nonexistent', user: null, localKey: null },
    };
    const { sources, total } = await withEnvironment(environment, () => auditSecret(request, testContext()));
    assert.deepEqual([sources.map(({ kind }) => kind), total], [['s3'], 7]);
  });
});
