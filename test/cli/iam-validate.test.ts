import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ValidateResult } from '../../src/lib/iam/validate.ts';
import { runCli } from '../support/cli.ts';

const NARROW = {
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: 'secretsmanager:GetSecretValue',
      Resource: 'arn:aws:secretsmanager:us-east-1:111122223333:secret:app/prod-??????',
    },
  ],
};
const BROAD = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: ['docs:GetDocuments', 's3:ListBuckets'], Resource: '*' },
    { Effect: 'Allow', Action: ['cloudformation:*', 's3:*', 'iam:*', 'lambda:*'], Resource: '*' },
  ],
};

describe('iam validate', () => {
  let folder: string;
  const file = (name: string) => join(folder, name);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'iam-validate-'));
    await mkdir(file('infra/node_modules'), { recursive: true });
    await writeFile(file('narrow.json'), JSON.stringify(NARROW, null, 2));
    await writeFile(file('infra/broad.json'), JSON.stringify(BROAD, null, 2));
    await writeFile(file('infra/package.json'), '{"name": "none"}');
    await writeFile(file('infra/node_modules/skipped.json'), JSON.stringify(BROAD));
  });
  after(() => rm(folder, { recursive: true }));

  it('says so where there is nothing to say', async () => {
    const { code, stdout, stderr } = await runCli(['iam', 'validate', file('narrow.json')]);
    assert.deepEqual([code, stdout, stderr], [0, '1 policy: nothing found\n', '']);
  });

  it('tells each finding with its place, and what to do', async () => {
    const { code, stdout } = await runCli(['iam', 'validate', file('infra'), '--fail-on', 'critical']);
    assert.equal(code, 0);
    assert.match(stdout, /^1 policy:.*high/);
    assert.match(stdout, /7:9 +medium +no service docs is known/);
    assert.match(stdout, /8:9 +medium +no action s3:ListBuckets is known \(data of 2026-09-26\):/);
    assert.match(stdout, /s3:ListAllMyBuckets/);
    assert.match(stdout, /every action of iam/);
    assert.doesNotMatch(stdout, /skipped|package/);
  });

  it('exits 3 where a finding is as bad as --fail-on says', async () => {
    assert.equal((await runCli(['iam', 'validate', file('infra/broad.json'), '--fail-on', 'high'])).code, 3);
    assert.equal((await runCli(['iam', 'validate', file('narrow.json'), '--fail-on', 'info'])).code, 0);
  });

  it('reads standard input, and prints JSON by either flag', async () => {
    const args = ['iam', 'validate', '-', '--type', 'resource'];
    const a = await runCli([...args, '--json'], { input: JSON.stringify(NARROW) });
    const b = await runCli([...args, '--format', 'json'], { input: JSON.stringify(NARROW) });
    assert.equal(a.stdout, b.stdout);
    const { inputs, findings } = JSON.parse(a.stdout) as ValidateResult;
    assert.deepEqual(inputs, [{ name: 'stdin', type: 'resource' }]);
    assert.deepEqual(
      findings.map(({ rule, file: name, line, column }) => [rule, name, line, column]),
      [['missing-principal', 'stdin', 1, 38]],
    );
  });

  it('prints SARIF', async () => {
    const { stdout } = await runCli(['iam', 'validate', file('infra/broad.json'), '--format', 'sarif']);
    const log = JSON.parse(stdout) as { version: string; runs: { results: { ruleId: string }[] }[] };
    assert.equal(log.version, '2.1.0');
    assert.ok(log.runs[0]?.results.some(({ ruleId }) => ruleId === 'privilege-escalation'));
  });

  it('never prints what a terminal would act on', async () => {
    const evil = { ...NARROW, Statement: [{ ...NARROW.Statement[0], Action: 's3:\u001b[31mGet\u202eObject' }] };
    const { stdout } = await runCli(['iam', 'validate', '-'], { input: JSON.stringify(evil) });
    assert.doesNotMatch(stdout, /[\u001b\u202e]/);
    assert.match(stdout, /\\x1b\[31mGet/);
  });

  it('tells what is missing', async () => {
    const none = await runCli(['iam', 'validate']);
    // With nothing named it looks at the account, and there is none here.
    assert.deepEqual([none.code, none.stdout, none.stderr.split('\n').length], [4, '', 3]);
    assert.match(none.stderr, /Region is missing\n {2}next: pass --region/);
    assert.equal((await runCli(['iam', 'validate', file('nothing.json')])).code, 2);
    assert.match((await runCli(['iam', 'validate', file('infra/node_modules/..'), '--type', 'user'])).stderr, /--type/);
  });
});
