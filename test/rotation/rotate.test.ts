import assert from 'node:assert/strict';
import { once } from 'node:events';
import { JamfMcpError, type ErrorCode } from '../../src/lib/errors.ts';
import { Secret } from '../../src/lib/redact.ts';
import { claimIdOf } from '../../src/lib/rotation/claim.ts';
import { holdable } from '../../src/lib/rotation/hold.ts';
import type { RotateInput, RotateResult } from '../../src/lib/rotation/rotate.ts';
import { CLAIM_LABEL } from '../../src/lib/secrets/claim.ts';
import { AWSCURRENT, AWSPENDING, AWSPREVIOUS, versionWith } from '../../src/lib/secrets/store.ts';
import { testContext } from '../support/context.ts';
import {
  assertSound,
  currentValue,
  failureOf,
  FIELD,
  FIRST,
  NAME,
  rotationWorld,
  type World,
} from '../support/rotation-world.ts';

const WITHOUT_ECS = { ecs: false };
const states = ({ steps }: RotateResult) => steps.map(({ name, state }) => `${name} ${state}`);
const pendingOf = async ({ store }: World) => versionWith(await store.describe(NAME), AWSPENDING);

/** Without a deployment the tasks keep what they have; everything else is as it should be. */
async function assertRotated(it: World): Promise<void> {
  it.tasks = await currentValue(it);
  await assertSound(it);
}

