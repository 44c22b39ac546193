import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import type { AuditResult } from '../../src/lib/audit/audit.ts';
import type { VerifyResult } from '../../src/lib/audit/verify.ts';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { runCli } from '../support/cli.ts';
import { addChain, edit, listedKeys, signingKey, writeObjects, type Chain, type Objects } from '../support/digests.ts';
import { startS3, type TestS3 } from '../support/s3.ts';

const NAME = 'jamf-mcp-server/production';
const FIELDS = {
  JAMF_URL: 'https://example.jamfcloud.com',
  JAMF_CLIENT_ID: 'client',
  JAMF_CLIENT_SECRET: 'EXAMPLE-jamf',
  AUTH0_DOMAIN: 'example.auth0.com',
  AUTH0_CLIENT_ID: 'client',
  AUTH0_CLIENT_SECRET: 'EXAMPLE-auth0',
  AUTH0_AUDIENCE: 'https://mcp.example.com',
  REQUIRED_SCOPES: 'openid profile',
};

describe('jamf-mcp audit verify', () => {
  let data: string;
  let folder: string;
  const run = (args: string[], env: Record<string, string> = {}, input = '') =>
    runCli(args, { env: { XDG_DATA_HOME: data, JAMF_MCP_STORE: 'local', ...env }, input });
  const log = () => join(folder, 'access.log');

  beforeEach(async () => {
    data = await mkdtemp(join(tmpdir(), 'jamf-mcp-data-'));
    folder = join(data, 'jamf-mcp');
    const { code, stderr } = await run(
      ['secrets', 'init', '--no-verify', '--from-file', '-'],
      {},
      JSON.stringify(FIELDS),
    );
    assert.equal(code, 0, stderr);
    assert.equal((await run(['secrets', 'show'])).code, 0);
  });
  afterEach(() => rm(data, { recursive: true }));

  it('says that everything holds, with the head to keep, and compares with it later', async () => {
    const { stdout, stderr, code } = await run(['audit', 'verify']);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(
      stdout,
      /^the access log and the files hold\nlocal store in .*, its key in a file\n2 lines, .* UTC; 1 secret\nhead 2:[0-9a-f]{64} \(/,
    );
    const head = /head (\S+)/.exec(stdout)?.[1] ?? '';
    assert.equal((await run(['audit', 'verify', '--head', head])).code, 0);
    assert.equal((await run(['audit', 'verify', '--head', head.replace('2:', '9:')])).code, 3);
    assert.equal((await run(['audit', 'verify', '--head', 'nonsense'])).code, 2);
  });

  it('exits 3 and names line and file where something was changed, and 0 when that is accepted', async () => {
    await writeFile(log(), (await readFile(log(), 'utf8')).replace('GetSecretValue', 'GetSecretValuf'));
    await writeFile(join(folder, 'jamf-mcp-server%2fproduction.age'), 'x');
    const { stdout, code } = await run(['audit', 'verify']);
    assert.equal(code, 3);
    assert.match(stdout, /^2 findings\n/);
    assert.match(stdout, /critical +line 2 of access\.log: its text does not agree with its MAC/);
    assert.match(stdout, /critical +the file of jamf-mcp-server\/production was changed/);
    const json = await run(['audit', 'verify', '--json']);
    assert.equal(json.code, 3);
    const { findings } = JSON.parse(json.stdout) as VerifyResult;
    const schema = await readFile(new URL('../../docs/results/audit-verify.schema.json', import.meta.url), 'utf8');
    const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(JSON.parse(schema) as object);
    assert.ok(validate(JSON.parse(json.stdout)), JSON.stringify(validate.errors));
    assert.deepEqual(
      findings.map(({ file, line }) => [file, line]),
      [
        ['access.log', 2],
        ['jamf-mcp-server%2fproduction.age', null],
      ],
    );

    const shown = await run(['secrets', 'show']);
    assert.equal(shown.code, 1);
    assert.match(shown.stderr, /audit verify --store local/);
    assert.equal((await run(['audit', 'verify', '--accept', '--no-input'])).code, 2, 'not without a confirmation');
    const accepted = await run(['audit', 'verify', '--accept', '--yes']);
    assert.equal(accepted.code, 0, accepted.stderr);
    assert.match(accepted.stdout, /^2 findings, accepted; the log before is kept as access\.\S+\.log\n/);
    assert.match(
      accepted.stdout,
      /^put aside, since nothing can be read from it: jamf-mcp-server%2fproduction\.age\.2/m,
    );
    assert.equal((await run(['audit', 'verify'])).code, 0);
    const made = await run(['secrets', 'init', '--no-verify', '--from-file', '-'], {}, JSON.stringify(FIELDS));
    assert.equal(made.code, 0, made.stderr);
  });

  it('tells a folder that it may not read as what it is, and a log that is gone', async () => {
    await rm(folder, { recursive: true });
    await writeFile(folder, 'no folder');
    const { stderr, code } = await run(['audit', 'verify']);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^jamf-mcp: the break-glass log .* cannot be read: a file is where a folder should be\n {2}next: /,
    );
    await rm(folder);
    await mkdir(folder, { mode: 0o700 });
    await writeFile(join(folder, 'breakglass.key'), 'x', { mode: 0o600 });
    const gone = await run(['audit', 'verify', '--store', 'aws']);
    assert.equal(gone.code, 3);
    assert.match(gone.stdout, /critical +breakglass\.jsonl is gone, and the key that signs its lines is there/);
  });

  it('stands beside audit, which reads the same log', async () => {
    const listed = await run(['audit', '--since', '7d', '--json']);
    assert.equal(listed.code, 0, listed.stderr);
    const result = JSON.parse(listed.stdout) as AuditResult;
    assert.deepEqual(
      result.accesses.map(({ action }) => action),
      ['CreateSecret', 'GetSecretValue'],
    );
    assert.equal(result.unexplained, 0);
    const text = await run(['audit', '--since', '7d']);
    assert.match(text.stdout, new RegExp(`^0 of 2 accesses unexplained\n${NAME} in the local store\n`));
    await writeFile(log(), '');
    assert.equal((await run(['audit'])).code, 6);
    assert.equal((await run(['audit', '--fail-on', 'critical'])).code, 3);
    const help = await run(['audit', '--help']);
    assert.match(help.stdout, /audit verify/);
  });

  it('checks the break-glass log with any store, and the reason of a reveal is in the access log too', async () => {
    const none = await run(['audit', 'verify', '--store', 'aws']);
    assert.deepEqual([none.code, none.stderr], [0, '']);
    assert.match(none.stdout, /^the break-glass log holds\nbreak-glass log in .*jamf-mcp: 0 lines\n$/);
    for (const reason of ['INC-1 one', 'INC-2 two']) {
      const revealed = await run(['secrets', 'reveal', 'JAMF_URL', '--reason', reason, '--confirm', NAME]);
      assert.equal(revealed.code, 0, revealed.stderr);
    }
    const reads = (await readFile(log(), 'utf8')).trimEnd().split('\n').slice(-2);
    assert.deepEqual(
      reads
        .map((line) => (JSON.parse(line) as { body: { action: string; reason: string } }).body)
        .map(({ action, reason }) => [action, reason]),
      [
        ['GetSecretValue', 'INC-1 one'],
        ['GetSecretValue', 'INC-2 two'],
      ],
    );
    assert.match((await run(['audit', 'verify'])).stdout, /^the access log .*break-glass log in .*: 2 lines\n$/s);

    const glass = join(folder, 'breakglass.jsonl');
    await writeFile(glass, (await readFile(glass, 'utf8')).replace('INC-2', 'INC-3'));
    for (const store of ['aws', 'local', 'vault']) {
      const { code, stdout } = await run(['audit', 'verify', '--store', store]);
      assert.equal(code, 3, store);
      assert.match(stdout, /^1 finding\n/);
      assert.match(stdout, /critical +line 2 of breakglass\.jsonl has been changed/);
      const json = await run(['audit', 'verify', '--store', store, '--json']);
      assert.equal(json.code, 3);
      const result = JSON.parse(json.stdout) as VerifyResult;
      assert.deepEqual([result.store, result.breakGlass], [store, { entries: 2, findings: 1 }]);
      assert.deepEqual(
        result.findings.map(({ id, line }) => [id, line]),
        [['break-glass:breakglass.jsonl:2', 2]],
      );
      const schema = await readFile(new URL('../../docs/results/audit-verify.schema.json', import.meta.url), 'utf8');
      const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(JSON.parse(schema) as object);
      assert.ok(validate(result), JSON.stringify(validate.errors));
    }
    await writeFile(log(), (await readFile(log(), 'utf8')).replace('CreateSecret', 'CreateSecreu'));
    const accepted = await run(['audit', 'verify', '--accept', '--yes']);
    assert.equal(accepted.code, 3, 'the break-glass log cannot be accepted');
    assert.match(accepted.stdout, /^1 finding, accepted; .*; 1 in the break-glass log\n/);
    await writeFile(join(folder, 'breakglass.key'), 'x');
    assert.match((await run(['audit', 'verify', '--store', 'aws'])).stdout, /^2 findings\n.*key is gone or damaged/s);
  });

  it('takes a head or an acceptance for the local store only', async () => {
    for (const flag of [['--accept'], ['--head', `1:${'0'.repeat(64)}`]]) {
      const { code, stderr } = await run(['audit', 'verify', '--store', 'aws', ...flag]);
      assert.equal(code, 2);
      assert.match(
        stderr,
        /^jamf-mcp: the access log of the aws store is not kept here.*\n {2}next: .*--store local\n$/,
      );
    }
  });

  it('reads a store behind a passphrase where the environment gives it, and asks for it nowhere', async () => {
    const env = { JAMF_MCP_LOCAL_KEY: 'passphrase', JAMF_MCP_PASSPHRASE: 'EXAMPLE-passphrase' };
    const set = { ...FIELDS, JAMF_CLIENT_SECRET: 'EXAMPLE-other' };
    const moved = await run(
      ['secrets', 'init', '--update', '--yes', '--no-verify', '--from-file', '-'],
      env,
      JSON.stringify(set),
    );
    assert.equal(moved.code, 0, moved.stderr);
    assert.match(moved.stderr, /the key of the local store was moved: from file to passphrase/);
    assert.equal((await run(['secrets', 'show'], { JAMF_MCP_PASSPHRASE: 'EXAMPLE-passphrase' })).code, 0);
    assert.equal((await run(['secrets', 'show'], { JAMF_MCP_PASSPHRASE: 'EXAMPLE-wrong-one' })).code, 4);
    const asked = await run(['secrets', 'show']);
    assert.equal(asked.code, 2);
    assert.match(asked.stderr, /JAMF_MCP_PASSPHRASE/);
    assert.equal((await run(['secrets', 'show'], { JAMF_MCP_LOCAL_KEY: 'somewhere' })).code, 2);
  });
});

