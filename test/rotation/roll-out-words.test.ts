import assert from 'node:assert/strict';
import { Chalk } from 'chalk';
import { JamfMcpError } from '../../src/lib/errors.ts';
import { drawRotate } from '../../src/lib/rotation/report.ts';
import type { RotateResult } from '../../src/lib/rotation/work.ts';
import { drawShow } from '../../src/lib/secrets/report.ts';
import { showSecret } from '../../src/lib/secrets/show.ts';
import { AWSCURRENT } from '../../src/lib/secrets/store.ts';
import { FIELD, NAME, rotationWorld, type World } from '../support/rotation-world.ts';

const canvas = { ink: new Chalk({ level: 0 }), width: 160 };
const warnings = ({ context }: World) =>
  context.events.flatMap((event) => (event.kind === 'warning' ? [event.text] : []));
const stepText = ({ steps }: RotateResult, wanted: string) => steps.find(({ name }) => name === wanted)?.text ?? '';

describe('what a rotation says of the tasks', () => {
  it('claims that they have the new secret only where the task definition gives it to them', async () => {
    const it = await rotationWorld();
    it.given = ['OTHER', FIELD];
    const given = await it.rotate();
    assert.match(stepText(given, 'verify'), /^all 2 running tasks started with the new secret$/);
    assert.equal(given.windowMs, 60_000);
    assert.deepEqual(warnings(it), []);
  });

  it('warns before anything is asked or made where the task definition does not', async () => {
    const it = await rotationWorld();
    it.given = ['OTHER'];
    const result = await it.rotate();
    assert.match(warnings(it)[0] ?? '', /tools\/server does not give its tasks JAMF_CLIENT_SECRET of AWSCURRENT/);
    assert.ok(it.calls.indexOf('given') < it.calls.indexOf('put'));
    assert.match(
      stepText(result, 'verify'),
      /after the new secret was current, but .* whether they read it themselves is not known/,
    );
    assert.equal(result.windowMs, null);
  });

  it('does not claim to know where the task definition cannot be read', async () => {
    const it = await rotationWorld();
    it.given = new JamfMcpError('ACCESS_DENIED', 'no');
    const result = await it.rotate();
    assert.equal(result.outcome, 'rotated');
    assert.deepEqual(warnings(it), []);
    assert.match(stepText(result, 'verify'), /what their task definition gives them is not known/);
  });

  it('says that tasks are locked out, before and after, where one client rotates and nothing is redeployed', async () => {
    const it = await rotationWorld('single', { ecs: false });
    const planned = await it.rotate({ dryRun: true });
    assert.match(
      stepText(planned, 'mint'),
      /Jamf refuses the old one, and running tasks are locked out until they are redeployed/,
    );
    const result = await it.rotate();
    assert.match(it.context.questions.at(-1)?.text ?? '', /running tasks are locked out/);
    assert.equal(result.windowMs, null);
    assert.deepEqual(
      result.next.map(({ command }) => command),
      ['jamf-mcp deploy'],
    );
    const text = drawRotate(result, canvas);
    assert.match(text, /window +open: running tasks hold a value that is refused/);
    assert.match(text, /^next: jamf-mcp deploy$/m);
  });

  it('claims no window for a value that nobody can be asked about', async () => {
    const result = await (await rotationWorld('here', { ecs: false })).rotate();
    assert.equal(result.windowMs, null);
    assert.ok(!drawRotate(result, canvas).includes('window'));
  });

  it('says with two clients how to end a value before that has leaked', async () => {
    const result = await (await rotationWorld('alternate')).rotate();
    assert.deepEqual(
      result.next.map(({ command }) => command),
      ['jamf-mcp rotate'],
    );
    assert.match(
      drawRotate(result, canvas),
      /still accepted until the next rotation[^]*next: jamf-mcp rotate\n.*has leaked/,
    );
    assert.deepEqual((await (await rotationWorld('single')).rotate()).next, []);
  });

  it('says of an undo without a deployment that the rule of a schedule redeploys', async () => {
    const it = await rotationWorld('alternate', { ecs: false });
    await it.rotate();
    const undone = await it.undo();
    assert.match(
      stepText(undone, 'redeploy'),
      /^this run redeploys no service: running tasks keep the new secret until they/,
    );
    assert.match(
      drawRotate(undone, canvas),
      /deployment +none: running tasks keep what they hold .* rule of a schedule/,
    );
  });

  it('has secrets show tell of a rotation that has not ended', async () => {
    const it = await rotationWorld();
    it.fault = { call: 'put 2', when: 'after', error: 'BUG', killed: true };
    await it.rotate().catch(() => undefined);
    const result = await showSecret(
      { store: it.store, secret: NAME, environment: 'production', stage: AWSCURRENT },
      it.context,
    );
    assert.notEqual(result.pendingId, null);
    assert.match(drawShow(result, canvas), /pending .* that has not ended: jamf-mcp rotate status/);
  });

  it('does not claim that anybody accepts a value before that nobody can be asked about', async () => {
    const it = await rotationWorld('here', { ecs: false });
    await it.rotate();
    const planned = await it.undo({ dryRun: true });
    assert.ok(!planned.steps.some(({ text }) => text.includes('Jamf')));
    assert.match(stepText(await it.undo(), 'revert'), /^nobody was asked .* a database, has to go back too$/);
  });
});