describe('rotate', () => {
  it('claims, mints, stages, tests, promotes, proves, records and cleans, in 6 calls to the store', async () => {
    const it = await rotationWorld();
    const result = await it.rotate();
    await assertSound(it);
    const toStore = it.calls.filter((call) => ['describe', 'read', 'put', 'moveLabel'].includes(call));
    assert.deepEqual(toStore, ['read', 'put', 'moveLabel', 'put', 'moveLabel', 'moveLabel']);
    assert.deepEqual(it.calls, [
      ...['read', 'prove', 'inspect', 'given', 'prepare', 'put', 'moveLabel', 'mint', 'put', 'test', 'moveLabel'],
      ...['force', 'watch', 'prove-tasks', 'accepts', 'prepare', 'record', 'moveLabel'],
    ]);
    assert.deepEqual(states(result), [
      ...['preflight done', 'claim done', 'mint done', 'stage done', 'test done', 'promote done'],
      ...['deploy done', 'verify done', 'before done', 'record done', 'clean done'],
    ]);
    assert.equal(result.outcome, 'rotated');
    assert.equal(result.previousVersionId, FIRST);
    assert.equal(result.versionId, result.rotationId);
    assert.deepEqual(result.rotated, [{ field: FIELD, issuer: 'jamf' }]);
    const info = await it.store.describe(NAME);
    assert.equal(versionWith(info, AWSPREVIOUS), FIRST);
    assert.equal(versionWith(info, AWSCURRENT), result.versionId);
    assert.equal(versionWith(info, CLAIM_LABEL), claimIdOf(result.rotationId ?? ''));
  });

  it('stores what is drafted before the issuer is told', async () => {
    const it = await rotationWorld('drafted');
    const { steps } = await it.rotate();
    assert.deepEqual(steps.map(({ name }) => name).slice(1, 5), ['claim', 'stage', 'mint', 'test']);
    assert.ok(it.calls.indexOf('mint') > it.calls.lastIndexOf('put'));
    await assertSound(it);
  });

  it('tells how long the value in use may have been refused, and what became of the one before', async () => {
    const single = await (await rotationWorld('single')).rotate();
    assert.equal(single.before, 'refused');
    assert.equal(single.windowMs, 60_000, 'from the minting to the end of the deployment');
    const alternate = await (await rotationWorld('alternate')).rotate();
    assert.equal(alternate.strategy, 'alternate');
    assert.equal(alternate.before, 'accepted');
    assert.equal(alternate.windowMs, 0);
    assert.equal((await (await rotationWorld('here')).rotate()).before, 'unknown');
  });

  it('is not done while the issuer accepts what it was to end', async () => {
    const it = await rotationWorld('drafted');
    const add = it.live.add.bind(it.live);
    add('EXAMPLE-value-0');
    const failing = it.rotate({
      issuers: () =>
        Promise.resolve(() => ({
          name: 'jamf',
          title: 'Jamf',
          replaces: [FIELD],
          recovery: '',
          prove: () => Promise.resolve({ text: '', strategy: 'single' as const, keep: new Map() }),
          mint: () => Promise.resolve(new Map([[FIELD, new Secret('EXAMPLE-value-9')]])),
          test: () => Promise.resolve('accepted'),
          accepts: () => Promise.resolve(true),
        })),
    });
    const error = await failureOf(failing);
    assert.equal(error.code, 'PARTIAL');
    assert.match(error.message, /^before failed: Jamf still accepts the value before/);
    assert.notEqual(await pendingOf(it), null, 'it stays open');
    assert.deepEqual(it.records, []);
  });

  it('tells the target before it asks, and asks before it changes', async () => {
    const it = await rotationWorld();
    await it.rotate();
    assert.equal(it.context.events.find(({ kind }) => kind !== 'debug')?.kind, 'target');
    const [question] = it.context.questions;
    assert.equal(it.context.questions.length, 1);
    assert.ok(question?.kind === 'confirm-name');
    assert.match(question.text, /from then on Jamf refuses the old one$/);
    const other = await rotationWorld('alternate');
    await other.rotate({ environment: 'staging' });
    const [mild] = other.context.questions;
    assert.ok(mild?.kind === 'confirm');
    assert.equal(mild.name, NAME, '--confirm NAME answers it');
    assert.match(mild.text, /the old one stays valid/);
  });

  it('changes nothing when it is not confirmed', async () => {
    const it = await rotationWorld();
    const before = structuredClone(it.store.documents.get(NAME));
    it.context.answer(false);
    const error = await failureOf(it.rotate());
    assert.equal(error.code, 'DECLINED');
    assert.deepEqual(it.store.documents.get(NAME), before);
    assert.ok(!it.calls.includes('mint') && !it.calls.includes('put'));
  });

  it('shows on a dry run the very steps that a run takes, and changes nothing', async () => {
    for (const kind of ['single', 'drafted'] as const) {
      const it = await rotationWorld(kind, WITHOUT_ECS);
      const planned = await it.rotate({ dryRun: true });
      assert.equal(planned.outcome, 'planned');
      assert.deepEqual(it.calls, ['describe', 'read', 'prove']);
      assert.deepEqual(it.context.questions, []);
      assert.equal(planned.versionId, null);
      assert.deepEqual(
        planned.steps.map(({ state }) => state),
        [
          ...['done', 'planned', 'planned', 'planned', 'planned', 'planned', 'skipped', 'skipped'],
          ...['planned', 'planned', 'planned'],
        ],
      );
      const done = await it.rotate();
      assert.deepEqual(
        done.steps.map(({ name }) => name),
        planned.steps.map(({ name }) => name),
      );
    }
  });

  it('waits for a value that is not known everywhere yet, but no longer than half a minute', async () => {
    const slow = await rotationWorld('single', WITHOUT_ECS);
    slow.lag = 4;
    await slow.rotate();
    await assertRotated(slow);
    const dead = await rotationWorld('single', WITHOUT_ECS);
    dead.lag = 1000;
    const error = await failureOf(dead.rotate());
    assert.equal(error.code, 'PARTIAL');
    assert.match(error.message, /^test failed: .*stored as AWSPENDING/);
    const waited = dead.context.clock.slept.reduce((sum, ms) => sum + ms, 0);
    assert.ok(waited > 10_000 && waited <= 30_000, `waited ${String(waited)} ms`);
    assert.equal(versionWith(await dead.store.describe(NAME), AWSCURRENT), FIRST);
  });

  it('does not promote a value that may do less than the one before', async () => {
    const it = await rotationWorld();
    it.lacking = 'Read Computers';
    const error = await failureOf(it.rotate());
    assert.equal(error.code, 'PARTIAL');
    assert.match(error.message, /lacks Read Computers/);
    assert.equal(versionWith(await it.store.describe(NAME), AWSCURRENT), FIRST);
  });

  describe('what it refuses before anything is changed', () => {
    const fault = (call: string, error: ErrorCode) => ({ call, when: 'before', error, killed: false }) as const;
    const refusals: [string, ErrorCode, (it: World) => void][] = [
      ['a secret that is not there', 'SECRET_NOT_FOUND', ({ store }) => void store.documents.delete(NAME)],
      [
        'a secret scheduled for deletion',
        'SECRET_DELETED',
        ({ store }) => {
          store.scheduleDeletion(NAME);
        },
      ],
      ['a pair that the issuer refuses', 'CREDENTIALS_REFUSED', (it) => void (it.live = new Set(['EXAMPLE-another']))],
      ['a store that takes no new version', 'ACCESS_DENIED', (it) => void (it.fault = fault('put 1', 'ACCESS_DENIED'))],
      ['a folder that takes no record', 'INPUT_INVALID', (it) => void (it.fault = fault('prepare 1', 'INPUT_INVALID'))],
      ['a service that is not there', 'NOT_FOUND', (it) => void (it.fault = fault('inspect 1', 'NOT_FOUND'))],
    ];
    for (const [what, code, arrange] of refusals) {
      it(what, async () => {
        const it = await rotationWorld();
        arrange(it);
        const before = structuredClone(it.store.documents.get(NAME));
        assert.equal((await failureOf(it.rotate())).code, code);
        assert.deepEqual(it.store.documents.get(NAME), before);
        assert.ok(!it.calls.includes('mint'));
      });
    }

    it('a mint that is refused: the claim is withdrawn', async () => {
      const it = await rotationWorld();
      it.fault = fault('mint 1', 'ACCESS_DENIED');
      assert.equal((await failureOf(it.rotate())).code, 'ACCESS_DENIED');
      assert.deepEqual((await it.store.describe(NAME)).stages, { [FIRST]: [AWSCURRENT] });
      assert.equal((await it.resume()).outcome, 'nothing');
    });

    it('but not a mint that is refused after one whose answer was lost', async () => {
      const it = await rotationWorld();
      let asked = 0;
      const issuers: RotateInput['issuers'] = () =>
        Promise.resolve(() => ({
          name: 'jamf',
          title: 'Jamf',
          replaces: [FIELD],
          recovery: 'use a rotator client',
          prove: () => Promise.resolve({ text: '', strategy: 'single' as const, keep: new Map() }),
          mint: () => {
            asked += 1;
            return Promise.reject(new JamfMcpError(asked === 1 ? 'UNREACHABLE' : 'CREDENTIALS_REFUSED', 'no'));
          },
          test: () => Promise.resolve(''),
        }));
      const error = await failureOf(it.rotate({ issuers }));
      assert.equal(error.code, 'PARTIAL');
      assert.match(error.message, /whether a new value was made is unknown/);
      assert.match(
        error.hint ?? '',
        /^go on with: jamf-mcp rotate resume; where that is refused: use a rotator client$/,
      );
      assert.notEqual(await pendingOf(it), null);
    });
  });

  describe('a deployment that fails', () => {
    for (const state of ['failed', 'rolled-back', 'timed-out'] as const) {
      it(`${state}: everything is put back where the value before is still accepted`, async () => {
        for (const kind of ['alternate', 'drafted', 'here'] as const) {
          const it = await rotationWorld(kind);
          it.deployments = [state];
          const error = await failureOf(it.rotate());
          assert.equal(error.code, 'REMOTE_FAILED');
          assert.equal(error.exit, 1);
          assert.match(error.message, new RegExp(`everything was put back: version ${FIRST} is AWSCURRENT again`));
          assert.match(
            error.hint ?? '',
            /rotate anew: jamf-mcp rotate --force-deploy --cluster tools --service server( --timeout 2m)?$/,
          );
          const details = error.details as RotateResult;
          assert.equal(details.outcome, 'rolled-back');
          assert.equal(details.deployment?.state, state, 'the deployment that failed');
          const names = details.steps.map(({ name }) => name);
          assert.deepEqual(names.slice(names.indexOf('deploy')), [
            ...[
              'deploy',
              ...(kind === 'alternate' ? [] : ['revert']),
              'back',
              'redeploy',
              'reverify',
              'record',
              'clean',
            ],
          ]);
          assert.equal(versionWith(await it.store.describe(NAME), AWSCURRENT), FIRST);
          assert.equal(it.records.at(-1)?.outcome, 'rolled-back');
          await assertSound(it);
          assert.equal((await it.rotate()).outcome, 'rotated', 'the next one begins anew');
          await assertSound(it);
        }
      });

      it(`${state}: forward only, where the value before is refused`, async () => {
        const it = await rotationWorld('single');
        it.deployments = [state];
        const error = await failureOf(it.rotate());
        assert.equal(error.code, 'PARTIAL');
        assert.equal(error.exit, 6);
        assert.match(
          error.message,
          /Jamf refuses the value before, so there is no way back; the new value is AWSCURRENT/,
        );
        assert.match(error.hint ?? '', /go on with: jamf-mcp rotate resume( --timeout 2m)?$/);
        const { versionId } = error.details as RotateResult;
        const result = await it.resume();
        assert.equal(result.outcome, 'resumed');
        assert.equal(result.versionId, versionId, 'nothing was made again');
        await assertSound(it);
      });
    }

    for (const kind of ['drafted', 'alternate'] as const) {
      it(`and ECS cannot be asked any more: nothing goes back without the tasks, ${kind}`, async () => {
        const it = await rotationWorld(kind);
        it.deployments = ['timed-out'];
        it.fault = { call: 'inspect 2', when: 'before', error: 'UNREACHABLE', killed: false };
        const error = await failureOf(it.rotate());
        assert.equal(error.code, 'PARTIAL');
        assert.match(error.message, /nothing was put back, because the service cannot be redeployed right now/);
        assert.match(error.message, /the new value is AWSCURRENT/);
        assert.ok(!it.calls.includes('revert'), 'the value that tasks may run on by now stays accepted');
        assert.ok(it.live.has(await currentValue(it)));
        assert.equal((await it.resume()).outcome, 'resumed');
        await assertSound(it);
      });
    }

    it('pushed aside by another: is no reason to go back', async () => {
      const it = await rotationWorld('alternate');
      it.deployments = ['superseded'];
      const error = await failureOf(it.rotate());
      assert.equal(error.code, 'PARTIAL');
      assert.ok(!it.calls.includes('accepts'));
    });

    it('and the way back fails too: resume finishes going back, and says that it did', async () => {
      const it = await rotationWorld('alternate');
      it.deployments = ['failed', 'failed'];
      const error = await failureOf(it.rotate());
      assert.equal(error.code, 'PARTIAL');
      assert.match(error.message, /^redeploy failed: .*the value before is AWSCURRENT again/);
      const again = await failureOf(it.resume());
      assert.equal(again.code, 'REMOTE_FAILED');
      assert.match(again.message, /everything was put back/);
      await assertSound(it);
    });

    it('and going back finds the value before dead by then: forward again', async () => {
      const it = await rotationWorld('alternate');
      it.deployments = ['failed', 'failed'];
      await failureOf(it.rotate());
      it.live = new Set([...it.live].filter((value) => value !== 'EXAMPLE-value-0'));
      assert.equal((await it.resume()).outcome, 'resumed');
      await assertSound(it);
    });
  });

  describe('Ctrl-C', () => {
    for (const at of ['mint', 'stage']) {
      it(`during ${at} waits until the new value is stored`, async () => {
        const it = await rotationWorld();
        const notify = it.context.host.notify.bind(it.context.host);
        it.context.host.notify = (event) => {
          notify(event);
          if (event.kind === 'step' && event.name === at && event.state === 'started') it.context.abort();
        };
        const error = await failureOf(it.rotate());
        assert.equal(error.code, 'INTERRUPTED');
        assert.equal(error.exit, 130);
        assert.match(error.message, /AWSPENDING/);
        assert.match(error.hint ?? '', /go on with: jamf-mcp rotate resume/);
        assert.deepEqual(
          it.insisted.map(({ ends }) => ends),
          [true, false, true],
          'the process could not be ended in between',
        );
        assert.match(it.insisted[1]?.text ?? '', /exists nowhere else yet/);
        assert.match(it.insisted[2]?.text ?? '', /go on with: jamf-mcp rotate resume$/);
        const staged = await it.store.read(NAME, { stage: AWSPENDING });
        assert.deepEqual([...it.live], [staged.fields.get(FIELD)?.reveal()], 'the value that lives is stored');
        assert.equal(versionWith(await it.store.describe(NAME), AWSCURRENT), FIRST);
      });
    }

    it('gives up what hangs after a while', async () => {
      const context = testContext();
      const hold = holdable(context, { held: 'it is held', free: 'it goes on', limitMs: 1 });
      hold.begin();
      context.abort();
      assert.equal(hold.context.signal.aborted, false);
      await once(hold.context.signal, 'abort');
    });

    it('before anything was changed leaves all as it was', async () => {
      const it = await rotationWorld();
      const notify = it.context.host.notify.bind(it.context.host);
      it.context.host.notify = (event) => {
        notify(event);
        if (event.kind === 'step' && event.name === 'preflight' && event.state === 'done') it.context.abort();
      };
      const error = await failureOf(it.rotate());
      assert.equal(error.code, 'INTERRUPTED');
      assert.match(error.message, /nothing was changed/);
      assert.ok(!it.calls.includes('put'));
    });

    it('right after the claim: nothing is minted, and it can be given up', async () => {
      const it = await rotationWorld();
      const notify = it.context.host.notify.bind(it.context.host);
      it.context.host.notify = (event) => {
        notify(event);
        if (event.kind === 'step' && event.name === 'claim' && event.state === 'done') it.context.abort();
      };
      const error = await failureOf(it.rotate());
      assert.equal(error.code, 'INTERRUPTED');
      assert.match(error.message, /the secret is claimed .*no new value was made/);
      assert.ok(!it.calls.includes('mint'));
    });
  });

  it('never shows a value, nor what the issuer keeps', async () => {
    const it = await rotationWorld('alternate');
    const result = await it.rotate();
    it.fault = { call: 'put 2', when: 'before', error: 'ACCESS_DENIED', killed: true };
    const error = await failureOf(it.rotate());
    const shown = JSON.stringify([result, error.toJSON(), it.records, it.context.events, it.context.questions]);
    assert.doesNotMatch(shown, /EXAMPLE-value|EXAMPLE-kept/);
    assert.match(shown, /jamf-mcp rotate/);
  });
});
