import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditResult } from '../../src/lib/audit/audit.ts';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { TRAIL_BUCKET } from '../../src/lib/sandbox/s3.ts';
import { runCli, startCli } from '../support/cli.ts';
import { startS3, type TestS3 } from '../support/s3.ts';

describe('jamf-mcp audit --source', () => {
  let sandbox: Sandbox;
  let s3: TestS3;

  before(async () => {
    sandbox = await startSandbox({ history: true });
    s3 = await startS3();
    const day = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
    const key = `AWSLogs/000000000000/CloudTrail/us-east-1/${day}/x.json.gz`;
    s3.buckets.set('trail-example', new Map([[key, { content: Buffer.alloc(2_500_000), metadata: {} }]]));
  });
  after(async () => {
    await Promise.all([sandbox.close(), s3.close()]);
  });

  const env = () => ({ ...sandbox.environment, AWS_ENDPOINT_URL_S3: s3.url });
  const audit = (...args: string[]) => runCli(['audit', ...args], { env: env() });

  it('tells the same by Athena, CloudTrail Lake and the event history', async () => {
    const results = await Promise.all(
      [
        ['s3://trail-example', '--source', 'athena', '--yes'],
        ['--source', 'lake', '--yes'],
        ['--source', 'lookup'],
      ].map(async (args) => {
        const { stdout, stderr, code } = await audit(...args, '--since', '30d', '--json');
        assert.equal(code, 0, stderr);
        return JSON.parse(stdout) as AuditResult;
      }),
    );
    const [athena, lake, lookup] = results;
    const told = (result: AuditResult | undefined) => ({
      accesses: result?.accesses,
      findings: result?.findings,
      unexplained: result?.unexplained,
      secret: result?.secret,
    });
    assert.equal(lookup?.total, 15);
    assert.deepEqual(told(athena), told(lookup));
    assert.deepEqual(told(lake), told(lookup));
    assert.deepEqual(
      results.map(({ sources }) => sources.map(({ kind, place, events }) => [kind, place, events])),
      [[['athena', 's3://trail-example/AWSLogs/', 15]], [['lake', 'sandbox', 15]], [['lookup-events', undefined, 15]]],
    );
  });

  it('says what it costs and scans nothing where nobody says yes', async () => {
    const started = sandbox.athena.statements.length;
    const { code, stderr, stdout } = await audit('s3://trail-example', '--source', 'athena');
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(
      stderr,
      /Athena will scan 10 days of s3:\/\/trail-example\/AWSLogs\/: 2\.5 MB, less than \$0\.01 at \$5 a TB\./,
    );
    assert.match(stderr, /\n {2}next: .*--yes/);
    assert.equal(sandbox.athena.statements.length, started);
  });

  it('reads the bucket in which the trail of the sandbox lies, and says so in a report', async () => {
    const args = ['audit', `s3://${TRAIL_BUCKET}`, '--source', 's3', '--since', '30d', '--format', 'html'];
    const { code, stdout, stderr } = await runCli(args, { env: sandbox.environment });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /, in s3:\/\/sandbox-trail\b/);
    assert.match(stdout, />s3 s3:\/\/sandbox-trail \(\d+ files\)</);
    assert.doesNotMatch(stdout, /the local store/);
  });

  it('prints the statements for the trail and the table of the configuration', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'jamf-mcp-trail-'));
    try {
      const config = { audit: { trail: 's3://trail-example/trails', athena: { table: 'audits.trail' } } };
      await writeFile(join(cwd, 'jamf-mcp.yaml'), JSON.stringify(config));
      const { code, stdout, stderr } = await runCli(['audit', 'sql', '--account', '111122223333'], { cwd });
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^CREATE EXTERNAL TABLE IF NOT EXISTS audits\.trail \(/m);
      assert.match(stdout, /^LOCATION 's3:\/\/trail-example\/trails\/AWSLogs\/'$/m);
    } finally {
      await rm(cwd, { recursive: true });
    }
  });

  it('refuses a source that does not go with what was named', async () => {
    const { code, stderr } = await audit('--source', 'athena');
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^jamf-mcp: no trail is named\n {2}next: name its bucket, s3:\/\/BUCKET\/PREFIX, here or as audit\.trail/,
    );
  });

  it('stops the query on Ctrl-C, and exits 130', async () => {
    const child = startCli(['audit', 's3://trail-example', '--source', 'athena', '--yes', '--since', '1d'], {
      env: env(),
    });
    let stderr = '';
    child.stderr.on('data', (text: Buffer) => {
      stderr += text.toString();
    });
    child.stdin.end();
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    const started = sandbox.athena.statements.length;
    while (sandbox.athena.statements.length === started && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGINT');
    assert.equal(await ended, 130);
    assert.match(stderr, /interrupted; Athena query \S+ was stopped/);
    assert.equal(sandbox.calls.filter(({ service }) => service === 'athena').at(-1)?.operation, 'StopQueryExecution');
  });
});
