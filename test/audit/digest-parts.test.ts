import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { parseDigest, stringToSign } from '../../src/lib/audit/digest/digest.ts';
import { unpackMember } from '../../src/lib/audit/digest/member.ts';
import { digestName, logName } from '../../src/lib/audit/digest/names.ts';
import { parseS3Address } from '../../src/lib/audit/sources/s3-list.ts';

describe('audit verify: the parts', () => {
  describe('a gzip member', () => {
    async function* cut(bytes: Buffer, length: number) {
      for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
    }
    const unpack = async (bytes: Buffer, length = 7, most = 1 << 30) => {
      const content: Buffer[] = [];
      const unpacked = await unpackMember(cut(bytes, length), most, (chunk) => content.push(Buffer.from(chunk)));
      return { ...unpacked, content: Buffer.concat(content) };
    };

    it('is unpacked whatever the chunks, and what comes after it is counted', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.uint8Array({ minLength: 1, maxLength: 3_000 }),
          fc.uint8Array({ maxLength: 40 }),
          fc.integer({ min: 1, max: 400 }),
          async (bytes, after, length) => {
            const { content, ...rest } = await unpack(Buffer.concat([gzipSync(bytes), after]), length);
            assert.deepEqual(rest, { size: bytes.length, trailing: after.length, problem: null });
            assert.ok(content.equals(Buffer.from(bytes)));
          },
        ),
        { numRuns: 60 },
      );
    });

    it('has a header that may hold a name, a comment, more and a check of itself', async () => {
      const packed = gzipSync('content');
      const header = Buffer.from([0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3]);
      const members = Buffer.from('\x03\0abcname\0comment\0\x12\x34', 'latin1');
      for (const length of [1, 9, 1_000]) {
        const { content, problem, trailing } = await unpack(
          Buffer.concat([header, members, packed.subarray(10)]),
          length,
        );
        assert.deepEqual([content.toString(), problem, trailing], ['content', null, 0]);
      }
    });

    it('is told as what is wrong with it', async () => {
      const packed = gzipSync('content');
      const flipped = (at: number) => {
        const bytes = Buffer.from(packed);
        bytes[at] = (bytes.at(at) ?? 0) ^ 0xff;
        return bytes;
      };
      for (const [bytes, problem] of [
        [Buffer.alloc(0), 'it is empty'],
        [packed.subarray(0, 5), 'its gzip data end too soon'],
        [packed.subarray(0, 12), 'its gzip data end too soon'],
        [packed.subarray(0, -1), 'its gzip data end too soon'],
        [packed.subarray(0, -8), 'its gzip data end too soon'],
        [flipped(2), 'its gzip data are broken'],
        [flipped(packed.length - 8), 'its gzip data are broken'],
        [flipped(packed.length - 1), 'its gzip data are broken'],
        [gzipSync(Buffer.alloc(3 << 20)), 'it unpacks to more than 2 MiB'],
      ] as const) {
        assert.equal((await unpack(bytes, 1_000, 2 << 20)).problem, problem);
      }
    });

    it('is not needed: what is not packed is taken as it is', async () => {
      const { content, problem } = await unpack(Buffer.from('{"Records":[]}'));
      assert.deepEqual([content.toString(), problem], ['{"Records":[]}', null]);
    });

    it('hands on what reading fails with', async () => {
      async function* broken() {
        yield gzipSync('content').subarray(0, 15);
        await Promise.resolve();
        throw new Error('connection lost');
      }
      await assert.rejects(
        unpackMember(broken(), 100, () => undefined),
        /connection lost/,
      );
    });
  });

  describe('a digest', () => {
    const body = {
      awsAccountId: '111122223333',
      digestStartTime: '2026-11-20T00:00:30Z',
      digestEndTime: '2026-11-20T01:00:30Z',
      digestS3Bucket: 'trail-bucket',
      digestS3Object: 'AWSLogs/digest.json.gz',
      digestPublicKeyFingerprint: 'f1',
      previousDigestS3Bucket: 'trail-bucket',
      previousDigestS3Object: 'AWSLogs/before.json.gz',
      previousDigestHashValue: 'aa',
      previousDigestSignature: 'bb',
      logFiles: [
        { s3Bucket: 'trail-bucket', s3Object: 'AWSLogs/log.json.gz', hashValue: 'CC', hashAlgorithm: 'SHA-256' },
      ],
    };
    const parse = (value: unknown) => parseDigest(Buffer.from(JSON.stringify(value)));

    it('is read, and signed over four lines', () => {
      const digest = parse(body);
      assert.ok(typeof digest === 'object');
      assert.deepEqual(digest.previous, {
        bucket: 'trail-bucket',
        key: 'AWSLogs/before.json.gz',
        hash: 'aa',
        signature: 'bb',
      });
      assert.deepEqual(digest.logs, [{ bucket: 'trail-bucket', key: 'AWSLogs/log.json.gz', hash: 'cc' }]);
      const hash = createHash('sha256').update(JSON.stringify(body)).digest('hex');
      assert.equal(stringToSign(digest), `2026-11-20T01:00:30Z\ntrail-bucket/AWSLogs/digest.json.gz\n${hash}\nbb`);
      const first = parse({
        ...body,
        previousDigestS3Bucket: null,
        previousDigestS3Object: null,
        previousDigestSignature: null,
      });
      assert.ok(typeof first === 'object' && first.previous === null);
      assert.match(stringToSign(first), /\nnull$/);
    });

    it('is none where a member is missing, or is something else', () => {
      for (const [value, why] of [
        [null, /not a JSON object/],
        [[], /not a JSON object/],
        [{}, /digestS3Bucket.*digestPublicKeyFingerprint/],
        [{ ...body, digestEndTime: 'yesterday' }, /: digestEndTime cannot be read/],
        [{ ...body, digestS3Object: 7 }, /: digestS3Object cannot/],
        [{ ...body, previousDigestSignature: undefined }, /: previousDigestSignature cannot/],
        [{ ...body, previousDigestS3Object: {} }, /: previousDigestS3Object cannot/],
        [{ ...body, logFiles: {} }, /: logFiles cannot/],
        [{ ...body, logFiles: [null] }, /: logFiles cannot/],
        [{ ...body, logFiles: [{ ...body.logFiles[0], hashValue: null }] }, /: logFiles cannot/],
        [{ ...body, logFiles: [{ ...body.logFiles[0], hashAlgorithm: 'MD5' }] }, /: logFiles cannot/],
      ] as const) {
        const told = parse(value);
        assert.match(typeof told === 'string' ? told : 'a digest', why);
      }
      assert.equal(parseDigest(Buffer.from('{"a":')), 'it is not JSON');
    });
  });

  describe('a name', () => {
    it('tells of a digest whose it is, and until when', () => {
      assert.deepEqual(
        digestName('111122223333_CloudTrail-Digest_us-gov-west-1_a_b-c.d_us-east-1_20261120T010030Z_backfill.json.gz'),
        {
          account: '111122223333',
          region: 'us-gov-west-1',
          trail: 'a_b-c.d',
          home: 'us-east-1',
          endMs: Date.UTC(2026, 10, 20, 1, 0, 30),
          backfill: true,
        },
      );
      assert.equal(
        digestName('111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20261120T010030Z.json')?.backfill,
        false,
      );
      assert.equal(digestName('111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20261320T010030Z.json'), null);
    });

    it('tells of a log file whose it is, and when it was delivered', () => {
      const log = { account: '111122223333', region: 'eu-west-1', atMs: Date.UTC(2026, 10, 20, 1, 20) };
      assert.deepEqual(logName('111122223333_CloudTrail_eu-west-1_20261120T0120Z_AbC123.json.gz'), log);
      assert.deepEqual(logName('111122223333_CloudTrail-Insight_eu-west-1_20261120T0120Z_AbC123.json.gz'), log);
      assert.equal(logName('111122223333_CloudTrail-Digest_eu-west-1_t_eu-west-1_20261120T010030Z.json.gz'), null);
      assert.equal(logName('notes.json'), null);
    });

    it('tells of a bucket its prefix', () => {
      assert.deepEqual(parseS3Address('s3://my.bucket-1/a/b//'), { bucket: 'my.bucket-1', prefix: 'a/b' });
      assert.deepEqual(parseS3Address('s3://bucket'), { bucket: 'bucket', prefix: '' });
      for (const text of ['s3://', 's3://B', 'https://bucket', 's3://a b/c']) {
        assert.throws(() => parseS3Address(text), { code: 'INPUT_INVALID' });
      }
    });
  });
});
