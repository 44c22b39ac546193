import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateSecretCommand } from '@aws-sdk/client-secrets-manager';
import type { ErrorJson } from '../../src/lib/errors.ts';
import type { StatusResult } from '../../src/lib/rotation/status.ts';
import type { RotateResult } from '../../src/lib/rotation/work.ts';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { seededRandom } from '../../src/lib/sandbox/random.ts';
import { runCli, startCli, type CliResult } from '../support/cli.ts';
import { hold, type HeldCall } from '../support/held-calls.ts';
import { rotatorOf, withPartner } from '../support/jamf-clients.ts';
import { SECRET } from '../support/rotation.ts';
import { secretsClient } from '../support/sandbox.ts';
import { describeLong } from '../support/long.ts';

/** How many cells are drawn, and by which seed; how many are played at a time. */
const CELLS = 20;
const SEED = 20261122;
const AT_A_TIME = 4;

const CONFIRM = ['--confirm', SECRET, '--no-input', '--json'];

/** A user's way to rotate. */
interface Way {
  args: readonly string[];
  input?: string;
  arrange?: (sandbox: Sandbox) => void;
  environment?: (sandbox: Sandbox) => Record<string, string>;
  field: string;
}

const BROUGHT = 'EXAMPLE-value-that-a-person-brings';

function madeInJamf(sandbox: Sandbox, secret: string): void {
  const [live] = sandbox.jamf.integrations;
  assert.ok(live?.credential);
  live.credential.secret = secret;
}

function rotatorEnvironment(sandbox: Sandbox): Record<string, string> {
  const { clientId, clientSecret } = rotatorOf(sandbox);
  return { JAMF_MCP_ROTATOR_CLIENT_ID: clientId, JAMF_MCP_ROTATOR_CLIENT_SECRET: clientSecret.reveal() };
}

const JAMF = 'JAMF_CLIENT_SECRET';
const WAYS: Readonly<Record<string, Way>> = {
  'jamf single': { args: [], field: JAMF },
  'jamf single with a rotator': { args: [], environment: rotatorEnvironment, field: JAMF },
  'jamf alternate': { args: [], arrange: withPartner, field: JAMF },
  'auth0 patch': { args: ['--only', 'AUTH0_CLIENT_SECRET'], field: 'AUTH0_CLIENT_SECRET' },
  generate: { args: ['--only', 'SESSION_KEY', '--generate'], field: 'SESSION_KEY' },
  ask: {
    args: ['--only', JAMF, '--from-file', '-'],
    input: `${BROUGHT}\n`,
    arrange: (sandbox) => {
      madeInJamf(sandbox, BROUGHT);
    },
    field: JAMF,
  },
};

/** A sandbox with a secret in it, and a machine that rotates it. */
interface Bench {
  sandbox: Sandbox;
  /** Run a command to its end. */
  run(args: readonly string[], options?: { input?: string; env?: Record<string, string> }): Promise<CliResult>;
  /** Start the rotation, and kill its process at a call. */
  killAt(call: HeldCall): Promise<void>;
  /** Rotate without a fault. */
  rotate(): Promise<CliResult>;
  /** One current version, nothing pending, accepted, in every task, recorded. */
  assertSound(when: string): Promise<void>;
  close(): Promise<void>;
}

const BEFORE = 'EXAMPLEsessionKeyBefore00000000000000001';

