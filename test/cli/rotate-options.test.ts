/** What `rotate` can be told beside what to rotate: to prove the injection first, and Auth0's other way. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RegisterTaskDefinitionCommand, UpdateServiceCommand } from '@aws-sdk/client-ecs';
import type { ErrorJson } from '../../src/lib/errors.ts';
import type { RotateResult } from '../../src/lib/rotation/work.ts';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { runCli, type CliResult } from '../support/cli.ts';
import { ecsClient } from '../support/rotation.ts';

const NAME = 'jamf-mcp-server/production';
const CONFIRM = ['--confirm', NAME, '--no-input'];
const SERVICE = { cluster: 'jamf-mcp-cluster', service: 'jamf-mcp-service' };

const resultOf = ({ stdout, stderr }: CliResult): RotateResult => {
  assert.ok(stdout.startsWith('{'), stderr);
  return JSON.parse(stdout) as RotateResult;
};
const errorOf = ({ stdout }: CliResult) => (JSON.parse(stdout) as ErrorJson).error;

describe('jamf-mcp rotate', function () {
  this.timeout(60_000);
  let sandbox: Sandbox;
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jamf-mcp-rotate-'));
    sandbox = await startSandbox({ speed: 20 });
    const input = Object.entries(sandbox.fields)
      .map(([name, value]) => `${name}="${value}"\n`)
      .join('');
    const made = await run(['secrets', 'init', '--from-file', '-', '--yes', '--no-input'], { input });
    assert.equal(made.code, 0, made.stderr);
  });
  afterEach(async () => {
    await sandbox.close();
    await rm(folder, { recursive: true });
  });

  const config = () => join(folder, 'jamf-mcp.yaml');
  const run = (args: readonly string[], options: { input?: string; env?: Record<string, string> } = {}) =>
    runCli(args, { ...options, env: { ...sandbox.environment, ...options.env } });
  const withConfig = (args: readonly string[]) => run(args, { env: { JAMF_MCP_CONFIG: config() } });
  const liveSecret = () => sandbox.jamf.integrations[0]?.credential?.secret ?? '';

  async function stages(): Promise<string[]> {
    const { stdout } = await run(['secrets', 'show', '--json']);
    return (JSON.parse(stdout) as { stages: string[] }).stages.toSorted();
  }

  describe('--prove-injection', () => {
    /** Give the service a task definition whose secrets are these fields of the secret. */
    async function inject(...fields: string[]): Promise<void> {
      const { stdout } = await run(['secrets', 'show', '--json']);
      const { secret } = JSON.parse(stdout) as { secret: { arn: string } };
      const ecs = ecsClient(sandbox);
      const secrets = fields.map((name) => ({ name, valueFrom: `${secret.arn}:${name}::` }));
      await ecs.send(
        new RegisterTaskDefinitionCommand({
          family: 'other',
          executionRoleArn: 'arn:aws:iam::000000000000:role/ecsTaskExecutionRole',
          containerDefinitions: [{ name: 'main', image: 'main:1', memory: 64, secrets }],
        }),
      );
      await ecs.send(new UpdateServiceCommand({ ...SERVICE, taskDefinition: 'other' }));
    }

    /** Nothing was made, nothing is left. */
    async function assertUntouched(before: string): Promise<void> {
      assert.equal(liveSecret(), before);
      assert.deepEqual(await stages(), ['AWSCURRENT']);
      assert.ok(!sandbox.calls.some(({ operation }) => operation.endsWith('/client-credentials')));
      const copies = sandbox.ecs.state.taskDefinitions.filter(({ family }) => family.endsWith('-jamf-mcp-proof'));
      for (const { deregisteredAt } of copies) assert.notEqual(deregisteredAt, null);
    }

    it('starts one task with AWSPENDING before anything is made, and leaves nothing of it', async () => {
      const ended = await run(['rotate', '--force-deploy', '--prove-injection', '--json', ...CONFIRM]);
      assert.equal(ended.code, 0, ended.stderr);
      const { steps } = resultOf(ended);
      const names = steps.map(({ name }) => name);
      assert.deepEqual(names.slice(0, 5), ['preflight', 'claim', 'prove', 'mint', 'stage']);
      const said = steps.find(({ name }) => name === 'prove')?.text ?? '';
      assert.match(said, /^a task was given JAMF_URL, .*JAMF_CLIENT_SECRET.* of AWSPENDING and (runs|ended)/);
      const calls = sandbox.calls.map(({ operation }) => operation);
      assert.equal(calls.filter((operation) => operation === 'RunTask').length, 1);
      assert.ok(calls.indexOf('RunTask') < calls.findIndex((operation) => operation.endsWith('/client-credentials')));
      const [copy] = sandbox.ecs.state.taskDefinitions.filter(({ family }) => family.endsWith('-jamf-mcp-proof'));
      assert.notEqual(copy?.deregisteredAt ?? null, null);
    });

    it('is in the list of a dry run', async () => {
      const planned = await run(['rotate', '--prove-injection', '--service', SERVICE.service, '--dry-run']);
      assert.equal(planned.code, 0, planned.stderr);
      assert.match(
        planned.stdout,
        /\nclaim +planned .*\nprove +planned +start one task as jamf-mcp-cluster\/jamf-mcp-serv/,
      );
      assert.ok(!sandbox.calls.some(({ operation }) => operation === 'RunTask'));
    });

    it('tells the reason of ECS where the secret lacks a key of the task definition, and changes nothing', async () => {
      await inject('JAMF_CLIENT_SECRET', 'NOT_THERE');
      const before = liveSecret();
      const failed = await run(['rotate', '--force-deploy', '--prove-injection', '--json', ...CONFIRM]);
      assert.equal(failed.code, 1, failed.stderr);
      const error = errorOf(failed);
      assert.equal(error.code, 'REMOTE_FAILED');
      assert.match(
        error.message,
        /^a task could not be given AWSPENDING: .*retrieved secret from Secrets Manager did not contain json key NOT_THERE; nothing was changed$/,
      );
      assert.match(error.hint ?? '', /no field of the name/);
      await assertUntouched(before);
    });

    it('refuses where the task definition does not give the tasks what is rotated', async () => {
      await inject('JAMF_URL');
      const before = liveSecret();
      const failed = await run(['rotate', '--prove-injection', '--service', SERVICE.service, ...CONFIRM]);
      assert.equal(failed.code, 2, failed.stderr);
      const [message, hint] = failed.stderr.trimEnd().split('\n').slice(-2);
      assert.match(message ?? '', /does not give its tasks JAMF_CLIENT_SECRET of AWSCURRENT: .*; nothing was changed$/);
      assert.match(hint ?? '', /or leave --prove-injection out$/);
      await assertUntouched(before);
    });

    it('proves a draft before Auth0 is told of it', async () => {
      const rotated = ['rotate', '--only', 'AUTH0_CLIENT_SECRET', '--force-deploy', '--prove-injection', '--json'];
      await inject('AUTH0_CLIENT_SECRET', 'NOT_THERE');
      const failed = await run([...rotated, ...CONFIRM]);
      assert.match(errorOf(failed).message, /json key NOT_THERE; nothing was changed$/);
      assert.deepEqual(await stages(), ['AWSCURRENT']);
      assert.ok(!sandbox.calls.some(({ operation }) => operation.startsWith('PATCH')));
      await inject('AUTH0_CLIENT_SECRET');
      const ended = await run([...rotated, ...CONFIRM]);
      assert.equal(ended.code, 0, ended.stderr);
      const names = resultOf(ended).steps.map(({ name }) => name);
      assert.deepEqual(names.slice(1, 6), ['claim', 'stage', 'prove', 'mint', 'test']);
    });

    it('needs a service, and the store that ECS reads', async () => {
      const cases: [string[], RegExp][] = [
        [[], /^jamf-mcp: --prove-injection does not say for which ECS service\n.*--force-deploy/],
        [['--force-deploy', '--store', 'local'], /^jamf-mcp: --prove-injection is for the store aws, not local: /],
        [['--setup-alternate'], /^jamf-mcp: --setup-alternate rotates nothing: --prove-injection say how to\n/],
      ];
      for (const [args, text] of cases) {
        const refused = await run(['rotate', '--prove-injection', ...args, ...CONFIRM]);
        assert.equal(refused.code, 2, refused.stderr);
        assert.match(refused.stderr, text);
      }
    });
  });

  describe('rotation.auth0Mode', () => {
    const rotated = ['rotate', '--only', 'AUTH0_CLIENT_SECRET', '--json', ...CONFIRM];
    const asked = () => sandbox.calls.filter(({ service }) => service === 'auth0').map(({ operation }) => operation);

    it('rotate-secret: Auth0 makes the value', async () => {
      await writeFile(config(), 'rotation: { auth0Mode: rotate-secret }\n');
      const ended = await withConfig(rotated);
      assert.equal(ended.code, 0, ended.stderr);
      const names = resultOf(ended).steps.map(({ name }) => name);
      assert.deepEqual(names.slice(1, 4), ['claim', 'mint', 'stage']);
      assert.ok(asked().some((operation) => operation.endsWith('/rotate-secret')));
      assert.ok(!asked().some((operation) => operation.startsWith('PATCH')));
    });

    it('is kept in the claim: resume goes on as it was begun, whatever the file says by then', async () => {
      await writeFile(config(), 'rotation: { auth0Mode: rotate-secret }\n');
      const refusal = { kind: 'error', code: 'AccessDeniedException', message: 'not now' } as const;
      sandbox.inject({ operation: 'secretsmanager:UpdateSecretVersionStage', nth: 2, fault: refusal });
      const failed = await withConfig(rotated);
      assert.equal(failed.code, 6, failed.stderr);
      assert.match(errorOf(failed).message, /^promote failed: .*the new value is stored as AWSPENDING/);
      await writeFile(config(), 'rotation: { auth0Mode: patch }\n');
      const ended = await withConfig(['rotate', 'resume', '--json', ...CONFIRM]);
      assert.equal(ended.code, 0, ended.stderr);
      const { steps } = resultOf(ended);
      assert.deepEqual(
        steps.slice(1, 4).map(({ name, state }) => `${name} ${state}`),
        ['claim done', 'mint skipped', 'stage skipped'],
      );
      assert.ok(!asked().some((operation) => operation.startsWith('PATCH')));
      assert.deepEqual(await stages(), ['AWSCURRENT']);
    });

    it('is one of two words', async () => {
      await writeFile(config(), 'rotation: { auth0Mode: guess }\n');
      const refused = await withConfig(rotated);
      assert.equal(refused.code, 2, refused.stderr);
      assert.match(refused.stderr + refused.stdout, /jamf-mcp\.yaml:1:\d+.*auth0Mode/);
    });
  });
});
