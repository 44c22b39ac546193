import assert from 'node:assert/strict';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { EXIT, type ErrorJson } from '../../src/lib/errors.ts';
import type { RotateResult } from '../../src/lib/rotation/work.ts';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { startCli } from '../support/cli.ts';
import { withPartner } from '../support/jamf-clients.ts';
import { SECRET } from '../support/rotation.ts';
import { secretsClient } from '../support/sandbox.ts';
import { describeLong } from '../support/long.ts';

/** How often two start at once; each way has a sandbox of its own, and they go on side by side. */
const ROUNDS = 50;

/** What the two are told; with a second client they may disagree about the strategy. */
const WAYS: readonly { title: string; partner: boolean; strategies: readonly (string | null)[] }[] = [
  { title: 'one client', partner: false, strategies: [null, null] },
  { title: 'two clients', partner: true, strategies: [null, null] },
  { title: 'two clients, of which one process forgoes the second', partner: true, strategies: ['alternate', 'single'] },
];

/** One of the two, when it has ended. */
interface Ended {
  pid: number;
  code: number | null;
  stdout: string;
  stderr: string;
}

function start(sandbox: Sandbox, strategy: string | null): Promise<Ended> {
  const args = ['rotate', '--confirm', SECRET, '--no-input', '--json'];
  const child = startCli([...args, ...(strategy === null ? [] : ['--strategy', strategy])], {
    env: sandbox.environment,
  });
  const ended: Ended = { pid: child.pid ?? 0, code: null, stdout: '', stderr: '' };
  child.stdin.end();
  child.stdout.on('data', (chunk: Buffer) => (ended.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (ended.stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ ...ended, code });
    });
  });
}

/** The first two calls of an operation are answered together: two processes are at the same point by then. */
function together(sandbox: Sandbox, operation: string): void {
  const { handlers } = sandbox.aws.secretsmanager ?? {};
  const handler = handlers?.[operation];
  assert.ok(handlers && handler);
  const waiting: (() => void)[] = [];
  handlers[operation] = async (input, call) => {
    if (waiting.length < 2) {
      await new Promise<void>((go) => {
        waiting.push(go);
        if (waiting.length === 2) for (const each of waiting) each();
      });
    } else handlers[operation] = handler;
    return handler(input, call);
  };
}

const mintsIn = (calls: Sandbox['calls']) =>
  calls.filter(({ operation }) => operation.endsWith('/client-credentials')).length;

describeLong('jamf-mcp rotate, twice at once', function () {
  this.timeout(180_000);

  it(`one wins, the other tells so and changes nothing, ${String(ROUNDS)} times`, async () => {
    const told = { process: 0, version: 0 };
    let left = ROUNDS;
    await Promise.all(
      WAYS.map(async ({ title, partner, strategies }) => {
        const sandbox = await startSandbox();
        const SecretString = JSON.stringify(sandbox.fields);
        await secretsClient(sandbox).send(new CreateSecretCommand({ Name: SECRET, SecretString }));
        if (partner) withPartner(sandbox);
        try {
          while (left > 0) {
            left -= 1;
            const from = sandbox.calls.length;
            const original = sandbox.aws.secretsmanager?.handlers.GetSecretValue;
            together(sandbox, 'GetSecretValue');
            const ended = await Promise.all(strategies.map((strategy) => start(sandbox, strategy)));
            if (original && sandbox.aws.secretsmanager) sandbox.aws.secretsmanager.handlers.GetSecretValue = original;
            told[assertOneWon(sandbox, ended, title)] += 1;
            assert.equal(mintsIn(sandbox.calls.slice(from)), 1, `${title}: one value was made`);
          }
        } finally {
          await sandbox.close();
        }
      }),
    );
    assert.equal(told.process + told.version, ROUNDS);
    console.log(`    ${String(told.process)} told who was at work, ${String(told.version)} what had come of it`);
  });
});

/** Exactly one has rotated, and what it made is current; the other names it. @returns by what */
function assertOneWon(sandbox: Sandbox, ended: readonly Ended[], title: string): 'process' | 'version' {
  const when = `${title}: ${ended.map(({ code, stdout, stderr }) => `${String(code)} ${stdout} ${stderr}`).join('\n')}`;
  const [winner, ...others] = ended.filter(({ code }) => code === EXIT.done);
  const loser = ended.find(({ code }) => code !== EXIT.done);
  assert.ok(winner && loser && others.length === 0, when);
  const { versionId, outcome } = JSON.parse(winner.stdout) as RotateResult;
  assert.equal(outcome, 'rotated', when);
  const { error } = JSON.parse(loser.stdout) as ErrorJson;
  assert.equal(error.code, 'CONFLICT', when);
  assert.equal(loser.code, EXIT.failed, when);
  const named = /by \S+ \(process (\d+)\) is under way|version ([\w-]{36}) is AWSCURRENT now/.exec(error.message);
  assert.ok(named?.[1] === String(winner.pid) || named?.[2] === versionId, `${when}: it names the one that won`);

  const versions = [...(sandbox.secrets.vault.find('us-east-1', SECRET)?.versions.values() ?? [])];
  const current = versions.filter(({ stages }) => stages.has('AWSCURRENT'));
  assert.deepEqual(
    current.map(({ id }) => id),
    [versionId],
    when,
  );
  assert.ok(!versions.some(({ stages }) => stages.has('AWSPENDING')), when);
  const [{ value } = { value: null }] = current;
  assert.ok(value && 'text' in value);
  const now = JSON.parse(value.text) as Record<string, string>;
  assert.ok(
    sandbox.jamf.integrations.some(
      ({ clientId, credential }) => clientId === now.JAMF_CLIENT_ID && credential?.secret === now.JAMF_CLIENT_SECRET,
    ),
    when,
  );
  return named[1] === undefined ? 'version' : 'process';
}
