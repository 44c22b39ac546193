import assert from 'node:assert/strict';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { AWSCURRENT, AWSPENDING, versionWith } from '../../src/lib/secrets/store.ts';
import {
  assertSound,
  failureOf,
  FIRST,
  FIRST_VALUE,
  NAME,
  rotationWorld,
  type Kind,
  type World,
} from '../support/rotation-world.ts';

const SERVICE = { cluster: 'a-cluster', service: 'a-service' };
const PROVED = { proof: SERVICE };
const DRAFTED: readonly Kind[] = ['drafted', 'here'];
const KINDS: readonly Kind[] = ['single', 'alternate', ...DRAFTED];

const pendingOf = async ({ store }: World) => versionWith(await store.describe(NAME), AWSPENDING);

/** All is as before the rotation. */
async function assertUntouched(it: World): Promise<void> {
  const info = await it.store.describe(NAME);
  assert.equal(versionWith(info, AWSCURRENT), FIRST);
  assert.equal(versionWith(info, AWSPENDING), null);
  assert.deepEqual([...it.live], [FIRST_VALUE]);
  assert.ok(!it.calls.includes('mint'));
  await assertSound(it);
}

describe('rotate --prove-injection', () => {
  for (const kind of KINDS) {
    const drafted = DRAFTED.includes(kind);

    it(`is a step before anything is made, ${kind}`, async () => {
      const it = await rotationWorld(kind);
      const { steps } = await it.rotate(PROVED);
      const names = steps.map(({ name }) => name);
      const before = drafted ? ['claim', 'stage', 'prove', 'mint'] : ['claim', 'prove', 'mint', 'stage'];
      assert.deepEqual(names.slice(1, 5), before);
      assert.equal(steps.find(({ name }) => name === 'prove')?.text, 'it runs');
      assert.equal(it.injected, drafted ? 'EXAMPLE-value-1' : FIRST_VALUE, 'what AWSPENDING is on');
      await assertSound(it);
    });

    it(`leaves all as it was where it fails, ${kind}`, async () => {
      const it = await rotationWorld(kind);
      it.injection = new JamfMcpError('REMOTE_FAILED', 'a task could not be given AWSPENDING: no key', 'add the key');
      const error = await failureOf(it.rotate(PROVED));
      assert.equal(error.code, 'REMOTE_FAILED');
      assert.equal(error.message, 'a task could not be given AWSPENDING: no key; nothing was changed');
      assert.equal(error.hint, 'add the key');
      await assertUntouched(it);
      it.injection = 'fine';
      assert.equal((await it.rotate(PROVED)).outcome, 'rotated', 'the next one can begin');
      await assertSound(it);
    });

    it(`is done by resume too, ${kind}`, async () => {
      const it = await rotationWorld(kind);
      it.fault = { call: 'prove-injection 1', when: 'before', error: 'BUG', killed: true };
      await failureOf(it.rotate(PROVED));
      it.fault = null;
      const { steps, outcome } = await it.resume();
      assert.equal(outcome, 'resumed');
      assert.equal(steps.find(({ name }) => name === 'prove')?.state, 'done');
      assert.ok(it.calls.indexOf('prove-injection') < it.calls.indexOf('mint'));
      await assertSound(it);
    });

    it(`stops resume where it fails there, which says what is left, ${kind}`, async () => {
      const it = await rotationWorld(kind);
      it.fault = { call: 'prove-injection 1', when: 'before', error: 'BUG', killed: true };
      await failureOf(it.rotate(PROVED));
      it.fault = null;
      it.injection = new JamfMcpError('REMOTE_FAILED', 'no key', 'add the key');
      const error = await failureOf(it.resume());
      assert.equal(error.code, 'PARTIAL');
      assert.match(
        error.message,
        /^prove failed: no key; (the secret is claimed|the new value is stored as AWSPENDING)/,
      );
      assert.match(error.hint ?? '', /^add the key; then go on with: jamf-mcp rotate resume$/);
      assert.notEqual(await pendingOf(it), null);
      assert.equal((await it.abort()).outcome, 'withdrawn');
      await assertUntouched(it);
    });
  }

  it('is not done again once the issuer has made a value', async () => {
    const it = await rotationWorld('single');
    it.fault = { call: 'put 2', when: 'after', error: 'BUG', killed: true };
    await failureOf(it.rotate(PROVED));
    it.fault = null;
    const { steps } = await it.resume();
    assert.equal(steps.find(({ name }) => name === 'prove')?.state, 'skipped');
    assert.ok(!it.calls.includes('prove-injection'));
    await assertSound(it);
  });

  it('does not go on where the task definition does not give the tasks the field', async () => {
    const it = await rotationWorld('single');
    it.injection = 'absent';
    const error = await failureOf(it.rotate(PROVED));
    assert.equal(error.code, 'INPUT_INVALID');
    assert.match(
      error.message,
      /^the task definition of a-cluster\/a-service does not give its tasks JAMF_CLIENT_SECRET of AWSCURRENT: .*; nothing was changed$/,
    );
    await assertUntouched(it);
  });

  it('tells what it could not remove', async () => {
    const it = await rotationWorld('single');
    it.injection = 'left';
    const { steps } = await it.rotate(PROVED);
    assert.match(steps.find(({ name }) => name === 'prove')?.text ?? '', /left behind: .*aws ecs stop-task --task 1$/);
  });

  it('looks at the service without redeploying it', async () => {
    const it = await rotationWorld('single', { ecs: false });
    const { steps, deployment } = await it.rotate(PROVED);
    assert.match(steps[0]?.text ?? '', /a-cluster\/a-service runs 2 of 2 tasks/);
    assert.equal(deployment, null);
    assert.ok(it.calls.includes('inspect') && !it.calls.includes('force'));
  });

  it('is planned on a dry run, and no step without being asked for', async () => {
    const it = await rotationWorld('single');
    const { steps } = await it.rotate({ ...PROVED, dryRun: true });
    assert.equal(steps.find(({ name }) => name === 'prove')?.state, 'planned');
    assert.ok(!it.calls.includes('prove-injection'));
    const other = await it.rotate({ dryRun: true });
    assert.ok(!other.steps.some(({ name }) => name === 'prove'));
  });
});
