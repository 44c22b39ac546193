import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { runCli, startCli } from '../support/cli.ts';
import { computerCaller, reportText, startLoad, type Load } from '../support/load.ts';
import { rotationDriver, type Driver } from '../support/rotation-driver.ts';
import { SECRET } from '../support/rotation.ts';
import { describeLong } from '../support/long.ts';

/** Calls a second, as the promise has it. */
const RATE = 50;

/** Life of tokens, in seconds: many are renewed while the test runs. */
const TOKEN_S = 2;

const CONFIRMED = ['--no-deploy', '--no-input', '--confirm', SECRET];

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What a test that failed would leave running. */
const servers: ChildProcess[] = [];
const loads: Load[] = [];

function callAtRate(call: () => Promise<void>): Load {
  const load = startLoad(call, RATE);
  loads.push(load);
  return load;
}

/** The built server over HTTP, and what it told. */
async function startServer(sandbox: Sandbox) {
  const child = startCli(['serve', '--http', '--port', '0'], { env: sandbox.environment });
  servers.push(child);
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const caller = await computerCaller(line.toString().trimEnd());
  return {
    call: () => caller.call(),
    warnings: () => stderr.match(/^.*warning.*$/gm) ?? [],
    async stop() {
      child.kill('SIGTERM');
      const [code] = (await once(child, 'exit')) as [number | null];
      await caller.close();
      return code;
    },
  };
}

type Server = Awaited<ReturnType<typeof startServer>>;

describeLong('a client of the server, at 50 calls a second', () => {
  let sandbox: Sandbox;
  let driver: Driver;
  const outside = new Map<string, string | undefined>();

  beforeEach(async () => {
    sandbox = await startSandbox();
    for (const [name, value] of Object.entries(sandbox.environment)) {
      outside.set(name, process.env[name]);
      process.env[name] = value;
    }
    driver = await rotationDriver(sandbox, TOKEN_S);
  });
  afterEach(async () => {
    for (const child of servers.splice(0)) child.kill('SIGKILL');
    await Promise.all(loads.splice(0).map((load) => load.stop()));
    for (const [name, value] of outside) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
    await sandbox.close();
  });

  async function assertNoneFailed(title: string, load: Load): Promise<void> {
    const report = await load.stop();
    const tokens = sandbox.calls.filter(({ operation }) => operation === 'POST /api/oauth/token').length;
    console.log(`    ${title}: ${reportText(report)}; ${String(tokens)} token requests`);
    assert.deepEqual(report.failures, []);
    assert.ok(report.calls > 0);
  }

  it('sees no call fail through 100 alternate rotations', async () => {
    const server = await startServer(sandbox);
    const load = callAtRate(server.call);
    const before = sandbox.calls.filter(({ operation }) => operation.endsWith('/client-credentials')).length;
    for (let n = 0; n < 100; n += 1) {
      await driver.rotate('alternate');
      driver.forget();
      await pause(150);
    }
    const after = sandbox.calls.filter(({ operation }) => operation.endsWith('/client-credentials')).length;
    assert.equal(after - before, 100);
    await assertNoneFailed('100 alternate rotations', load);
    assert.equal(await server.stop(), 0);
    assert.deepEqual(server.warnings(), []);
  });

  it('sees no call fail through single rotations, though the new pair comes late and is not known everywhere', async () => {
    const server = await startServer(sandbox);
    const load = callAtRate(server.call);
    for (let n = 0; n < 10; n += 1) await driver.rotate('single');
    for (const { gapMs, lagMs } of [
      { gapMs: 0, lagMs: 500 },
      { gapMs: 500, lagMs: 500 },
      { gapMs: 0, lagMs: 2_500 },
      { gapMs: 2_500, lagMs: 0 },
    ]) {
      await driver.single(async (after) => {
        if (after === 'claimed') sandbox.jamf.settings.nodeLagMs = lagMs;
        if (after === 'minted') await pause(gapMs);
        if (after === 'staged') await pause(lagMs);
      });
      await pause((TOKEN_S * 1000) / 2);
    }
    await assertNoneFailed('14 single rotations', load);
    assert.equal(await server.stop(), 0);
  });

  for (const strategy of ['single', 'alternate'] as const) {
    for (const moment of ['claimed', 'minted', 'staged', 'promoted']) {
      it(`sees no call fail of a server that starts when a rotation (${strategy}) has just ${moment}`, async () => {
        sandbox.jamf.settings.nodeLagMs = 400;
        const started: { server: Server; load: Load }[] = [];
        await driver[strategy](async (after) => {
          if (after === moment) {
            const server = await startServer(sandbox);
            started.push({ server, load: callAtRate(server.call) });
          }
          await pause(250);
        });
        await pause(400);
        for (const { server, load } of started) {
          await assertNoneFailed(`started when ${strategy} had ${moment}`, load);
          assert.equal(await server.stop(), 0);
        }
        assert.equal(started.length, 1);
      });
    }

    it(`sees no call fail where \`rotate\` (${strategy}) is killed when it has minted, and \`rotate resume\` finishes it`, async () => {
      // What mints again is the token that was at hand: it has to outlive the start of a process.
      for (const integration of sandbox.jamf.integrations) integration.accessTokenLifetimeSeconds = 20;
      const env = sandbox.environment;
      const server = await startServer(sandbox);
      const load = callAtRate(server.call);
      const minted = () => sandbox.calls.filter(({ operation }) => operation.endsWith('/client-credentials')).length;
      const before = minted();
      const rotation = startCli(['rotate', '--strategy', strategy, ...CONFIRMED], { env });
      while (minted() === before) await pause(1);
      rotation.kill('SIGKILL');
      await once(rotation, 'exit');
      const { code, stderr } = await runCli(['rotate', 'resume', ...CONFIRMED], { env });
      assert.equal(code, 0, stderr);
      await assertNoneFailed(`${strategy}, killed and resumed`, load);
      await server.stop();
    });
  }

  it('sees no call fail while one of two servers is ended during rotations', async () => {
    const [leaving, staying] = [await startServer(sandbox), await startServer(sandbox)];
    const both = [leaving, staying];
    let next = 0;
    // As a load balancer does: taken off its list first, then ended, with calls still under way.
    const load = callAtRate(() => both[(next += 1) % both.length]?.call() ?? Promise.reject(new Error('none')));
    for (let n = 0; n < 10; n += 1) {
      await driver.rotate(n % 2 === 0 ? 'alternate' : 'single');
      await pause(100);
      if (n !== 4) continue;
      both.shift();
      assert.equal(await leaving.stop(), 0);
    }
    await assertNoneFailed('two servers, one ended', load);
    assert.equal(await staying.stop(), 0);
  });
});
