import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { keyRing, readKeys } from '../../src/lib/audit/digest/keys.ts';
import { drawVerify } from '../../src/lib/audit/report-verify.ts';
import { verifyTrail, type TrailRequest } from '../../src/lib/audit/digest/verify-trail.ts';
import { Chalk } from 'chalk';
import { openFindings, type VerifyResult } from '../../src/lib/audit/verify.ts';
import { testContext } from '../support/context.ts';
import {
  addChain,
  edit,
  HOUR,
  listedKeys,
  signingKey,
  START,
  writeObjects,
  type ChainOptions,
  type Objects,
} from '../support/digests.ts';
import { withS3 } from '../support/s3.ts';
import { withSandbox } from '../support/sandbox.ts';

const key = signingKey();
const other = signingKey();

describe('audit verify: digest chains', () => {
  let folder: string;
  let objects: Objects;
  const chainOf = (options: Partial<ChainOptions> = {}) => addChain(objects, { key, ...options });
  const archive = () => join(folder, 'archive');
  const write = (keep: readonly string[] = []) => writeObjects(objects, archive(), keep);
  const verify = (request: Partial<TrailRequest> = {}, context = testContext()) =>
    verifyTrail(
      { where: archive(), window: null, aws: {}, keys: [join(folder, 'keys.json')], saveKeys: null, ...request },
      context,
    );
  const rules = (findings: readonly { rule: string; file: string }[]) =>
    findings.map(({ rule, file }) => `${rule} ${basename(file)}`);
  const at = (list: readonly string[], index: number) => list.at(index) ?? assert.fail('there is no such file');

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-trail-'));
    objects = new Map();
    await writeFile(join(folder, 'keys.json'), listedKeys(key));
  });
  afterEach(() => rm(folder, { recursive: true }));

  describe('in a folder', () => {
    it('proves the newest digest too where its metadata were saved beside it', async () => {
      const { digests } = chainOf();
      await write([at(digests, -1)]);
      const { trail, findings } = await verify();
      assert.deepEqual(findings, []);
      const [chain] = trail.chains;
      assert.deepEqual(chain?.digests, { proved: 6, unproved: 0, invalid: 0, missing: 0 });
      assert.deepEqual(chain.logFiles, { proved: 12, unproved: 0, invalid: 0, missing: 0 });
      assert.deepEqual(chain.proved, [{ since: '2026-11-20T00:00:30.000Z', until: '2026-11-20T06:00:30.000Z' }]);
    });

    it('finds a newest digest that was edited by the metadata beside it, and without them says that it is not proved', async () => {
      const { digests } = chainOf();
      edit(objects, at(digests, -1), (text) => text.replace('"hashAlgorithm"', '"hashAlgorithm" '));
      await write([at(digests, -1)]);
      const found = await verify();
      assert.deepEqual(rules(found.findings), [`digest-changed ${basename(at(digests, -1))}`]);
      await rm(join(archive(), `${at(digests, -1)}.metadata.json`));
      const { trail, findings } = await verify();
      assert.deepEqual(findings, []);
      assert.deepEqual(
        trail.chains[0]?.notProved.map((name) => basename(name)),
        [basename(at(digests, -1))],
      );
      assert.equal(trail.chains[0].logFiles.unproved, 2);
    });

    it('tells a saved metadata file that is none, and goes on', async () => {
      const { digests } = chainOf();
      await write();
      await writeFile(join(archive(), `${at(digests, 2)}.metadata.json`), 'no JSON');
      const { trail, findings } = await verify();
      assert.deepEqual(findings, []);
      assert.equal(trail.chains[0]?.digests.proved, 5);
      assert.match(trail.skipped[0]?.where ?? '', /metadata\.json$/);
    });

    it('takes an archive that was unpacked, or put into one folder, as it takes one that was synchronised', async () => {
      const { digests, logs } = chainOf({ prefix: 'some/prefix', organization: 'o-exampleorg' });
      for (const name of [...digests, ...logs]) {
        const content = objects.get(name)?.content ?? assert.fail();
        const flat = join(folder, 'flat');
        const unpacked = join(folder, 'unpacked', name).replace(/\.gz$/, '');
        await mkdir(flat, { recursive: true });
        await mkdir(join(unpacked, '..'), { recursive: true });
        await writeFile(join(flat, basename(name)), content);
        await writeFile(unpacked, gunzipSync(content));
      }
      for (const where of ['flat', 'unpacked', 'unpacked/some/prefix/AWSLogs/o-exampleorg/111122223333']) {
        const { trail, findings } = await verify({ where: join(folder, where) });
        assert.deepEqual(findings, [], where);
        assert.equal(trail.chains[0]?.digests.proved, 5, where);
        assert.equal(trail.chains[0].logFiles.proved, 10, where);
        assert.deepEqual(trail.uncovered.files, 0, where);
      }
    });

    it('tells a log file that lies in the folder of another day, and a second copy', async () => {
      const { logs } = chainOf();
      await write();
      const [moved, copied] = [at(logs, 2), at(logs, 5)];
      const elsewhere = join(archive(), moved.replace('/20/', '/19/'));
      await mkdir(join(elsewhere, '..'), { recursive: true });
      await rename(join(archive(), moved), elsewhere);
      await writeFile(join(archive(), copied.replace('/20/', '/19/')), gzipSync('{"Records":[{}]}'));
      const { findings } = await verify();
      assert.deepEqual(
        findings.map(({ rule, file }) => [rule, file]),
        [
          ['log-file-missing', `s3://trail-bucket/${moved}`],
          ['log-file-added', elsewhere],
          ['log-file-added', join(archive(), copied.replace('/20/', '/19/'))],
        ],
      );
    });

    it('names what it cannot read, and goes on', async () => {
      const { digests, logs } = chainOf();
      await write();
      const [digest, log] = [join(archive(), at(digests, 1)), join(archive(), at(logs, 6))];
      for (const path of [digest, log]) {
        await rm(path);
        execFileSync('mkfifo', [path]);
      }
      const { trail, findings } = await verify();
      assert.deepEqual(findings, []);
      assert.deepEqual(
        trail.skipped.map(({ where }) => where),
        [log, digest],
      );
      assert.deepEqual(trail.chains[0]?.digests, { proved: 3, unproved: 2, invalid: 0, missing: 0 });
      assert.equal(trail.chains[0].logFiles.proved, 5);
    });

    it('does not look for what is no folder, or has no digest', async () => {
      await assert.rejects(verify({ where: join(folder, 'nowhere') }), { code: 'NOT_FOUND' });
      await mkdir(archive());
      await writeFile(join(archive(), 'notes.txt'), 'x');
      await assert.rejects(verify(), { code: 'NOT_FOUND', message: /no digest file of CloudTrail/ });
      await chmod(archive(), 0o755);
    });

    it('counts the files that no digest covers: before the first, after the last, of other Regions, and strangers', async () => {
      const { digests, logs } = chainOf();
      const early = at(logs, 0)
        .replace('T0020Z', 'T0001Z')
        .replaceAll('/20/', '/19/')
        .replaceAll('20261120T', '20261119T');
      const late = at(logs, -1).replace('T0540Z', 'T0630Z');
      const elsewhere = at(logs, 4).replaceAll('us-east-1', 'eu-west-1');
      for (const name of [early, late, elsewhere]) objects.set(name, { content: gzipSync('{}'), metadata: {} });
      objects.set('AWSLogs/extra.jsonl', { content: Buffer.from('{}'), metadata: {} });
      await write(digests);
      const { trail, findings } = await verify();
      assert.deepEqual(findings, []);
      assert.equal(trail.uncovered.files, 3);
      assert.deepEqual(
        trail.uncovered.examples.map((name) => basename(name)).sort(),
        [early, late, elsewhere].map((name) => basename(name)).sort(),
      );
      assert.deepEqual(trail.strangers, { files: 1, examples: [join(archive(), 'AWSLogs/extra.jsonl')] });
    });

    it('lists a thousand findings, and counts the rest', async () => {
      const { logs, digests } = chainOf({ hours: 11, logsEach: 100 });
      for (const name of logs) objects.delete(name);
      await write(digests);
      const { trail, findings } = await verify();
      assert.equal(findings.length, 1_000);
      assert.equal(trail.omittedFindings, 100);
      assert.equal(trail.chains[0]?.logFiles.missing, 1_100);
      assert.equal(openFindings(resultOf({ trail, findings })), 1_100);
    });

    it('verifies a log file of 400 MB in bounded memory', async function () {
      this.timeout(60_000);
      const { digests, logs } = chainOf({ hours: 2, logsEach: 1 });
      await write(digests);
      await writeFile(join(archive(), at(logs, 0)), gzipSync(Buffer.alloc(400 << 20, 0x20), { level: 1 }));
      let most = 0;
      const watch = setInterval(() => {
        most = Math.max(most, process.memoryUsage().rss);
      }, 5);
      const before = process.memoryUsage().rss;
      const { findings } = await verify();
      clearInterval(watch);
      assert.deepEqual(rules(findings), [`log-file-changed ${basename(at(logs, 0))}`]);
      assert.ok(most - before < 150 << 20, `${String((most - before) >> 20)} MB`);
    });
  });

  describe('whole chains', () => {
    it('tells a time without digests, and that the part before it begins anew', async () => {
      const { digests } = chainOf({ breakAfter: { digests: 3, hours: 5 } });
      await write(digests);
      const { trail, findings } = await verify();
      assert.deepEqual(rules(findings), [`delivery-gap ${basename(at(digests, 3))}`]);
      assert.equal(
        findings[0]?.title,
        '111122223333 us-east-1 management: no log files were delivered between 2026-11-20T03:00:30Z and 2026-11-20T08:00:30Z',
      );
      assert.deepEqual(trail.chains[0]?.proved, [
        { since: '2026-11-20T08:00:30.000Z', until: '2026-11-20T11:00:30.000Z' },
        { since: '2026-11-20T00:00:30.000Z', until: '2026-11-20T03:00:30.000Z' },
      ]);
    });

    it('keeps the chains of accounts, Regions, trails and late log files apart', async () => {
      const backfilledAt = START + 60 * HOUR;
      const all = [
        chainOf({ organization: 'o-exampleorg' }),
        chainOf({ organization: 'o-exampleorg', account: '444455556666' }),
        chainOf({ organization: 'o-exampleorg', region: 'eu-west-1' }),
        chainOf({ organization: 'o-exampleorg', trail: 'all_of-it.2', home: 'eu-west-1' }),
        chainOf({ organization: 'o-exampleorg', hours: 3, backfilledAt }),
        chainOf({ organization: 'o-exampleorg', trail: 'second', hours: 4 }),
      ];
      await write(all.flatMap(({ digests }) => digests));
      const { trail, findings } = await verify();
      assert.deepEqual(findings, []);
      assert.deepEqual(
        trail.chains.map(({ account, region, trail: name, homeRegion, backfill, digests, logFiles }) =>
          [account, region, name, homeRegion, backfill, digests.proved, logFiles.proved].join(' '),
        ),
        [
          '111122223333 eu-west-1 management us-east-1 false 6 12',
          '111122223333 us-east-1 all_of-it.2 eu-west-1 false 6 12',
          '111122223333 us-east-1 management us-east-1 false 6 12',
          '111122223333 us-east-1 management us-east-1 true 3 6',
          '111122223333 us-east-1 second us-east-1 false 4 8',
          '444455556666 us-east-1 management us-east-1 false 6 12',
        ],
      );
      assert.equal(trail.uncovered.files, 0);
    });

    it('finds a late log file that was changed, by its backfill digest', async () => {
      chainOf();
      const { logs } = chainOf({ hours: 3, backfilledAt: START + 60 * HOUR });
      edit(objects, at(logs, 0), (text) => text.replace('eventID', 'eventIx'));
      await write();
      const { findings } = await verify();
      assert.deepEqual(rules(findings), [`log-file-changed ${basename(at(logs, 0))}`]);
    });

    it('goes through a window alone, and there says what is missing', async () => {
      const { digests, logs } = chainOf({ hours: 10 });
      edit(objects, at(logs, 0), (text) => text.replace('eventID', 'eventIx'));
      objects.delete(at(digests, 1));
      await write(digests);
      const window = { since: START + 3 * HOUR, until: START + 6 * HOUR };
      const inside = await verify({ window });
      assert.deepEqual(inside.findings, []);
      // From the digest that ends with the window's first second to the one of the hour after its last.
      assert.equal(inside.trail.chains[0]?.digests.proved, 5);
      const wide = await verify({ window: { ...window, since: START } });
      assert.deepEqual(rules(wide.findings), [
        `digest-missing ${basename(at(digests, 1))}`,
        `log-file-changed ${basename(at(logs, 0))}`,
      ]);
    });

    it('says where the archive begins when earlier digests are not there, and misses them in a window', async () => {
      const { digests } = chainOf();
      for (const name of digests.slice(0, 2)) objects.delete(name);
      await write(digests.filter((name) => objects.has(name)));
      const { trail, findings } = await verify();
      assert.deepEqual(findings, []);
      assert.equal(trail.chains[0]?.begins, '2026-11-20T02:00:30.000Z');
      const asked = await verify({ window: { since: START - HOUR, until: START + 10 * HOUR } });
      assert.deepEqual(rules(asked.findings), [`digest-missing ${basename(at(digests, 1))}`]);
    });

    it('proves by the hash in a proved digest what is signed with a key that is not there', async () => {
      const { digests } = chainOf({ key: other, hours: 3 });
      await write();
      // The newest is signed with a key that is known, as after a change of keys.
      const late = new Map(objects);
      objects = new Map();
      const renewed = chainOf({ hours: 3 });
      const [newest, before] = [at(renewed.digests, -1), late.get(at(digests, 1))];
      const content = gunzipSync(objects.get(newest)?.content ?? assert.fail());
      const { createHash } = await import('node:crypto');
      const digest = JSON.parse(content.toString()) as Record<string, unknown>;
      digest.previousDigestHashValue = createHash('sha256')
        .update(gunzipSync(before?.content ?? assert.fail()))
        .digest('hex');
      digest.previousDigestSignature = before?.metadata.signature;
      const { sign } = await import('../support/digests.ts');
      const body = Buffer.from(JSON.stringify(digest));
      late.set(newest, {
        content: gzipSync(body),
        metadata: { signature: sign(body, key), 'signature-algorithm': 'SHA256withRSA' },
      });
      objects = late;
      await write([newest]);
      const { trail, findings } = await verify();
      assert.deepEqual(findings, []);
      assert.deepEqual(trail.chains[0]?.digests, { proved: 3, unproved: 0, invalid: 0, missing: 0 });
    });
  });

  describe('public keys', () => {
    it('refuses a file that holds none', async () => {
      const path = join(folder, 'bad.json');
      for (const content of ['', '[]', '{"PublicKeyList":[{"Fingerprint":"a","Value":"bm8="}]}']) {
        await writeFile(path, content);
        await assert.rejects(readKeys(path), { code: 'INPUT_INVALID' }, content);
      }
      await assert.rejects(readKeys(join(folder, 'none.json')), { code: 'NOT_FOUND' });
      await assert.rejects(readKeys(folder), { code: 'REMOTE_FAILED' });
    });

    it('knows what was given, and asks nobody', async () => {
      const ring = keyRing(await readKeys(join(folder, 'keys.json')), {}, () => assert.fail(), testContext());
      const around = { since: 0, until: 1 };
      assert.equal(await ring.find('us-east-1', 'unknown', around), null);
      const found = await ring.find('us-east-1', key.fingerprint, around);
      assert.ok(found !== null && found !== 'unknown');
      assert.equal(found.asymmetricKeyType, 'rsa');
    });
  });

  describe('with CloudTrail', () => {
    const sandbox = withSandbox();
    const WHILE = { since: START - HOUR, until: START + 12 * HOUR };
    const publish = (region: string, one = key, times = WHILE) => {
      sandbox().trail.publish({ region, ...one, ...times });
    };
    const asked = () =>
      sandbox()
        .calls.filter(({ operation }) => operation === 'ListPublicKeys')
        .map(({ outcome }) => outcome);

    it('asks each Region for its keys, saves them, and needs no account with them', async () => {
      const all = [chainOf(), chainOf({ region: 'eu-west-1', key: other })];
      await write(all.flatMap(({ digests }) => digests));
      publish('us-east-1');
      publish('eu-west-1', other);
      for (let number = 0; number < 25; number += 1)
        publish('us-east-1', { ...key, fingerprint: `f${String(number)}` });
      const saveKeys = join(folder, 'saved.json');
      const online = await verify({ keys: [], saveKeys });
      assert.deepEqual(online.findings, []);
      assert.deepEqual(online.trail.keys, { source: 'cloudtrail', saved: 27 });
      assert.deepEqual(asked(), ['ok', 'ok', 'ok', 'ok']);
      const offline = await verify({ keys: [saveKeys] });
      assert.deepEqual(offline.findings, []);
      assert.deepEqual(
        offline.trail.chains.map(({ digests }) => digests.proved),
        [6, 6],
      );
      assert.equal(asked().length, 4);
      // A second run adds to the file.
      const again = await verify({ keys: [join(folder, 'keys.json'), saveKeys], saveKeys });
      assert.equal(again.trail.keys.saved, 27);
      const { PublicKeyList } = JSON.parse(await readFile(saveKeys, 'utf8')) as { PublicKeyList: { Region: string }[] };
      assert.deepEqual([...new Set(PublicKeyList.map(({ Region }) => Region))].sort(), ['eu-west-1', 'us-east-1']);
    });

    it('says that a key is not known where CloudTrail has none of that time and Region', async () => {
      const { digests } = chainOf({ hours: 2 });
      await write(digests);
      publish('eu-west-1');
      const { findings } = await verify({ keys: [] });
      assert.deepEqual(
        rules(findings),
        digests.map((name) => `key-unknown ${basename(name)}`),
      );
    });

    it('asks for the keys of backfill digests about the hour in which they were made', async () => {
      const backfilledAt = START + 200 * HOUR;
      const { digests } = chainOf({ hours: 2, backfilledAt });
      publish('us-east-1', key, { since: backfilledAt, until: backfilledAt });
      await write(digests);
      const sure = await verify({ keys: [] }, testContext({ start: backfilledAt + 24 * HOUR }));
      assert.equal(sure.trail.chains[0]?.digests.proved, 2);
      // Without metadata nothing says when that was.
      for (const name of digests) await rm(join(archive(), `${name}.metadata.json`));
      const { trail } = await verify({ keys: [] }, testContext({ start: backfilledAt + 24 * HOUR }));
      assert.deepEqual(trail.chains[0]?.digests, { proved: 1, unproved: 1, invalid: 0, missing: 0 });
    });

    it('leaves a Region unproved that cannot be asked, says so, and goes on; without credentials it fails', async () => {
      const all = [chainOf({ region: 'ap-east-1' }), chainOf()];
      await write(all.flatMap(({ digests }) => digests));
      publish('us-east-1');
      sandbox().inject({
        operation: 'cloudtrail:ListPublicKeys',
        fault: { kind: 'error', code: 'AccessDeniedException', message: 'no' },
      });
      const { trail, findings } = await verify({ keys: [] });
      assert.deepEqual(findings, []);
      assert.deepEqual(
        trail.chains.map(({ region, digests }) => [region, digests.proved, digests.unproved]),
        [
          ['ap-east-1', 0, 6],
          ['us-east-1', 6, 0],
        ],
      );
      assert.match(trail.skipped[0]?.where ?? '', /public keys of CloudTrail in ap-east-1/);
      assert.equal(trail.skipped.length, 1);
      const { AWS_ACCESS_KEY_ID } = process.env;
      process.env.AWS_ACCESS_KEY_ID = 'AKIAUNKNOWN00EXAMPLE';
      await assert.rejects(verify({ keys: [] }), { code: 'CREDENTIALS_REFUSED' });
      process.env.AWS_ACCESS_KEY_ID = AWS_ACCESS_KEY_ID;
    });

    it('ends when it is interrupted', async () => {
      await write(chainOf().digests);
      const context = testContext();
      context.abort();
      await assert.rejects(verify({}, context), { name: 'AbortError' });
    });
  });

  describe('in a bucket', () => {
    const s3 = withS3();
    const window = { since: START - HOUR, until: START + 24 * HOUR };
    const inBucket = (where: string, request: Partial<TrailRequest> = {}) => verify({ where, window, ...request });

    it('finds the digests from wherever the prefix leads to', async () => {
      chainOf({ prefix: 'some/prefix', organization: 'o-exampleorg' });
      chainOf({ prefix: 'some/prefix', organization: 'o-exampleorg', region: 'eu-west-1' });
      s3().buckets.set('trail-bucket', objects);
      const account = 'some/prefix/AWSLogs/o-exampleorg/111122223333';
      for (const [where, chains] of [
        ['', 2],
        ['/', 2],
        ['/some', 2],
        ['/some/prefix/AWSLogs/', 2],
        [`/${account}`, 2],
        [`/${account}/CloudTrail-Digest`, 2],
        [`/${account}/CloudTrail-Digest/us-east-1/`, 1],
        [`/${account}/CloudTrail/eu-west-1/2026/11`, 1],
      ] as const) {
        const { trail, findings } = await inBucket(`s3://trail-bucket${where}`);
        assert.deepEqual(findings, [], where);
        assert.equal(trail.chains.length, chains, where);
        assert.ok(
          trail.chains.every(({ digests, logFiles }) => digests.proved === 6 && logFiles.proved === 12),
          where,
        );
        assert.equal(trail.uncovered.files, 0, where);
      }
    });

    it('lists a day either side of the window, and no other', async () => {
      const { digests } = chainOf({ hours: 24 * 9, logsEach: 0 });
      s3().buckets.set('trail-bucket', objects);
      s3().calls.length = 0;
      const start = START + 4 * 24 * HOUR;
      const { trail } = await inBucket('s3://trail-bucket', { window: { since: start, until: start + 24 * HOUR } });
      assert.equal(trail.chains[0]?.digests.proved, 26);
      const read = s3().calls.filter((call) => call.startsWith('GET ')).length;
      assert.equal(read, 26);
      const pages = s3().calls.filter((call) => call.startsWith('LIST') && call.includes('-Digest/us-east-1/')).length;
      assert.ok(pages * 7 < digests.length / 2, `${String(pages)} pages`);
    });

    it('takes a copy of a bucket for what it is: all has to be in the copy', async () => {
      const { logs, digests } = chainOf({ bucket: 'original-bucket' });
      s3().buckets.set('original-bucket', new Map(objects));
      objects.delete(at(logs, 6));
      objects.delete(at(digests, 1));
      s3().buckets.set('copy-bucket', objects);
      const { findings, trail } = await inBucket('s3://copy-bucket');
      assert.deepEqual(
        findings.map(({ rule, file }) => [rule, file]),
        [
          ['digest-missing', `s3://copy-bucket/${at(digests, 1)}`],
          ['log-file-missing', `s3://copy-bucket/${at(logs, 6)}`],
        ],
      );
      assert.equal(trail.chains[0]?.digests.proved, 5);
    });

    it('follows a trail that was given another bucket into the one before', async () => {
      const { digests, logs } = chainOf({ bucketOf: (index) => (index < 3 ? 'before-bucket' : 'trail-bucket') });
      const before: Objects = new Map();
      const after: Objects = new Map();
      for (const [index, name] of [...digests, ...logs].entries()) {
        const early = index < 6 ? index < 3 : index - 6 < 6;
        (early ? before : after).set(name, objects.get(name) ?? assert.fail());
      }
      edit(before, at(logs, 1), (text) => text.replace('eventID', 'eventIx'));
      s3().buckets.set('before-bucket', before);
      s3().buckets.set('trail-bucket', after);
      const { trail, findings } = await inBucket('s3://trail-bucket');
      assert.deepEqual(
        findings.map(({ rule, file }) => [rule, file]),
        [['log-file-changed', `s3://before-bucket/${at(logs, 1)}`]],
      );
      assert.equal(trail.chains[0]?.digests.proved, 6);
    });

    it('names an object that it may not read, and goes on', async () => {
      const { logs } = chainOf();
      s3().buckets.set('trail-bucket', objects);
      s3().denied.add(at(logs, 3));
      const { trail, findings } = await inBucket('s3://trail-bucket');
      s3().denied.clear();
      assert.deepEqual(findings, []);
      assert.deepEqual(
        trail.skipped.map(({ where }) => where),
        [`s3://trail-bucket/${at(logs, 3)}`],
      );
      assert.equal(trail.chains[0]?.logFiles.proved, 11);
    });

    it('refuses what is no bucket, and one that is not there', async () => {
      await assert.rejects(inBucket('s3://'), { code: 'INPUT_INVALID' });
      await assert.rejects(inBucket('s3://nowhere-bucket'), { code: 'NOT_FOUND', message: /there is no bucket/ });
      s3().buckets.set('empty-bucket', new Map());
      await assert.rejects(inBucket('s3://empty-bucket'), { code: 'NOT_FOUND', message: /no digest file/ });
    });
  });

  it('is drawn: what was proved of each chain, what was not and why, and no control bytes', async () => {
    const { digests, logs } = chainOf();
    chainOf({ region: 'eu-west-1', breakAfter: { digests: 2, hours: 3 } });
    objects.delete(at(logs, 0));
    objects.set('AWSLogs/\u001b[2J.json', { content: Buffer.from('{}'), metadata: {} });
    await write(digests);
    const result = resultOf(await verify());
    const lines = drawVerify(result, { ink: new Chalk({ level: 0 }), width: 100 }).split('\n');
    assert.equal(lines[0], '2 findings');
    assert.ok(lines.includes('111122223333 us-east-1 management: 6 digests proved, 11 log files proved, 1 missing'));
    assert.ok(lines.includes('  proved 2026-11-20 00:00 to 2026-11-20 06:00 UTC'));
    assert.ok(lines.some((line) => line.startsWith('2 digests not proved, though nothing is wrong with them')));
    assert.ok(lines.some((line) => line.includes('AWSLogs/\\x1b[2J.json')));
    assert.ok(
      lines.some((line) => /^medium +111122223333 eu-west-1 management: no log files were delivered/.test(line)),
    );
    assert.ok(!lines.join('').includes('\u001b'));
  });
});

const resultOf = (
  parts: Pick<VerifyResult, 'findings'> & { trail: NonNullable<VerifyResult['trail']> },
): VerifyResult => ({
  store: 'aws',
  folder: '/data',
  key: null,
  log: null,
  breakGlass: null,
  files: 0,
  notes: [],
  accepted: false,
  keptLog: null,
  putAside: [],
  ...parts,
});