async function bench({ args, input, arrange, environment, field }: Way): Promise<Bench> {
  const sandbox = await startSandbox({ speed: 200 });
  const values = { ...sandbox.fields, SESSION_KEY: BEFORE };
  await secretsClient(sandbox).send(new CreateSecretCommand({ Name: SECRET, SecretString: JSON.stringify(values) }));
  arrange?.(sandbox);
  const data = await mkdtemp(join(tmpdir(), 'jamf-mcp-kill-'));
  const env = { ...sandbox.environment, ...environment?.(sandbox), XDG_DATA_HOME: data };
  const run: Bench['run'] = (command, options = {}) => runCli(command, { ...options, env: { ...env, ...options.env } });
  const whole = ['rotate', '--force-deploy', ...args, ...CONFIRM];
  const held = () => sandbox.secrets.vault.find('us-east-1', SECRET);

  return {
    sandbox,
    run,
    rotate: () => run(whole, input === undefined ? {} : { input }),
    async killAt(call) {
      const reached = hold(sandbox, call);
      const child = startCli(whole, { env });
      const told: Buffer[] = [];
      child.stderr.on('data', (chunk: Buffer) => told.push(chunk));
      child.stdout.resume();
      child.stdin.on('error', () => undefined);
      child.stdin.end(input ?? '');
      const ended = once(child, 'close');
      const early = ended.then(() => {
        throw new Error(`it ended before it came to ${call.name}: ${Buffer.concat(told).toString()}`);
      });
      await Promise.race([reached, early]);
      child.kill('SIGKILL');
      const [, signal] = (await ended) as [number | null, string | null];
      assert.equal(signal, 'SIGKILL');
      await early.catch(() => undefined);
    },
    async assertSound(when) {
      const versions = [...(held()?.versions.values() ?? [])];
      const [current, ...more] = versions.filter(({ stages }) => stages.has('AWSCURRENT'));
      assert.ok(current?.value && 'text' in current.value && more.length === 0, `${when}: one version is current`);
      assert.ok(!versions.some(({ stages }) => stages.has('AWSPENDING')), `${when}: nothing is pending`);
      const now = JSON.parse(current.value.text) as Record<string, string>;
      assert.deepEqual(Object.keys(now), Object.keys(values), when);
      assert.notEqual(now[field], (values as Record<string, string>)[field], `${when}: it is a new value`);
      const { jamf, auth0 } = sandbox;
      assert.ok(
        jamf.integrations.some(
          ({ clientId, credential }) => clientId === now.JAMF_CLIENT_ID && credential?.secret === now[JAMF],
        ),
        `${when}: Jamf accepts it`,
      );
      assert.ok(
        auth0.clients.some(({ clientSecret }) => clientSecret === now.AUTH0_CLIENT_SECRET),
        `${when}: Auth0 accepts it`,
      );
      const running = sandbox.ecs.tasksOf().filter(({ lastStatus }) => lastStatus === 'RUNNING');
      assert.equal(running.length, 2, when);
      for (const { secrets } of running)
        assert.deepEqual(
          [...new Set(secrets.map(({ versionId }) => versionId))],
          [current.id],
          `${when}: in every task`,
        );
      const status = JSON.parse((await run(['rotate', 'status', '--json'])).stdout) as StatusResult;
      assert.equal(status.state, 'free', when);
      assert.equal(status.records[0]?.versions.after, current.id, `${when}: it is recorded`);
      assert.ok(
        status.records.every(({ problem }) => problem === null),
        `${when}: the signatures hold`,
      );
    },
    async close() {
      await sandbox.close();
      await rm(data, { recursive: true, force: true });
    },
  };
}

const resultOf = ({ stdout, stderr }: CliResult, when: string): RotateResult => {
  assert.ok(stdout.startsWith('{"rotationId"') || stdout.includes('"steps"'), `${when}: ${stderr}`);
  return JSON.parse(stdout) as RotateResult;
};

/** A cell of the matrix, for the built program. */
interface Drawn extends HeldCall {
  way: string;
}

/** ECS is looked at until it is done, which is not always after as many looks. */
const LOOKS = /^ecs:(DescribeServices [3-9]|DescribeServiceDeployments [2-9]|ListTasks [2-9]|DescribeTasks [2-9])/;

/** Every call of every way, before and after. */
async function range(): Promise<Drawn[]> {
  const drawn = await inGroups(Object.entries(WAYS), async ([way, what]) => {
    const it = await bench(what);
    try {
      const from = it.sandbox.calls.length;
      const ended = await it.rotate();
      assert.equal(ended.code, 0, `${way}: ${ended.stderr}`);
      await it.assertSound(way);
      const counts = new Map<string, number>();
      const calls = it.sandbox.calls.slice(from).map(({ service, operation }) => {
        const name = `${service}:${operation}`;
        counts.set(name, (counts.get(name) ?? 0) + 1);
        return { way, name, nth: counts.get(name) ?? 0 };
      });
      // What comes after the last label belongs to the check.
      const last = calls.findLastIndex(({ name }) => name === 'secretsmanager:UpdateSecretVersionStage');
      return calls.slice(0, last + 1).filter(({ name, nth }) => !LOOKS.test(`${name} ${String(nth)}`));
    } finally {
      await it.close();
    }
  });
  return drawn.flat().flatMap((call) => (['before', 'after'] as const).map((when) => ({ ...call, when })));
}