describe('jamf-mcp audit verify PATH', () => {
  const key = signingKey();
  let folder: string;
  let objects: Objects;
  let chain: Chain;
  const archive = () => join(folder, 'archive');
  const keys = () => join(folder, 'keys.json');
  const validated = async ({ stdout }: { stdout: string }): Promise<VerifyResult> => {
    const schema = await readFile(new URL('../../docs/results/audit-verify.schema.json', import.meta.url), 'utf8');
    const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(JSON.parse(schema) as object);
    const result: unknown = JSON.parse(stdout);
    assert.ok(validate(result), JSON.stringify(validate.errors));
    return result as VerifyResult;
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-trail-'));
    objects = new Map();
    chain = addChain(objects, { key, start: Math.floor(Date.now() / 1_000) * 1_000 - 8 * 3_600_000 });
    await writeFile(keys(), listedKeys(key));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('says what is proved in a folder, with no account and no network', async () => {
    await writeObjects(objects, archive(), chain.digests);
    const { stdout, stderr, code } = await runCli(['audit', 'verify', archive(), '--keys', keys()]);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(
      stdout,
      /^every digest and log file is as CloudTrail delivered it\n.*\n111122223333 us-east-1 management: 6 digests proved, 12 log files proved\n {2}proved /,
    );
    await rm(join(archive(), `${chain.digests[5] ?? ''}.metadata.json`));
    const unproved = await runCli(['audit', 'verify', archive(), '--keys', keys()]);
    assert.equal(unproved.code, 0);
    assert.match(unproved.stdout, /^nothing found, and not all of it is proved\n.*1 digest not proved/s);
  });

  it('exits 3 for what was changed, as text and as JSON', async () => {
    edit(objects, chain.logs[3] ?? '', (text) => text.replace('eventID', 'eventIx'));
    await writeObjects(objects, archive());
    const text = await runCli(['audit', 'verify', archive(), '--keys', keys(), '--since', '2d']);
    assert.equal(text.code, 3);
    assert.match(text.stdout, /^1 finding\n.*critical +log file .* was +changed: its hash is +another/s);
    const json = await runCli(['audit', 'verify', archive(), '--keys', keys(), '--json']);
    assert.equal(json.code, 3);
    const result = await validated(json);
    assert.deepEqual(
      result.findings.map(({ rule, severity, file, line }) => [rule, severity, file, line]),
      [['log-file-changed', 'critical', join(archive(), chain.logs[3] ?? ''), null]],
    );
  });

  it('refuses flags that do not fit what is verified', async () => {
    for (const flags of [
      ['--keys', 'x'],
      ['--since', '7d'],
      ['--until', '1h'],
      ['--save-keys', 'x'],
    ]) {
      const { code, stderr } = await runCli(['audit', 'verify', ...flags]);
      assert.equal(code, 2);
      assert.match(stderr, /^jamf-mcp: --[a-z-]+ is for the files of a trail, and none are named\n {2}next: /);
    }
    for (const flags of [['--accept'], ['--head', `1:${'0'.repeat(64)}`]]) {
      const { code, stderr } = await runCli(['audit', 'verify', archive(), ...flags]);
      assert.equal(code, 2);
      assert.match(stderr, /is for the local store, and not for the files of a trail\n/);
    }
    assert.equal((await runCli(['audit', 'verify', archive(), '--keys', keys()])).code, 5);
    const offline = await writeObjects(objects, archive()).then(() => runCli(['audit', 'verify', archive()]));
    assert.equal(offline.code, 4);
    assert.match(offline.stderr, /--keys FILE/);
  });

  describe('with AWS', () => {
    let sandbox: Sandbox;
    let s3: TestS3;
    beforeEach(async () => {
      [sandbox, s3] = await Promise.all([startSandbox(), startS3()]);
      sandbox.trail.publish({ region: 'us-east-1', ...key, since: 0, until: Date.UTC(2040, 0) });
      s3.buckets.set(chain.bucket, objects);
    });
    afterEach(() => Promise.all([sandbox.close(), s3.close()]));
    const run = (...args: string[]) =>
      runCli(['audit', 'verify', ...args], { env: { ...sandbox.environment, AWS_ENDPOINT_URL_S3: s3.url } });

    it('verifies a bucket with the keys of CloudTrail, and keeps them for the folder', async () => {
      const saved = join(folder, 'saved.json');
      const bucket = await run(`s3://${chain.bucket}`, '--save-keys', saved);
      assert.equal(bucket.code, 0, bucket.stderr);
      assert.match(bucket.stdout, /^every digest and log file is as CloudTrail delivered it\n.*1 public key saved/s);
      await writeObjects(objects, archive());
      const later = await runCli(['audit', 'verify', archive(), '--keys', saved, '--json']);
      assert.equal(later.code, 0, later.stderr);
      assert.deepEqual((await validated(later)).trail?.keys, { source: 'saved', saved: null });
    });

    it('exits 6 when an object may not be read, and 3 when one is gone', async () => {
      s3.denied.add(chain.logs[1] ?? '');
      const denied = await run(`s3://${chain.bucket}`);
      assert.equal(denied.code, 6);
      assert.match(denied.stdout, /1 place could not be looked at\n.*AccessDenied/);
      objects.delete(chain.logs[2] ?? '');
      const gone = await run(`s3://${chain.bucket}`, '--json');
      assert.equal(gone.code, 3);
      assert.deepEqual(
        (await validated(gone)).findings.map(({ rule, file }) => [rule, file]),
        [['log-file-missing', `s3://${chain.bucket}/${chain.logs[2] ?? ''}`]],
      );
    });
  });
});
