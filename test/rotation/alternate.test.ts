import assert from 'node:assert/strict';
import { setUpAlternate } from '../../src/lib/rotation/issuers/jamf-alternate.ts';
import type { RotateResult } from '../../src/lib/rotation/rotate.ts';
import { AWSCURRENT, AWSPENDING, versionWith } from '../../src/lib/secrets/store.ts';
import { memoryRecorder, runsIn, SECRET, SEEDED_VERSION, seedSecret, storeOf } from '../support/rotation.ts';
import { failureOf } from '../support/rotation-world.ts';
import { contextIn, type SandboxContext } from '../support/sandbox-context.ts';
import { withSandbox } from '../support/sandbox.ts';

describe('two Jamf clients that take turns', function () {
  this.timeout(20_000);
  const sandbox = withSandbox();
  let context: SandboxContext;
  let memory: ReturnType<typeof memoryRecorder>;
  const run = () => {
    context = contextIn(sandbox());
    return runsIn(context, { rotator: null, memory });
  };

  beforeEach(async () => {
    memory = memoryRecorder();
    context = contextIn(sandbox());
    await seedSecret(sandbox(), context);
    context.answer(true);
    const { fields } = await storeOf(context).read(SECRET, { stage: AWSCURRENT });
    await setUpAlternate({ fields, rotator: null, dryRun: false }, context);
  });

  const current = () => storeOf(context).read(SECRET, { stage: AWSCURRENT });
  const isAccepted = async () => {
    const { fields } = await current();
    const id = fields.get('JAMF_CLIENT_ID')?.reveal();
    const secret = fields.get('JAMF_CLIENT_SECRET')?.reveal();
    return sandbox().jamf.integrations.some(
      ({ clientId, credential }) => clientId === id && credential?.secret === secret,
    );
  };
  const versionsInTasks = () =>
    new Set(
      sandbox()
        .ecs.tasksOf()
        .filter(({ lastStatus }) => lastStatus === 'RUNNING')
        .flatMap(({ secrets }) => secrets.filter(({ name }) => name === 'JAMF_CLIENT_SECRET'))
        .map(({ versionId }) => versionId),
    );

  /** One current version, accepted, in every task; nothing pending. */
  async function assertSound(versionId: string | null): Promise<void> {
    const info = await storeOf(context).describe(SECRET);
    assert.equal(versionWith(info, AWSPENDING), null);
    assert.equal(versionWith(info, AWSCURRENT), versionId);
    assert.ok(await isAccepted());
    assert.deepEqual([...versionsInTasks()], [versionId]);
  }

  it('rotates in 6 calls to Secrets Manager and 5 to Jamf, leaving the value before valid', async () => {
    const from = sandbox().calls.length;
    const result = await run().rotate();
    const calls = sandbox().calls.slice(from);
    const count = (service: string) => calls.filter((call) => call.service === service).length;
    assert.equal(count('secretsmanager'), 6);
    assert.equal(count('jamf'), 5);
    assert.equal(result.strategy, 'alternate');
    assert.equal(result.before, 'accepted');
    assert.equal(result.windowMs, 0);
    assert.deepEqual(
      result.rotated.map(({ field }) => field),
      ['JAMF_CLIENT_ID', 'JAMF_CLIENT_SECRET'],
    );
    await assertSound(result.versionId);
  });

  it('undoes a rotation: labels, tasks and record, and rotates on from there', async () => {
    await run().rotate();
    const undone = await run().undo();
    assert.equal(undone.outcome, 'undone');
    assert.equal(undone.versionId, SEEDED_VERSION);
    await assertSound(SEEDED_VERSION);
    assert.equal(memory.records.at(-1)?.kind, 'undo');
    const again = await run().rotate();
    assert.equal(again.outcome, 'rotated');
    await assertSound(again.versionId);
  });

  it('does not undo where the value before has been killed meanwhile', async () => {
    await run().rotate();
    const second = await run().rotate();
    for (const { credential } of sandbox().jamf.integrations) {
      if (credential && credential.secret !== (await current()).fields.get('JAMF_CLIENT_SECRET')?.reveal())
        credential.secret = 'EXAMPLE-made-by-hand';
    }
    const from = sandbox().calls.length;
    const error = await failureOf(run().undo());
    assert.equal(error.code, 'CONFLICT');
    assert.match(error.message, /cannot be undone: Jamf refuses the value before/);
    assert.equal(
      error.hint,
      'make a new value instead: jamf-mcp rotate --force-deploy --cluster jamf-mcp-cluster --service jamf-mcp-service',
    );
    assert.ok(
      !sandbox()
        .calls.slice(from)
        .some(({ operation }) => /^(Put|Update)/.test(operation)),
    );
    await assertSound(second.versionId);
  });

  for (const outcome of ['circuit-breaker', 'rollback', 'crash-loop'] as const) {
    it(`puts everything back where the deployment ends in ${outcome}`, async () => {
      sandbox().ecs.script(outcome, 'steady');
      const error = await failureOf(run().rotate());
      assert.equal(error.code, 'REMOTE_FAILED');
      assert.equal((error.details as RotateResult).outcome, 'rolled-back');
      await assertSound(SEEDED_VERSION);
      assert.equal(memory.records.at(-1)?.outcome, 'rolled-back');
      const result = await run().rotate();
      await assertSound(result.versionId);
    });
  }

  it('finishes going back where the way back was cut too', async () => {
    sandbox().ecs.script('circuit-breaker', 'circuit-breaker');
    const error = await failureOf(run().rotate());
    assert.equal(error.code, 'PARTIAL');
    assert.match(error.message, /^redeploy failed: .*the value before is AWSCURRENT again/);
    const ended = await failureOf(run().resume());
    assert.match(ended.message, /everything was put back/);
    await assertSound(SEEDED_VERSION);
  });
});
