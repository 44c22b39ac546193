/** `rotate schedule` of the built program, in the sandbox: what a user types, sees and gets. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RotateSecretCommand } from '@aws-sdk/client-secrets-manager';
import type { ScheduleResult } from '../../src/lib/rotation/schedule/install.ts';
import type { ScheduleStatus } from '../../src/lib/rotation/schedule/status.ts';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { runCli } from '../support/cli.ts';
import { secretsClient } from '../support/sandbox.ts';

const SECRET = 'jamf-mcp-server/production';

describe('jamf-mcp rotate schedule', function () {
  this.timeout(60_000);
  let sandbox: Sandbox;
  let home: string;
  before(async () => {
    sandbox = await startSandbox({ speed: 50 });
    home = await mkdtemp(join(tmpdir(), 'jamf-mcp-schedule-'));
    await run(['secrets', 'init', '--from-file', '-'], JSON.stringify(sandbox.fields));
  });
  after(async () => {
    await sandbox.close();
    await rm(home, { recursive: true });
  });

  const run = (args: string[], input = '', env: Record<string, string> = {}) =>
    runCli(args, {
      env: { ...sandbox.environment, HOME: home, XDG_DATA_HOME: home, JAMF_MCP_CONFIRM: SECRET, ...env },
      input,
    });
  const schedule = (...args: string[]) => run(['rotate', 'schedule', ...args]);
  const live = () => sandbox.jamf.integrations[0]?.credential?.secret;

  it('says what is wrong with what was typed, with exit code 2', async () => {
    const cases: [string[], RegExp][] = [
      [[], /it is not said when to rotate\n {2}next: pass one of them: --every 90d/],
      [['--every', '3h'], /--every 3h is no interval from 4 hours to 999 days/],
      [['--at', '5 3 1 * ? *'], /5 is no minutes/],
      [['--every', '9d', '--at', '0 3 1 * ? *'], /--every|--at/],
      [['--every', '9d', '--no-deploy', '--service', 'x'], /say the opposite/],
      [['--every', '9d', '--only', 'REQUIRED_SCOPES'], /REQUIRED_SCOPES is no secret/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr, stdout } = await schedule(...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
      assert.equal(stdout, '');
    }
  });

  it('wants the name of the secret in production, and changes nothing without it', async () => {
    const from = sandbox.calls.length;
    const { code, stderr } = await runCli(['rotate', 'schedule', '--every', '90d', '--no-input', '--yes'], {
      env: sandbox.environment,
    });
    assert.equal(code, 2, stderr);
    assert.match(stderr, /--confirm jamf-mcp-server\/production/);
    assert.deepEqual(
      sandbox.calls.slice(from).filter(({ operation }) => /^(Create|Put|Rotate)/.test(operation)),
      [],
    );
  });

  it('installs, tells, rotates when Secrets Manager says so, and goes', async () => {
    const installed = await schedule('--every', '90d', '--window', '4h', '--json');
    assert.equal(installed.code, 0, installed.stderr);
    const { schedule: rules, due } = JSON.parse(installed.stdout) as ScheduleResult;
    assert.equal(rules, 'every 90 days, within 4 hours');
    assert.equal(due?.every, '90d');

    const status = await schedule('status');
    assert.equal(status.code, 0, status.stdout);
    assert.match(
      status.stdout,
      /is rotated on \d{4}-\d\d-\d\d, in 90 days\nrules: rate\(90 days\), window 4h \(UTC\)\nlast rotated by Secrets Manager: never/,
    );

    await until(() => sandbox.lambda.running() === 0);
    const before = live();
    const deployments = sandbox.ecs.deploymentsOf().length;
    await secretsClient(sandbox).send(new RotateSecretCommand({ SecretId: SECRET }));
    await until(() => sandbox.secrets.vault.find('us-east-1', SECRET)?.rotation.rotatedAt !== null);
    await until(() => sandbox.ecs.deploymentsOf().length === deployments + 1);
    assert.notEqual(live(), before);
    const [version] = [...(sandbox.secrets.vault.find('us-east-1', SECRET)?.versions.values() ?? [])].filter(
      ({ stages }) => stages.has('AWSCURRENT'),
    );
    assert.ok(version?.value && 'text' in version.value && version.value.text.includes(live() ?? '-'));

    const [rule] = sandbox.events.rules.values();
    assert.ok(rule);
    rule.state = 'DISABLED';
    const drifted = await schedule('status', '--json');
    assert.equal(drifted.code, 3, 'something was found');
    const { parts } = JSON.parse(drifted.stdout) as ScheduleStatus;
    assert.deepEqual(parts.find(({ name }) => name === 'rule')?.drift, ['it is disabled']);

    const removed = await schedule('remove');
    assert.match(removed.stdout, /is no longer rotated; removed: rotation, rule, function, role, queue, log group\n$/);
    assert.equal((await schedule('remove')).stdout, `${SECRET} (aws, environment production) had no schedule\n`);
  });

  it('keeps a due date in the local store', async () => {
    const local = { JAMF_MCP_STORE: 'local' };
    const fields = { ...sandbox.fields, JAMF_CLIENT_SECRET: live() };
    const made = await run(['secrets', 'init', '--from-file', '-'], JSON.stringify(fields), local);
    assert.equal(made.code, 0, made.stderr);
    const { stdout, code, stderr } = await run(['rotate', 'schedule', '--every', '30d'], '', local);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /\(local, environment production\) is to be rotated every 30 days\nto be rotated by \d{4}-\d\d-\d\d, in 30 days/,
    );
    const status = await run(['rotate', 'schedule', 'status'], '', local);
    assert.match(status.stdout, /to be rotated by \d{4}-\d\d-\d\d, in 30 days/);
    assert.match(
      (await run(['secrets', 'show'], '', local)).stdout,
      /rotation +every 30d, to be rotated by \d{4}-\d\d-\d\d, in 30 days\n/,
    );
    assert.match((await run(['secrets', 'list'], '', local)).stdout, /every 30d, due \d{4}-\d\d-\d\d\n/);
    assert.equal((await run(['rotate', 'schedule', 'remove'], '', local)).code, 0);
    assert.match((await run(['secrets', 'show'], '', local)).stdout, /rotation +none scheduled/);
    assert.match((await run(['rotate', 'schedule', 'status'], '', local)).stdout, /has no schedule/);
  });

  /** A function runs in a thread of its own, on the wall clock. */
  async function until(so: () => boolean): Promise<void> {
    for (let turn = 0; !so(); turn += 1) {
      assert.ok(turn < 1_000, 'it never came to be so');
      await delay(20);
    }
  }
});
