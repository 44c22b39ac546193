import assert from 'node:assert/strict';
import { once } from 'node:events';
import { startSandbox, type Sandbox } from '../../src/lib/sandbox/index.ts';
import { startCli } from '../support/cli.ts';
import { computerCaller, reportText, startLoad, type Load } from '../support/load.ts';
import { rotationDriver, type Driver } from '../support/rotation-driver.ts';

/** Calls a second, as the promise has it. */
const RATE = 50;

/** Life of tokens, in seconds: many are renewed while the test runs. */
const TOKEN_S = 3;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** The built server over HTTP, and what it told. */
async function startServer(sandbox: Sandbox) {
  const child = startCli(['serve', '--http', '--port', '0'], { env: sandbox.environment });
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

describe('a client of the server, at 50 calls a second', () => {
  let sandbox: Sandbox;
  let driver: Driver;

  beforeEach(async () => {
    sandbox = await startSandbox();
    driver = await rotationDriver(sandbox, TOKEN_S);
  });
  afterEach(() => sandbox.close());

  async function assertNoneFailed(title: string, load: Load): Promise<void> {
    const report = await load.stop();
    const tokens = sandbox.calls.filter(({ operation }) => operation === 'POST /api/oauth/token').length;
    console.log(`    ${title}: ${reportText(report)}; ${String(tokens)} token requests`);
    assert.deepEqual(report.failures, []);
    assert.ok(report.calls > 0);
  }

  it('sees no call fail through 100 alternate rotations', async () => {
    const server = await startServer(sandbox);
    const load = startLoad(server.call, RATE);
    sandbox.jamf.settings.nodeLagMs = 100;
    for (let n = 0; n < 100; n += 1) {
      await driver.alternate();
      driver.forget();
      await pause(120);
    }
    await assertNoneFailed('100 alternate rotations', load);
    assert.equal(await server.stop(), 0);
    assert.deepEqual(server.warnings(), []);
  });

  it('sees no call fail through single rotations, though the new pair comes late and is not known everywhere', async () => {
    const server = await startServer(sandbox);
    const load = startLoad(server.call, RATE);
    for (const { gapMs, lagMs } of [
      { gapMs: 0, lagMs: 0 },
      { gapMs: 0, lagMs: 500 },
      { gapMs: 500, lagMs: 500 },
      { gapMs: 0, lagMs: 2_500 },
      { gapMs: 2_500, lagMs: 0 },
    ]) {
      sandbox.jamf.settings.nodeLagMs = lagMs;
      await driver.single(async (after) => {
        if (after === 'minted') await pause(gapMs);
        if (after === 'staged') await pause(lagMs);
      });
      await pause((TOKEN_S * 1000) / 2);
    }
    await assertNoneFailed('5 single rotations', load);
    assert.equal(await server.stop(), 0);
  });

  for (const strategy of ['single', 'alternate'] as const) {
    for (const moment of ['claimed', 'minted', 'staged', 'promoted']) {
      it(`sees no call fail of a server that starts when a rotation (${strategy}) has just ${moment}`, async () => {
        sandbox.jamf.settings.nodeLagMs = 400;
        const started: { server: Awaited<ReturnType<typeof startServer>>; load: Load }[] = [];
        await driver[strategy](async (after) => {
          if (after === moment) {
            const server = await startServer(sandbox);
            started.push({ server, load: startLoad(server.call, RATE) });
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
  }
});
