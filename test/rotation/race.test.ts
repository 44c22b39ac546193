import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setUpAlternate } from '../../src/lib/rotation/issuers/jamf-alternate.ts';
import { AWSCURRENT, AWSPENDING, versionWith } from '../../src/lib/secrets/store.ts';
import { SECRET, seedSecret, storeOf } from '../support/rotation.ts';
import { contextIn } from '../support/sandbox-context.ts';
import { withSandbox } from '../support/sandbox.ts';
import { describeLong } from '../support/long.ts';

const ROUNDS = 50;
const RACER = new URL('../support/rotation-racer.ts', import.meta.url).pathname;

/** One of the two. */
interface Racer {
  child: ChildProcessWithoutNullStreams;
  /** Begin, and wait when the secret has been read. */
  read(): Promise<void>;
  /** Go on to the end. */
  go(): Promise<Told>;
}

/** What one of the two tells of a round. */
type Told = { outcome: string; versionId: string } | { code: string; message: string };

describeLong('two rotations at once, in two processes', function () {
  this.timeout(120_000);
  const sandbox = withSandbox();

  for (const strategy of ['single', 'alternate'] as const) {
    it(`one wins, the other tells so, ${String(ROUNDS)} times, ${strategy}`, async () => {
      const context = contextIn(sandbox());
      await seedSecret(sandbox(), context);
      const store = storeOf(context);
      if (strategy === 'alternate') {
        context.answer(true);
        const { fields } = await store.read(SECRET, { stage: AWSCURRENT });
        await setUpAlternate({ fields, rotator: null, dryRun: false }, context);
      }
      const racers = await Promise.all(['ann', 'ben'].map(start));
      try {
        for (let round = 1; round <= ROUNDS; round += 1) {
          const from = sandbox().calls.length;
          await Promise.all(racers.map((racer) => racer.read()));
          const told = await Promise.all(racers.map((racer) => racer.go()));
          const when = `round ${String(round)}: ${JSON.stringify(told)}`;
          const lost = told.filter((one) => 'code' in one);
          assert.equal(lost.length, 1, when);
          assert.equal(lost[0]?.code, 'CONFLICT', when);
          assert.match(lost[0].message, /by (ann|ben)@race \(process \d+\) is under way|has ended since/, when);
          const mints = sandbox()
            .calls.slice(from)
            .filter(({ operation }) => operation.endsWith('/client-credentials'));
          assert.equal(mints.length, 1, when);
          const info = await store.describe(SECRET);
          assert.equal(versionWith(info, AWSPENDING), null, when);
          const { fields } = await store.read(SECRET, { stage: AWSCURRENT });
          const live = sandbox().jamf.integrations.some(
            ({ clientId, credential }) =>
              clientId === fields.get('JAMF_CLIENT_ID')?.reveal() &&
              credential?.secret === fields.get('JAMF_CLIENT_SECRET')?.reveal(),
          );
          assert.ok(live, when);
        }
      } finally {
        for (const { child } of racers) child.kill();
      }
    });
  }
});

/** Start one, and wait until it is ready. */
async function start(user: string): Promise<Racer> {
  const child = spawn(process.execPath, [RACER, user], { env: process.env });
  child.stderr.pipe(process.stderr);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => String((await lines.next()).value);
  assert.equal(await line(), 'ready');
  return {
    child,
    read: async () => {
      child.stdin.write('begin\n');
      assert.equal(await line(), 'read');
    },
    go: async () => {
      child.stdin.write('go\n');
      return JSON.parse(await line()) as Told;
    },
  };
}
