import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BIN, cleanEnvironment, runCli, type CliOptions, type CliResult } from '../support/cli.ts';
import { HOSTILE } from '../support/reports.ts';
import { record, session, user } from '../support/trail.ts';

describe('jamf-mcp audit --format', () => {
  let folder: string;
  let trail: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-report-'));
    trail = join(folder, 'trail.jsonl');
    const records = [
      record({ userIdentity: user('mallory'), userAgent: HOSTILE, eventTime: '2026-11-20T03:00:00Z' }),
      record({ userIdentity: session('app', 'one'), eventTime: '2026-11-20T10:00:00Z' }),
      record({ userIdentity: session('app', 'two'), eventTime: '2026-11-21T10:00:00Z', errorCode: 'AccessDenied' }),
    ];
    await writeFile(trail, records.map((one) => `${JSON.stringify(one)}\n`).join(''));
  });

  after(() => rm(folder, { recursive: true }));

  const audit = (args: readonly string[], options?: CliOptions): Promise<CliResult> =>
    runCli(['audit', trail, ...args], options);

  /** What a file of a format begins or goes on with. */
  const SHAPES: Readonly<Record<string, RegExp>> = {
    table: /^3 of 3 accesses unexplained\n/,
    json: /^\{\n {2}"secret": \{/,
    ndjson: /^\{"access":\{[^]*\n\{"finding":[^]*\n\{"audit":\{.*\}\n$/,
    csv: /^"time","action",[^]*\r\n"2026-11-20T03:00:00.000Z","GetSecretValue",/,
    sarif: /^\{\n {2}"\$schema": "https:\/\/json\.schemastore\.org\/sarif-2\.1\.0\.json"/,
    ocsf: /^\{"category_uid":6,[^]*\n\{"category_uid":2,/,
    html: /^<!doctype html>\n[^]*<b>2<\/b> of 2 reads unexplained[^]*<\/html>\n$/,
  };

  for (const [format, shape] of Object.entries(SHAPES)) {
    it(`${format}: writes the same to standard output and to a file, for its owner only`, async () => {
      const file = join(folder, `out.${format}`);
      const [printed, written] = await Promise.all([
        audit(['--format', format, '--quiet']),
        audit(['--format', format, '-o', file]),
      ]);
      assert.deepEqual([printed.code, written.code], [0, 0], printed.stderr + written.stderr);
      const text = await readFile(file, 'utf8');
      assert.match(text, shape);
      assert.match(printed.stdout, shape);
      // A table is as wide as the terminal; an HTML page tells when it was made.
      if (format !== 'table') {
        const made = /Made [^<]*UTC by/g;
        assert.equal(text.replace(made, ''), printed.stdout.replace(made, ''));
      }
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      assert.match(
        written.stdout,
        new RegExp(
          `^3 of 3 accesses unexplained\\n[^]*\\nwrote ${file} \\([\\d.]+ (?:bytes|kB|MB)\\), for its owner only\\n`,
        ),
      );
      assert.equal(written.stderr, '');
      assert.doesNotMatch(
        printed.stdout.replaceAll('\r\n', '\n'),
        /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/,
      );
    });
  }

  it('does not overwrite a file unless it is told to, and then at once', async () => {
    const file = join(folder, 'there.csv');
    await writeFile(file, 'mine\n');
    const refused = await audit(['--format', 'csv', '-o', file, '--no-input']);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /is there already|--yes/);
    assert.equal(await readFile(file, 'utf8'), 'mine\n');
    const taken = await audit(['--format', 'csv', '-o', file, '--yes']);
    assert.equal(taken.code, 0, taken.stderr);
    assert.match(await readFile(file, 'utf8'), SHAPES.csv ?? /-/);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });

  it('leaves no file behind when the audit fails, and none where it cannot write', async () => {
    const own = join(folder, 'fails');
    await mkdir(own);
    const failed = await runCli(['audit', '--since', '1h', '--format', 'ndjson', '-o', join(own, 'a.ndjson')], {
      env: { AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL: 'http://127.0.0.1:9' },
    });
    assert.equal(failed.code, 4);
    assert.deepEqual(await readdir(own), []);
    const nowhere = await audit(['--format', 'html', '-o', join(own, 'no', 'where.html')]);
    assert.equal(nowhere.code, 2);
    assert.match(
      nowhere.stderr,
      /^jamf-mcp: cannot write .*where\.html: there is no folder .*\n {2}next: name another file with -o\n$/,
    );
    const device = await audit(['--format', 'html', '-o', '/dev/null']);
    assert.equal(device.code, 2);
    assert.match(device.stderr, /\/dev\/null is no regular file/);
    const dash = await audit(['-o', '-']);
    assert.equal(dash.code, 2);
    assert.match(dash.stderr, /^jamf-mcp: - is not the name of a file\n {2}next: leave -o out/);
  });

  it('says so when the disk is full', async function () {
    if (!existsSync('/dev/full')) this.skip();
    const shell = spawn(
      'sh',
      ['-c', `exec "${process.execPath}" "${BIN}" audit "${trail}" --format csv --quiet > /dev/full`],
      {
        env: cleanEnvironment(),
      },
    );
    let said = '';
    shell.stderr.on('data', (data: Buffer) => (said += data.toString()));
    const code = await new Promise((resolve) => shell.on('close', resolve));
    assert.equal(code, 1);
    assert.match(said, /^jamf-mcp: the report could not be written: .*no space left.*\n {2}next: .+\n$/i);
  });

  it('ends quietly when its reader has seen enough, and leaves nothing on the disk', async () => {
    const many = join(folder, 'many.jsonl');
    const scratch = join(folder, 'scratch');
    await mkdir(scratch);
    // More than memory holds, so that the rest waits on the disk.
    await writeFile(
      many,
      Array.from(
        { length: 45_000 },
        (_, index) =>
          `${JSON.stringify(record({ eventTime: new Date(Date.UTC(2026, 10, 1) + index * 1_000).toISOString() }))}\n`,
      ).join(''),
    );
    for (const format of ['ndjson', 'csv', 'ocsf']) {
      const child = spawn(process.execPath, [BIN, 'audit', many, '--format', format, '--quiet'], {
        env: cleanEnvironment({ TMPDIR: scratch }),
      });
      let said = '';
      child.stderr.on('data', (data: Buffer) => (said += data.toString()));
      child.stdout.once('data', () => child.stdout.destroy());
      const code = await new Promise((resolve) => child.on('close', resolve));
      assert.deepEqual([code, said], [0, ''], format);
      // Node keeps compiled code there; everything of ours bears our name.
      assert.deepEqual(
        (await readdir(scratch)).filter((name) => name.startsWith('jamf-mcp')),
        [],
        format,
      );
    }
  });

  it('does not mix a report with the result on standard output, and takes both where the report has a file', async () => {
    const mixed = await audit(['--format', 'csv', '--json']);
    assert.equal(mixed.code, 2);
    assert.match(mixed.stdout, /"code": "USAGE"/);
    const both = await audit(['--format', 'csv', '-o', join(folder, 'both.csv'), '--json']);
    assert.equal(both.code, 0, both.stderr);
    assert.equal((JSON.parse(both.stdout) as { total: number }).total, 3);
  });

  it('keeps its exit codes, and warns of what CSV and OCSF have no place for', async () => {
    const missing = join(folder, 'nowhere.json');
    const partial = await runCli(['audit', trail, missing, '--format', 'csv']);
    assert.equal(partial.code, 6);
    assert.match(partial.stderr, /not looked at: .*nowhere\.json: it is not there/);
    assert.equal(partial.stdout.split('\r\n').length, 5);
    const found = await audit(['--format', 'sarif', '--fail-on', 'high']);
    assert.equal(found.code, 3);
    assert.ok(JSON.parse(found.stdout));
  });
});