/** One of each of as many equal parts of the range as are to be drawn. */
function draw(cells: readonly Drawn[]): Drawn[] {
  const random = seededRandom(SEED);
  return Array.from({ length: CELLS }, (_, part) => {
    const from = Math.floor((part * cells.length) / CELLS);
    const to = Math.floor(((part + 1) * cells.length) / CELLS);
    const cell = cells[from + random.integer(to - from)];
    assert.ok(cell);
    return cell;
  });
}

async function inGroups<Item, T>(items: readonly Item[], work: (item: Item) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let from = 0; from < items.length; from += AT_A_TIME)
    results.push(...(await Promise.all(items.slice(from, from + AT_A_TIME).map(work))));
  return results;
}

async function play({ way, ...call }: Drawn): Promise<void> {
  const when = `${way}, killed ${call.when} ${call.name} ${String(call.nth)}`;
  const { [way]: what } = WAYS;
  assert.ok(what);
  const it = await bench(what);
  try {
    await it.killAt(call);
    const ended = await it.run(['rotate', 'resume', ...CONFIRM], what.input === undefined ? {} : { input: what.input });
    assert.equal(ended.code, 0, `${when}: ${ended.stderr}`);
    const status = JSON.parse((await it.run(['rotate', 'status', '--json'])).stdout) as StatusResult;
    if (resultOf(ended, when).outcome === 'nothing' && status.records.length === 0) {
      const again = await it.rotate();
      assert.equal(again.code, 0, `${when}: nothing had been changed, and the command again: ${again.stderr}`);
    }
    await it.assertSound(when);
  } finally {
    await it.close();
  }
}

describeLong('jamf-mcp rotate, killed with SIGKILL', function () {
  this.timeout(180_000);

  it(`${String(CELLS)} calls out of all: rotate resume finishes it`, async () => {
    const cells = await range();
    const drawn = draw(cells);
    assert.deepEqual([...new Set(drawn.map(({ way }) => way))].sort(), Object.keys(WAYS).sort());
    await inGroups(drawn, play);
    console.log(`    ${String(drawn.length)} processes killed, of ${String(cells.length)} cells`);
  });

  describe('with the only value that worked lost, and nothing kept that could make another', () => {
    const MINT: HeldCall = { name: 'jamf:POST /api/v1/api-integrations/1/client-credentials', nth: 1, when: 'after' };
    let scene: Bench;
    let next: string;
    beforeEach(async () => {
      scene = await bench({ args: [], field: JAMF });
      // The token that the claim keeps has to live for longer than this to be worth a try.
      const [live] = scene.sandbox.jamf.integrations;
      assert.ok(live);
      live.accessTokenLifetimeSeconds = 6;
      await scene.killAt(MINT);
      const refused = await scene.run(['rotate', 'resume', ...CONFIRM]);
      assert.equal(refused.code, 4, refused.stderr);
      const { error } = JSON.parse(refused.stdout) as ErrorJson;
      assert.equal(error.code, 'CREDENTIALS_REFUSED');
      next = error.hint ?? '';
    });
    afterEach(() => scene.close());

    it('a person makes one in Jamf and stores it, as is told', async () => {
      const [, command = ''] = /store it with `jamf-mcp ([^`]*)` \(a line JAMF_CLIENT_SECRET=…\)/.exec(next) ?? [];
      assert.notEqual(command, '', next);
      madeInJamf(scene.sandbox, BROUGHT);
      const input = `${JAMF}=${BROUGHT}\n`;
      const stored = await scene.run([...command.split(' '), '--yes', '--no-input'], { input });
      assert.equal(stored.code, 0, stored.stderr);
      const ended = await scene.run(['rotate', 'resume', ...CONFIRM]);
      assert.equal(ended.code, 0, ended.stderr);
      await scene.assertSound('a value of a person');
    });

    it('the command is repeated with a rotator, as is told', async () => {
      assert.match(
        next,
        /repeat the command with JAMF_MCP_ROTATOR_CLIENT_ID and _CLIENT_SECRET set to another API client/,
      );
      const ended = await scene.run(['rotate', 'resume', ...CONFIRM], { env: rotatorEnvironment(scene.sandbox) });
      assert.equal(ended.code, 0, ended.stderr);
      await scene.assertSound('a rotator');
    });
  });
});
