/** The built binary from a file of credentials to a safe one, and back out again. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DescribeSecretCommand, GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { runCli } from '../support/cli.ts';
import { secretsClient } from '../support/sandbox.ts';

const FILE = `# nba
DB_HOST=127.0.0.1
DB_PORT=9
DB_NAME=nba
DB_USER=nba
DB_PASSWORD="EXAMPLE-pass#word"
AWS_ACCESS_KEY_ID=AKIAEXAMPLEEXAMPLE00
AWS_SECRET_ACCESS_KEY=EXAMPLE-access
AWS_REGION=us-east-1
S3_BUCKET=nba-bucket
LOG_LEVEL=INFO
`;

interface Imported {
  secrets: { secret: { name: string; arn: string }; fields: string[]; changed: boolean }[];
  git: string;
  rewritten: { ignored: string[] };
}

describe('secrets import, export, reveal and cost, the binary', () => {
  let sandbox: Sandbox;
  let folder: string;
  before(async () => {
    sandbox = await startSandbox({ speed: 50 });
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-cli-import-'));
    await writeFile(join(folder, '.env'), FILE);
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', folder, '-c', 'user.name=EXAMPLE', '-c', 'user.email=e@example.com', ...args]);
    git('init', '-q');
    git('add', '.env');
    git('commit', '-qm', 'add');
  });
  after(async () => {
    await sandbox.close();
    await rm(folder, { recursive: true });
  });

  const run = (args: string[], options: { env?: Record<string, string>; input?: string } = {}) =>
    runCli(['secrets', ...args], { cwd: folder, ...options, env: { ...sandbox.environment, ...options.env } });
  const importing = ['import', '.env', '--split', '--prefix', 'nba-mcp', '--rewrite'];
  const DATABASE = 'nba-mcp/production/database';
  const text = (name: string) => readFile(join(folder, name), 'utf8');

  it('asks first where git tracks the file', async () => {
    const { code, stderr } = await run(importing);
    assert.equal(code, 2);
    assert.match(stderr, /git tracks \.env: its history will still hold the values/);
    assert.equal(await text('.env'), FILE);
    assert.ok(!sandbox.calls.some(({ operation }) => operation === 'CreateSecret'));
  });

  it('makes one secret a group in two calls each, and the file safe', async () => {
    const before = sandbox.calls.length;
    const tagged = [...importing, '--tag', 'Project=NBA-MCP', '--tag', 'Environment=Production'];
    const { code, stdout, stderr } = await run([...tagged, '--yes', '--json']);
    assert.equal(code, 0, stderr);
    const result = JSON.parse(stdout) as Imported;
    assert.deepEqual(
      result.secrets.map(({ secret, changed }) => [secret.name, changed]),
      [
        [DATABASE, true],
        ['nba-mcp/production/aws', true],
        ['nba-mcp/production/s3', true],
      ],
    );
    const made = sandbox.calls.slice(before).filter(({ service }) => service === 'secretsmanager');
    assert.deepEqual(made.map(({ operation }) => operation).sort(), [
      'CreateSecret',
      'CreateSecret',
      'CreateSecret',
      'DescribeSecret',
      'DescribeSecret',
      'DescribeSecret',
    ]);
    const client = secretsClient(sandbox);
    const { Tags = [] } = await client.send(new DescribeSecretCommand({ SecretId: DATABASE }));
    const tags = { Project: 'NBA-MCP', Environment: 'Production', environment: 'production', 'managed-by': 'jamf-mcp' };
    assert.deepEqual(Object.fromEntries(Tags.map(({ Key = '', Value }) => [Key, Value])), {
      ...tags,
      schema: 'database',
    });
    const { SecretString = '' } = await client.send(new GetSecretValueCommand({ SecretId: DATABASE }));
    assert.equal((JSON.parse(SecretString) as Record<string, unknown>).DB_PORT, 9);
    assert.equal(result.git, 'tracked');
    assert.match(stderr, /warning: git's history still holds the values/);
    assert.doesNotMatch(await text('.env'), /EXAMPLE/);
    assert.match(await text('.env'), /^JAMF_MCP_ENV=production$/m);
    assert.equal(await text('.env.old'), FILE);
    assert.equal((await stat(join(folder, '.env.old'))).mode & 0o777, 0o600);
    assert.ok((await text('.gitignore')).split('\n').includes('.env.old'));
  });

  it('tells the ARN of each, and that nothing is new the second time', async () => {
    await writeFile(join(folder, 'again.env'), FILE);
    const { stdout } = await run(['import', 'again.env', '--split', '--prefix', 'nba-mcp', '--update']);
    assert.equal(stdout.match(/^unchanged +nba-mcp\/production\//gm)?.length, 3);
    assert.match(stdout, /^arn arn:aws:secretsmanager:us-east-1:\d{12}:secret:nba-mcp\/production\/database-\w{6}$/m);
  });

  it('verifies it, and fails where nothing listens', async () => {
    const { code, stdout } = await run(['verify', '--secret', DATABASE, '--schema', 'database']);
    assert.equal(code, 3);
    assert.match(stdout, /pass +schema/);
    assert.match(stdout, /FAIL +database .*ECONNREFUSED/s);
  });

  it('reveals for a reason, which CloudTrail then has', async () => {
    const refused = await run(['reveal', 'DB_PASSWORD', '--secret', DATABASE, '--reason', 'INC-4711: a check']);
    assert.equal(refused.code, 2, 'production asks for the name');
    const shown = await run(
      ['reveal', 'password', '--secret', DATABASE, '--reason', 'INC-4711: a check', '--confirm', DATABASE],
      {
        env: { JAMF_MCP_CONFIG: await config('schema: database') },
      },
    );
    assert.equal(shown.stdout, 'EXAMPLE-pass#word', shown.stderr);
    const audit = await runCli(['audit', '--since', '1h', '--secret', DATABASE, '--json'], {
      env: sandbox.environment,
    });
    const { accesses } = JSON.parse(audit.stdout) as { accesses: { action: string; userAgent: string }[] };
    const reads = accesses.filter(
      ({ action, userAgent }) => action === 'GetSecretValue' && userAgent.includes('reason/INC-4711_a_check'),
    );
    assert.equal(reads.length, 1, audit.stdout);
  });

  /** A configuration file of this test. */
  async function config(yaml: string): Promise<string> {
    const path = join(folder, 'config.yaml');
    await writeFile(path, yaml);
    return path;
  }

  it('exports the block of a task definition with the ARN that the secret really has', async () => {
    const { stdout, code } = await run(['export', '--format', 'ecs', '--secret', DATABASE]);
    assert.equal(code, 0);
    const { secrets } = JSON.parse(stdout) as { secrets: { name: string; valueFrom: string }[] };
    assert.deepEqual(
      secrets.map(({ name }) => name),
      ['DB_HOST', 'DB_PORT', 'DB_NAME', 'DB_USER', 'DB_PASSWORD'],
    );
    for (const { name, valueFrom } of secrets)
      assert.match(
        valueFrom,
        new RegExp(`^arn:aws:secretsmanager:us-east-1:\\d{12}:secret:${DATABASE}-\\w{6}:${name}::$`),
      );
  });

  it('imports from stdin with a schema of one’s own', async () => {
    const JAMF_MCP_CONFIG = await config(
      'schema: payroll\nschemas: { payroll: { prefix: PAY, fields: [{ name: PAY_URL, type: url }, { name: PAY_TOKEN }] } }',
    );
    const input = 'url: https://pay.example.com\ntoken: EXAMPLE-token\nnote: left\n';
    const args = ['import', '-', '--format', 'yaml', '--secret', 'payroll/production'];
    const imported = await run(args, { input, env: { JAMF_MCP_CONFIG } });
    assert.match(imported.stdout, /stored +payroll\/production +PAY_URL, PAY_TOKEN/, imported.stderr);
    assert.match(imported.stdout, /token +stdin:2/);
    assert.match(imported.stdout, /left in stdin: note/);
    const again = await run(args, { input, env: { JAMF_MCP_CONFIG } });
    assert.equal(again.code, 1);
    assert.match(again.stderr, /--update/);
  });

  it('says what is wrong with its arguments', async () => {
    for (const args of [
      ['import'],
      ['import', '.env', '--from-secret', 'x'],
      ['import', 'absent.env'],
      ['export'],
      ['reveal', '--secret', DATABASE],
    ])
      assert.equal((await run(args)).code, 2, args.join(' '));
  });

  it('reckons the example: $1.60', async () => {
    const { stdout, code } = await run(['cost', '--starts', '1000', '--json']);
    assert.equal(code, 0);
    const { cost } = JSON.parse(stdout) as { cost: { total: number } };
    assert.equal(cost.total, 1.6);
  });
});
