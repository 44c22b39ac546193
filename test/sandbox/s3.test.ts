import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { s3Source } from '../../src/lib/audit/sources/s3.ts';
import { TRAIL_BUCKET } from '../../src/lib/sandbox/s3.ts';
import { sdkConfig, secretsClient, withSandbox } from '../support/sandbox.ts';
import { contextIn } from '../support/sandbox-context.ts';

const DAY = 86_400_000;

describe('sandbox: the bucket of the trail', () => {
  const sandbox = withSandbox({ history: true });
  let client: S3Client;
  beforeEach(() => {
    client = new S3Client(sdkConfig(sandbox()));
  });
  afterEach(() => {
    client.destroy();
  });

  const list = (input: object = {}) => client.send(new ListObjectsV2Command({ Bucket: TRAIL_BUCKET, ...input }));
  const keysOf = async (input: object = {}) => ((await list(input)).Contents ?? []).map(({ Key = '' }) => Key);

  it('has every record once, in files by account, Region and day, and none of reading it', async () => {
    const secrets = secretsClient(sandbox());
    await secrets.send(new GetSecretValueCommand({ SecretId: 'jamf-mcp-server/production' })).catch(() => undefined);
    secrets.destroy();
    const keys = await keysOf();
    const ids: string[] = [];
    for (const key of keys) {
      assert.match(
        key,
        /^AWSLogs\/(0{12})\/CloudTrail\/us-east-1\/\d{4}\/\d\d\/\d\d\/\1_CloudTrail_us-east-1_\d{8}T\d{3}[05]Z_[0-9a-f]{16}\.json\.gz$/,
      );
      const { Body } = await client.send(new GetObjectCommand({ Bucket: TRAIL_BUCKET, Key: key }));
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
      const { Records } = JSON.parse(gunzipSync(bytes).toString()) as { Records: { eventID: string }[] };
      ids.push(...Records.map(({ eventID }) => eventID));
    }
    const { records } = sandbox().trail;
    assert.equal(records.length, 16);
    assert.deepEqual(ids.toSorted(), records.map(({ eventID }) => eventID).sort());
    assert.ok(!records.some(({ eventSource }) => eventSource === 's3.amazonaws.com'));
  });

  it('lists by prefix, folder and page', async () => {
    const all = await keysOf();
    assert.ok(all.length >= 8);
    assert.deepEqual(all, all.toSorted());
    const folders = async (Prefix: string) =>
      ((await list({ Prefix, Delimiter: '/' })).CommonPrefixes ?? []).map((one) => one.Prefix);
    assert.deepEqual(await folders(''), ['AWSLogs/']);
    assert.deepEqual(await folders('AWSLogs/'), ['AWSLogs/000000000000/']);
    assert.deepEqual(await keysOf({ StartAfter: all[2] }), all.slice(3));
    assert.deepEqual(
      await keysOf({ Prefix: all[0]?.slice(0, 52) ?? '' }),
      all.filter((key) => key.startsWith(all[0]?.slice(0, 52) ?? '')),
    );
    const paged: string[] = [];
    let token: string | undefined;
    do {
      const page = await list({ MaxKeys: 3, ContinuationToken: token });
      assert.ok((page.Contents ?? []).length <= 3);
      paged.push(...(page.Contents ?? []).map(({ Key = '' }) => Key));
      token = page.NextContinuationToken;
    } while (token !== undefined);
    assert.deepEqual(paged, all);
  });

  it('refuses what is not there, and what it cannot do', async () => {
    await assert.rejects(list({ Bucket: 'another-example' }), { name: 'NoSuchBucket' });
    const get = (Key: string) => client.send(new GetObjectCommand({ Bucket: TRAIL_BUCKET, Key }));
    await assert.rejects(get('AWSLogs/none.json.gz'), { name: 'NoSuchKey' });
    const put = new PutObjectCommand({ Bucket: TRAIL_BUCKET, Key: 'x', Body: 'x' });
    await assert.rejects(client.send(put), { name: 'UnknownOperationException' });
  });

  it('is a source of the audit', async () => {
    const now = sandbox().clock.now();
    const window = { since: now - 30 * DAY, until: now };
    const found: string[] = [];
    const source = s3Source({ url: `s3://${TRAIL_BUCKET}`, aws: { region: 'us-east-1' }, window });
    const { report, skipped } = await source.read(({ eventId }) => {
      found.push(eventId);
    }, contextIn(sandbox()));
    assert.equal(report.place, `s3://${TRAIL_BUCKET}`);
    assert.deepEqual([report.events, report.complete, skipped, new Set(found).size], [15, true, [], 15]);
  });
});
