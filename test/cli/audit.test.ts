import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { AuditResult } from '../../src/lib/audit/audit.ts';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { runCli, type CliResult } from '../support/cli.ts';
import { record, user } from '../support/trail.ts';

describe('jamf-mcp audit', () => {
  let sandbox: Sandbox;

  before(async () => {
    sandbox = await startSandbox({ history: true });
  });

  after(async () => {
    await sandbox.close();
  });

  const audit = (...args: string[]): Promise<CliResult> =>
    runCli(['audit', '--since', '30d', ...args], { env: sandbox.environment });

  it('prints who read the secret and what nothing explains, with nothing on stderr', async () => {
    const { stdout, stderr, code } = await audit('--quiet');
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
    assert.match(stdout, /^1 of 15 accesses unexplained\njamf-mcp-server\/production in us-east-1 of 000000000000\n/);
    assert.match(stdout, /\nuser\/legacy-ci +1 .* 1 denied +1 unexplained\n/);
    assert.match(stdout, /\nrole\/ecsTaskExecutionRole +14 .* 14 ok +14 task-role\n/);
    assert.match(stdout, /high +arn:aws:iam::000000000000:user\/legacy-ci was refused once/);
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  it('exits 3 with --fail-on where a finding is as bad, 0 where none is', async () => {
    assert.equal((await audit('--fail-on', 'high', '--quiet')).code, 3);
    assert.equal((await audit('--fail-on', 'critical', '--quiet')).code, 0);
  });

  it('gives the shape of the design under --json', async () => {
    const { stdout, code } = await audit('--json', '--fail-on', 'high');
    assert.equal(code, 3);
    const result = JSON.parse(stdout) as AuditResult;
    assert.deepEqual(Object.keys(result), [
      'secret',
      'asked',
      'window',
      'sources',
      'accesses',
      'total',
      'unexplained',
      'principals',
      'findings',
      'suppressed',
      'skipped',
    ]);
    assert.equal(result.unexplained, 1);
    assert.equal(result.accesses.length, 15);
    const denied = result.accesses.find(({ outcome }) => outcome === 'denied');
    assert.ok(denied);
    for (const key of [
      'eventId',
      'time',
      'action',
      'outcome',
      'secret',
      'principal',
      'sourceIp',
      'userAgent',
      'region',
      'explanation',
    ])
      assert.ok(key in denied, key);
    for (const key of ['arn', 'type', 'account', 'session']) assert.ok(key in denied.principal, key);
    assert.equal(denied.principal.arn, 'arn:aws:iam::000000000000:user/legacy-ci');
    assert.equal(denied.explanation, null);
    assert.match(denied.time ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/);
    assert.deepEqual(Object.keys(result.sources[0] ?? {}), [
      'kind',
      'region',
      'account',
      'events',
      'complete',
      'calls',
      'cached',
    ]);
    for (const finding of result.findings) {
      assert.deepEqual(Object.keys(finding).sort(), [
        'count',
        'eventIds',
        'fix',
        'id',
        'severity',
        'technique',
        'title',
        'why',
      ]);
    }
    // JSON escapes what a terminal would act on.
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f]/);
  });

  it('refuses wrong windows and a store without records with exit 2 and the next step', async () => {
    for (const args of [
      ['--since', 'last week'],
      ['--since', '91d'],
      ['--since', '1d', '--until', '2d'],
      ['--store', 'vault'],
    ]) {
      const { code, stderr, stdout } = await runCli(['audit', ...args], { env: sandbox.environment });
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
      assert.match(stderr, /^jamf-mcp: .+\n {2}next: .+\n$/);
    }
  });

  it('exits 4 without credentials', async () => {
    const { code, stderr } = await runCli(['audit'], {
      env: { AWS_ENDPOINT_URL: sandbox.url, AWS_REGION: 'us-east-1' },
    });
    assert.equal(code, 4);
    assert.match(stderr, /jamf-mcp sandbox/);
  });

  it('exits 6 where the event history breaks off', async () => {
    const own = await startSandbox({ history: true });
    try {
      const [pattern] = own.trail.records;
      for (let number = 0; number < 60; number += 1)
        own.trail.plant({ ...pattern, eventID: `more-${String(number)}` } as never);
      for (let nth = 2; nth < 6; nth += 1)
        own.inject({
          operation: 'cloudtrail:LookupEvents',
          nth,
          fault: { kind: 'error', code: 'AccessDeniedException', message: 'no more' },
        });
      const { code, stdout } = await runCli(['audit', '--since', '30d', '--json'], { env: own.environment });
      assert.equal(code, 6);
      const result = JSON.parse(stdout) as AuditResult;
      assert.equal(result.sources[0]?.complete, false);
      assert.match(JSON.stringify(result.skipped), /broke off after 1 pages/);
    } finally {
      await own.close();
    }
  });

  it('audits files and stdin without asking AWS anything, and exits 6 where one cannot be read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-audit-cli-'));
    const { stdout: all } = await runCli(['audit', '--all-secrets', '--json'], { env: sandbox.environment });
    assert.ok((JSON.parse(all) as AuditResult).total > 0);
    const records = [record({ userIdentity: user('mallory') }), record({ eventSource: 's3.amazonaws.com' })];
    await writeFile(join(folder, 'one.json.gz'), gzipSync(JSON.stringify({ Records: records })));
    const calls = sandbox.calls.length;
    const run = (args: readonly string[], input?: string) =>
      runCli(['audit', ...args], { env: sandbox.environment, ...(input === undefined ? {} : { input }) });
    const read = await run([folder]);
    assert.equal(read.code, 0, read.stderr);
    assert.match(read.stdout, /^1 of 1 access unexplained\njamf-mcp-server\/production in 1 file\n/);
    const piped = await run(['-', '--json'], JSON.stringify(records[0]));
    assert.equal((JSON.parse(piped.stdout) as AuditResult).unexplained, 1);
    const broken = await run([folder, join(folder, 'nowhere')]);
    assert.equal(broken.code, 6);
    assert.match(broken.stdout, /nowhere +it is not there/);
    assert.equal(sandbox.calls.length, calls);
    await rm(folder, { recursive: true });
  });
});
