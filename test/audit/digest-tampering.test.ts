/** What can be done to the files of a trail: each is found, and found as what it is, in a folder and in a bucket. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyTrail } from '../../src/lib/audit/digest/verify-trail.ts';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { cleanEnvironment } from '../support/cli.ts';
import { testContext } from '../support/context.ts';
import { HOURS, key, TAMPERINGS, type Tampering } from '../support/digest-tamperings.ts';
import { addChain, listedKeys, writeObjects, type Objects } from '../support/digests.ts';
import { startS3, withS3, type TestS3 } from '../support/s3.ts';

const WINDOW = { since: Date.UTC(2026, 10, 19), until: Date.UTC(2026, 10, 21) };

const tampered = (change: Tampering['change']) => {
  const objects: Objects = new Map();
  const chain = addChain(objects, { key, hours: HOURS });
  change(objects, chain);
  return { objects, chain };
};

const sorted = (finds: readonly (readonly string[])[]) => finds.map((find) => find.join(' ')).sort();

describe('audit verify: tampering', () => {
  const s3 = withS3();
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-trail-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const verify = async (where: string, window: typeof WINDOW | null) => {
    const keys = join(folder, 'keys');
    await writeFile(keys, listedKeys(key));
    const request = { where, window, aws: {}, keys: [keys], saveKeys: null };
    const { findings, trail } = await verifyTrail(request, testContext());
    assert.deepEqual(trail.skipped, []);
    const found = findings.map(({ rule, file }) => [rule, file.slice(file.indexOf('AWSLogs'))]);
    return { found, digests: trail.chains[0]?.digests ?? assert.fail('no chain') };
  };

  for (const { what, change, finds, bucket = finds, unproved = 1 } of TAMPERINGS) {
    it(`${what}: in a folder, without metadata`, async () => {
      const { objects, chain } = tampered(change);
      await writeObjects(objects, join(folder, 'synced'));
      const { found, digests } = await verify(join(folder, 'synced'), null);
      assert.deepEqual(sorted(found), sorted(finds(chain)));
      assert.equal(digests.unproved, unproved);
    });

    it(`${what}: in a bucket`, async () => {
      const { objects, chain } = tampered(change);
      s3().buckets.set(chain.bucket, objects);
      const { found, digests } = await verify(`s3://${chain.bucket}`, WINDOW);
      assert.deepEqual(sorted(found), sorted(bucket(chain)));
      assert.equal(digests.unproved, 0);
      assert.ok(digests.proved + digests.invalid + digests.missing >= HOURS);
    });
  }
});

/** Asked once, outside all tests: whether the peer is there decides what is skipped. */
const present = spawnSync('aws', ['--version']).status === 0;
const describePeer = present || process.env.CI === 'true' ? describe : describe.skip;

describePeer('audit verify: aws cloudtrail validate-logs', function () {
  this.timeout(120_000);
  let s3: TestS3;
  let sandbox: Sandbox;
  before(async () => {
    [s3, sandbox] = await Promise.all([startS3(), startSandbox()]);
    sandbox.trail.publish({ region: 'us-east-1', ...key, since: 0, until: Date.UTC(2030, 0) });
  });
  after(() => Promise.all([s3.close(), sandbox.close()]));

  const validate = (bucket: string) =>
    new Promise<{ code: number; invalid: string[]; stdout: string }>((resolve) => {
      const trail = [
        '--trail-arn',
        'arn:aws:cloudtrail:us-east-1:111122223333:trail/management',
        '--s3-bucket',
        bucket,
      ];
      const times = Object.values(WINDOW).map((ms) => new Date(ms).toISOString());
      const args = [
        'cloudtrail',
        'validate-logs',
        ...trail,
        '--start-time',
        times[0] ?? '',
        '--end-time',
        times[1] ?? '',
      ];
      const env = cleanEnvironment({ ...sandbox.environment, AWS_ENDPOINT_URL_S3: s3.url });
      execFile('aws', args, { env, encoding: 'utf8' }, (error, stdout, stderr) => {
        const invalid = [...stderr.matchAll(/s3:\/\/[^/]+\/(\S+)\tINVALID/g)].map(([, name]) => name ?? '');
        resolve({ code: error ? Number(error.code) : 0, invalid: invalid.sort(), stdout });
      });
    });

  // Four processes at a time: each takes a second or two to start.
  for (let from = 0; from < TAMPERINGS.length; from += 4) {
    const some = TAMPERINGS.slice(from, from + 4);
    it(`agrees: ${some.map(({ what }) => what).join('; ')}`, async () => {
      await Promise.all(
        some.map(async ({ what, change, finds, bucket = finds, peer }, index) => {
          const name = `trail-bucket-${String(from + index)}`;
          const objects: Objects = new Map();
          const chain = addChain(objects, { key, hours: HOURS, bucket: name });
          change(objects, chain);
          s3.buckets.set(name, objects);
          const expected = peer === false ? [] : bucket(chain).map(([, file]) => file);
          const { code, invalid, stdout } = await validate(name);
          assert.deepEqual(invalid, expected.sort(), what);
          assert.equal(code, expected.length > 0 ? 1 : 0, what);
          if (expected.length === 0) assert.match(stdout, /6\/6 digest files valid\n12\/12 log files valid/);
        }),
      );
    });
  }
});
