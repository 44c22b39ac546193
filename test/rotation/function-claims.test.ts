/** What a rotation function of AWS left half-way is named, and can be finished or given up from here. */
import assert from 'node:assert/strict';
import { Chalk } from 'chalk';
import { issuersWith } from '../../src/lib/rotation/issuers/index.ts';
import { rotationStep } from '../../src/lib/rotation/lambda-steps.ts';
import { drawStatus } from '../../src/lib/rotation/report-status.ts';
import { rotationStatus } from '../../src/lib/rotation/status.ts';
import { AWSCURRENT, AWSPENDING, versionWith, type SecretStore } from '../../src/lib/secrets/store.ts';
import { withPartner } from '../support/jamf-clients.ts';
import { failureOf } from '../support/rotation-world.ts';
import { command, memoryRecorder, runsIn, SECRET, SEEDED_VERSION, seedSecret, storeOf } from '../support/rotation.ts';
import { announce, AUTH0_CHOICE, CHOICE, issuerOf, stepEvent } from '../support/rotation-function.ts';
import { contextIn, type SandboxContext } from '../support/sandbox-context.ts';
import { withSandbox } from '../support/sandbox.ts';

const TOKEN = '11111111-1111-4111-8111-111111111111';
const PAST_LEASE_MS = 60_000;
const NO_ECS = { noDeploy: true };

const KINDS = [
  { name: 'single', choice: { ...CHOICE, strategy: 'single' as const } },
  { name: 'alternate', choice: { ...CHOICE, strategy: 'alternate' as const } },
  { name: 'auth0', choice: AUTH0_CHOICE },
];

describe('a rotation function that stopped half-way', () => {
  const sandbox = withSandbox();
  let context: SandboxContext;

  /** createSecret, killed when the store has taken so many versions. */
  async function killed(choice: (typeof KINDS)[number]['choice'], puts: number): Promise<void> {
    let seen = 0;
    const real = storeOf(context);
    const store: SecretStore = {
      ...real,
      put: async (...args) => {
        if (seen >= puts) throw new Error('killed');
        const made = await real.put(...args);
        seen += 1;
        if (seen === puts) throw new Error('killed');
        return made;
      },
    };
    const issuer = () => issuerOf(choice, context);
    const by = { user: 'a-request', host: 'jamf-mcp-rotation', pid: 0 };
    const step = rotationStep(stepEvent(sandbox(), 'createSecret', TOKEN), { store, issuer, context, by });
    await assert.rejects(step, /killed/);
  }

  const runs = (choice: (typeof KINDS)[number]['choice']) => {
    const all = runsIn(context, { rotator: null, memory: memoryRecorder() });
    const options = { issuers: issuersWith({ schema: choice.schema }), choice, ...NO_ECS };
    return {
      rotate: () => all.rotate(options),
      resume: () => all.resume(options),
      abort: () => all.abort(options),
      undo: () => all.undo(options),
    };
  };

  const status = () =>
    rotationStatus(
      {
        store: storeOf(context),
        secret: SECRET,
        environment: 'production',
        aws: {},
        folder: '/nowhere',
        limit: 0,
        isRunning: () => null,
        runner: { user: 'tester', host: 'bench' },
        command,
      },
      context,
    );
  const drawn = async () => drawStatus(await status(), { ink: new Chalk({ level: 0 }), width: 120 });

  beforeEach(async () => {
    context = contextIn(sandbox());
    await seedSecret(sandbox(), context);
    announce(sandbox(), TOKEN);
  });

  async function assertSound(choice: (typeof KINDS)[number]['choice']): Promise<string | null> {
    const info = await storeOf(context).describe(SECRET);
    assert.equal(versionWith(info, AWSPENDING), null);
    const { fields } = await storeOf(context).read(SECRET, { stage: AWSCURRENT });
    const issuer = await issuerOf(choice, context);
    await context.clock.sleep(PAST_LEASE_MS);
    assert.equal(await issuer.accepts?.(fields), true);
    return versionWith(info, AWSCURRENT);
  }

  for (const { name, choice } of KINDS) {
    describe(name, () => {
      beforeEach(() => {
        if (name === 'alternate') withPartner(sandbox());
      });
      /** What the store had taken, and how many invocations were killed there. */
      const STOPS = [
        { puts: 1, times: 1, state: 'claimed', far: /it has claimed the secret/ },
        { puts: 1, times: 3, state: 'claimed', far: /it has claimed the secret/ },
        { puts: 2, times: 1, state: 'staged', far: /stored as AWSPENDING and not current yet/ },
      ] as const;
      for (const { puts, times, state, far } of STOPS) {
        const stop = async () => {
          for (let n = 0; n < times; n += 1) {
            await killed(choice, puts);
            context.clock.advance(PAST_LEASE_MS);
          }
        };

        it(`is named after ${String(puts)} of its writes, ${String(times)} times`, async () => {
          await stop();
          const result = await status();
          assert.equal(result.state, state);
          assert.equal(result.pendingId, TOKEN);
          assert.equal(result.rotation?.running, null);
          const since = context.clock.now() - Date.parse(result.rotation.since);
          assert.ok(since >= PAST_LEASE_MS && since < 2 * PAST_LEASE_MS, 'since the last invocation');
          const text = await drawn();
          assert.match(text, /begun by {2}the rotation function jamf-mcp-rotation;/);
          assert.match(text, far);
          assert.match(text, /\nnext: jamf-mcp rotate resume$/);
          const error = await failureOf(runs(choice).rotate());
          assert.equal(error.code, 'CONFLICT');
          assert.match(error.message, /by the rotation function jamf-mcp-rotation is under way since/);
          assert.match(error.hint ?? '', /if Secrets Manager has given it up, go on with: jamf-mcp rotate resume$/);
        });

        it(`is finished by resume after ${String(puts)} of its writes, ${String(times)} times`, async () => {
          await stop();
          const { outcome } = await runs(choice).resume();
          assert.equal(outcome, 'resumed');
          const current = await assertSound(choice);
          assert.notEqual(current, SEEDED_VERSION);
          if (state === 'staged') assert.equal(current, TOKEN);
        });

        it(`is given up by abort after ${String(puts)} of its writes, ${String(times)} times, where that leaves a secret that works`, async () => {
          await stop();
          if (name === 'single' && state === 'staged') {
            const error = await failureOf(runs(choice).abort());
            assert.match(error.message, /Jamf refuses the value that is current: giving the rotation up would leave/);
            return;
          }
          assert.equal((await runs(choice).abort()).outcome, 'withdrawn');
          assert.equal(await assertSound(choice), SEEDED_VERSION);
        });
      }
    });
  }

  it('is left alone while its invocation has the rotation to itself', async () => {
    await killed(CHOICE, 1);
    assert.equal((await status()).next, null);
    const { resume, abort, undo, rotate } = runs(CHOICE);
    for (const act of [resume, abort, rotate]) {
      const error = await failureOf(act());
      assert.equal(error.code, 'CONFLICT');
      assert.equal(error.hint, 'wait until it has ended; where it stands: jamf-mcp rotate status');
    }
    assert.equal((await failureOf(undo())).code, 'CONFLICT');
    assert.equal(versionWith(await storeOf(context).describe(SECRET), AWSPENDING), TOKEN);
  });

  it('is not ours where it has only announced a version', async () => {
    const result = await status();
    assert.equal(result.state, 'foreign');
    assert.equal(result.next, 'jamf-mcp rotate abort');
  });
});
