import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ValidateResult } from '../../src/lib/iam/validate.ts';
import { runCli } from '../support/cli.ts';

const SECRET = 'arn:aws:secretsmanager:us-east-1:111122223333:secret:app/prod';
const policy = (effect: string, suffix: string) => `# who reads what
Version: 2012-10-17
Statement:
  - Effect: ${effect} # always
    Action: secretsmanager:GetSecretValue
    Resource: ${SECRET}${suffix}
`;

describe('iam validate --fix', () => {
  let folder: string;
  const file = (name: string) => join(folder, name);
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'iam-fix-'));
    await writeFile(file('policy.yaml'), policy('allow', '-*'));
    await chmod(file('policy.yaml'), 0o640);
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('prints the patch with --dry-run, and changes nothing', async () => {
    const { code, stdout } = await runCli(['iam', 'validate', file('policy.yaml'), '--fix', '--dry-run']);
    assert.equal(code, 0);
    assert.match(stdout, /^--- a\/.*policy\.yaml\n\+\+\+ b\/.*policy\.yaml\n@@ -1,6 \+1,6 @@\n # who reads what\n/);
    assert.match(stdout, /\n- {2}- Effect: allow # always\n\+ {2}- Effect: Allow # always\n/);
    assert.equal(await readFile(file('policy.yaml'), 'utf8'), policy('allow', '-*'));
  });

  it('replaces the file behind a link, with its mode, and tells what is left', async () => {
    await symlink(file('policy.yaml'), file('link.yaml'));
    const { code, stdout } = await runCli(['iam', 'validate', file('link.yaml'), '--fix', '--fail-on', 'high']);
    assert.equal(code, 0);
    assert.match(stdout, /^2 repaired in 1 file\n/);
    assert.match(stdout, /link\.yaml:4:13 +invalid-effect +write Allow\n/);
    assert.match(stdout, /\n1 policy: nothing found\n$/);
    assert.equal(await readFile(file('policy.yaml'), 'utf8'), policy('Allow', '-??????'));
    assert.equal((await stat(file('policy.yaml'))).mode & 0o777, 0o640);
    assert.deepEqual((await readdir(folder)).sort(), ['link.yaml', 'policy.yaml']);
  });

  it('leaves what it cannot prove, and says why', async () => {
    await writeFile(file('policy.yaml'), policy('Allow', ''));
    const { code, stdout } = await runCli([
      'iam',
      'validate',
      file('policy.yaml'),
      '--fix',
      '--json',
      '--fail-on',
      'high',
    ]);
    const { fix, findings } = JSON.parse(stdout) as ValidateResult;
    assert.equal(code, 3);
    assert.deepEqual([fix?.repaired, fix?.written, fix?.patch], [[], [], '']);
    assert.match(
      fix?.refused[0]?.why ?? '',
      /^it would allow secretsmanager:GetSecretValue on .*, which the policy does not allow now$/,
    );
    assert.deepEqual(
      findings.map(({ rule }) => rule),
      ['secret-without-suffix'],
    );
  });

  it('does not write standard input', async () => {
    const { code, stderr } = await runCli(['iam', 'validate', '-', '--fix'], { input: policy('allow', '-*') });
    assert.deepEqual([code, stderr.split('\n')[0]], [2, 'jamf-mcp: standard input cannot be changed where it is']);
  });

  it('reports against a baseline what is new alone', async () => {
    await writeFile(file('wide.yaml'), policy('Allow', '*'));
    const known = await runCli(['iam', 'validate', file('wide.yaml'), '--json']);
    await writeFile(file('known.json'), known.stdout);
    const args = ['iam', 'validate', file('wide.yaml'), '--fail-on', 'low', '--baseline'];
    assert.equal((await runCli([...args, file('known.json')])).code, 0);
    await writeFile(file('agreed.yaml'), policy('Allow', '-??????'));
    const { code, stdout } = await runCli([...args, file('agreed.yaml')]);
    assert.equal(code, 3);
    assert.match(stdout, /4:5 +high +secretsmanager:GetSecretValue on +new-access\n +.*secret:app\/prod\*\n/);
  });
});
