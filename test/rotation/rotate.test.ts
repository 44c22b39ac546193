import assert from 'node:assert/strict';
import { once } from 'node:events';
import { JamfMcpError, type ErrorCode } from '../../src/lib/errors.ts';
import { Secret } from '../../src/lib/redact.ts';
import type { Insistence } from '../../src/lib/host.ts';
import { holdable } from '../../src/lib/rotation/hold.ts';
import type { Issuer, Proof } from '../../src/lib/rotation/issuer.ts';
import { rotate, type RotateInput, type RotateResult } from '../../src/lib/rotation/rotate.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';
import { AWSCURRENT, AWSPENDING, AWSPREVIOUS, versionWith, type SecretStore } from '../../src/lib/secrets/store.ts';
import { testContext, type TestContext } from '../support/context.ts';
import { command, memoryRecorder, RUNNER } from '../support/rotation.ts';
import { memoryStore, type MemoryStore } from '../support/memory-store.ts';

const NAME = 'jamf-mcp-server/production';
const FIRST = '00000000-0000-4000-8000-000000000001';
const FIELD = 'JAMF_CLIENT_SECRET';

/** Which call meets a fault, and how: once, or with everything after it, as when the process is killed. */
interface Fault {
  call: string;
  when: 'before' | 'after';
  error: ErrorCode;
  killed: boolean;
}

/** A world with one secret and an issuer of which only the value made last is accepted. */
interface World {
  store: MemoryStore;
  memory: ReturnType<typeof memoryRecorder>;
  context: TestContext;
  /** The value that the issuer accepts. */
  live: string;
  /** Every call to store and issuer, in order. */
  calls: string[];
  fault: Fault | null;
  /** Refusals that the issuer still has to give to whatever value. */
  lag: number;
  /** Whether the issuer can prove and mint although the current value is dead. */
  rotator: boolean;
  lacking: string | null;
  /** What another Ctrl-C would have done, as it was said one after the other. */
  insisted: Insistence[];
  run: (options?: Partial<RotateInput>) => Promise<RotateResult>;
}

async function world(): Promise<World> {
  const context = testContext();
  const store = memoryStore({ now: () => context.clock.now() });
  const fields = fieldsFrom(schemaOf('jamf'), {
    JAMF_URL: 'https://example.jamfcloud.com',
    JAMF_CLIENT_ID: 'EXAMPLE-client',
    [FIELD]: 'EXAMPLE-value-0',
    OTHER: 'EXAMPLE-untouched',
  });
  await store.create({ name: NAME, description: '', tags: {}, fields, token: FIRST });
  store.calls.length = 0;
  const it: World = {
    store,
    memory: memoryRecorder(),
    context,
    live: 'EXAMPLE-value-0',
    calls: [],
    fault: null,
    lag: 0,
    rotator: false,
    lacking: null,
    insisted: [],
    run,
  };
  let made = 0;

  /** Record a call, and let it meet the fault before or after its work. */
  async function through<T>(name: string, work: () => Promise<T>): Promise<T> {
    const seen = it.calls.filter((call) => call === name).length;
    it.calls.push(name);
    const meets = it.fault?.call === `${name} ${String(seen + 1)}` || (it.fault?.killed === true && dead);
    if (meets && it.fault?.when === 'before') throw fail();
    const result = await work();
    if (meets) throw fail();
    return result;
  }
  let dead = false;
  const fail = (): JamfMcpError => {
    const { error = 'BUG' } = it.fault ?? {};
    if (it.fault?.killed) dead = true;
    else it.fault = null;
    return new JamfMcpError(error, 'as the test wanted');
  };

  const issuer: Issuer = {
    name: 'jamf',
    title: 'Jamf',
    replaces: [FIELD],
    recovery: 'use a rotator client',
    prove: (current) =>
      through('prove', () => {
        if (!it.rotator && current.get(FIELD)?.reveal() !== it.live) return Promise.reject(refused());
        return Promise.resolve<Proof>({ text: 'it will', strategy: 'single', keep: new Map() });
      }),
    mint: () =>
      through('mint', () => {
        made += 1;
        it.live = `EXAMPLE-value-${String(made)}`;
        return Promise.resolve(new Map([[FIELD, new Secret(it.live)]]));
      }),
    test: (given) =>
      through('test', () => {
        if (it.lacking) return Promise.reject(new JamfMcpError('CONFLICT', `it lacks ${it.lacking}`));
        it.lag -= 1;
        if (it.lag >= 0 || given.get(FIELD)?.reveal() !== it.live) return Promise.reject(refused());
        return Promise.resolve('accepted');
      }),
  };

  const faulty: SecretStore = {
    ...store,
    describe: (name) => through('describe', () => store.describe(name)),
    read: (name, ref) => through('read', () => store.read(name, ref)),
    put: (name, values, options) => through('put', () => store.put(name, values, options)),
    moveLabel: (name, label, from, to) => through('moveLabel', () => store.moveLabel(name, label, from, to)),
  };

  function run(options: Partial<RotateInput> = {}): Promise<RotateResult> {
    dead = false;
    it.calls.length = 0;
    context.answer(true);
    return rotate(
      {
        secret: NAME,
        environment: 'production',
        openStore: () => Promise.resolve(faulty),
        issuers: () => Promise.resolve(() => issuer),
        choice: { issuer: 'jamf', fields: [FIELD], strategy: null },
        ecs: null,
        aws: {},
        noDeploy: false,
        limitMs: 60_000,
        dryRun: false,
        reason: null,
        runner: RUNNER,
        isRunning: () => false,
        recorder: it.memory.recorder,
        command,
        ...options,
      },
      { ...context, insist: (insistence) => it.insisted.push(insistence) },
    );
  }
  return it;
}

const refused = () => new JamfMcpError('CREDENTIALS_REFUSED', 'the value is not accepted');

/** What must be true after every rotation that ended well. */
async function assertRotated({ store, live }: World): Promise<void> {
  const info = await store.describe(NAME);
  const holders = Object.values(info.stages).filter((labels) => labels.includes(AWSCURRENT));
  assert.equal(holders.length, 1, 'exactly one version is current');
  assert.equal(versionWith(info, AWSPENDING), null, 'nothing is pending');
  const current = await store.read(NAME, { stage: AWSCURRENT });
  assert.equal(current.fields.get(FIELD)?.reveal(), live, 'the issuer accepts what is current');
  assert.equal(current.fields.get('OTHER')?.reveal(), 'EXAMPLE-untouched');
  assert.deepEqual([...current.fields.keys()], ['JAMF_URL', 'JAMF_CLIENT_ID', FIELD, 'OTHER']);
}

const failureOf = async (work: Promise<unknown>): Promise<JamfMcpError> => {
  const error: unknown = await work.then(
    () => assert.fail('it should have failed'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof JamfMcpError, String(error));
  return error;
};

/** What the printed command asks for beside `jamf-mcp rotate`. */
const asTold = ({ hint }: JamfMcpError): Partial<RotateInput> => ({
  noDeploy: hint?.endsWith('rotate --no-deploy') ?? false,
});

const CALLS = ['describe', 'read', 'prove', 'put', 'mint', 'put', 'test', 'moveLabel', 'moveLabel'];

describe('rotate', () => {
  it('mints, stages, tests, promotes and cleans, in 6 calls to the store', async () => {
    const it = await world();
    const result = await it.run();
    await assertRotated(it);
    assert.deepEqual(it.calls, CALLS);
    assert.equal(it.calls.filter((call) => !['prove', 'mint', 'test'].includes(call)).length, 6);
    assert.equal(result.outcome, 'rotated');
    assert.equal(result.previousVersionId, FIRST);
    assert.equal(result.versionId, result.rotationId);
    assert.deepEqual(result.rotated, [{ field: FIELD, issuer: 'jamf' }]);
    const states = result.steps.map(({ name, state }) => `${name} ${state}`);
    assert.deepEqual(states, [
      'preflight done',
      'mint done',
      'stage done',
      'test done',
      'promote done',
      'deploy skipped',
      'verify skipped',
      'clean done',
    ]);
    const info = await it.store.describe(NAME);
    assert.equal(versionWith(info, AWSPREVIOUS), FIRST);
    assert.equal(versionWith(info, AWSCURRENT), result.versionId);
  });

  it('tells the target before it asks, and asks before it changes', async () => {
    const it = await world();
    await it.run();
    assert.equal(it.context.events.find(({ kind }) => kind !== 'debug')?.kind, 'target');
    assert.deepEqual(
      it.context.questions.map(({ kind }) => kind),
      ['confirm-name'],
    );
    const other = await world();
    await other.run({ environment: 'staging' });
    const [question] = other.context.questions;
    assert.ok(question?.kind === 'confirm');
    assert.equal(question.name, NAME, '--confirm NAME answers it');
  });

  it('changes nothing when it is not confirmed', async () => {
    const it = await world();
    const before = structuredClone(it.store.documents.get(NAME));
    it.context.answer(false);
    const error = await failureOf(it.run());
    assert.equal(error.code, 'DECLINED');
    assert.deepEqual(it.store.documents.get(NAME), before);
    assert.ok(!it.calls.includes('mint') && !it.calls.includes('put'));
  });

  it('shows on a dry run the very steps that a run takes, and changes nothing', async () => {
    const it = await world();
    const planned = await it.run({ dryRun: true });
    assert.equal(planned.outcome, 'planned');
    assert.deepEqual(it.calls, ['describe', 'read', 'prove']);
    assert.deepEqual(it.context.questions, []);
    assert.equal(planned.versionId, null);
    assert.deepEqual(
      planned.steps.map(({ state }) => state),
      ['done', 'planned', 'planned', 'planned', 'planned', 'skipped', 'skipped', 'planned'],
    );
    const done = await it.run();
    assert.deepEqual(
      done.steps.map(({ name }) => name),
      planned.steps.map(({ name }) => name),
    );
  });

  it('waits for a value that is not known everywhere yet, but no longer than half a minute', async () => {
    const slow = await world();
    slow.lag = 4;
    await slow.run();
    await assertRotated(slow);
    const dead = await world();
    dead.lag = 1000;
    const error = await failureOf(dead.run());
    assert.equal(error.code, 'PARTIAL');
    assert.match(error.message, /^test failed: .*stored as AWSPENDING/);
    const waited = dead.context.clock.slept.reduce((sum, ms) => sum + ms, 0);
    assert.ok(waited > 10_000 && waited <= 30_000, `waited ${String(waited)} ms`);
    const info = await dead.store.describe(NAME);
    assert.equal(versionWith(info, AWSCURRENT), FIRST, 'what was not accepted is not promoted');
  });

  it('does not promote a value that may do less than the one before', async () => {
    const it = await world();
    it.lacking = 'Read Computers';
    const error = await failureOf(it.run());
    assert.equal(error.code, 'PARTIAL');
    assert.match(error.message, /lacks Read Computers/);
    assert.equal(versionWith(await it.store.describe(NAME), AWSCURRENT), FIRST);
  });

  describe('what it refuses before anything is changed', () => {
    const refusals: [string, ErrorCode, (it: World) => Promise<void> | void][] = [
      ['a secret that is not there', 'SECRET_NOT_FOUND', ({ store }) => void store.documents.delete(NAME)],
      [
        'a secret scheduled for deletion',
        'SECRET_DELETED',
        ({ store }) => {
          store.scheduleDeletion(NAME);
        },
      ],
      [
        'a pair that the issuer refuses',
        'CREDENTIALS_REFUSED',
        (it) => {
          it.live = 'EXAMPLE-another';
        },
      ],
      [
        'a store that takes no new version',
        'ACCESS_DENIED',
        (it) => {
          it.fault = { call: 'put 1', when: 'before', error: 'ACCESS_DENIED', killed: false };
        },
      ],
      [
        'a mint that is refused',
        'ACCESS_DENIED',
        (it) => {
          it.fault = { call: 'mint 1', when: 'before', error: 'ACCESS_DENIED', killed: false };
        },
      ],
    ];
    for (const [what, code, arrange] of refusals) {
      it(what, async () => {
        const it = await world();
        await arrange(it);
        const before = structuredClone(it.store.documents.get(NAME));
        const error = await failureOf(it.run());
        assert.equal(error.code, code);
        assert.deepEqual(it.store.documents.get(NAME), before);
        assert.equal(
          it.live.startsWith('EXAMPLE-value-') && it.live !== 'EXAMPLE-value-0',
          false,
          'nothing was minted',
        );
      });
    }

    it('a secret that AWS rotates by itself', async () => {
      const it = await world();
      const describe = it.store.describe.bind(it.store);
      it.store.describe = async (name) => {
        const info = await describe(name);
        return { ...info, rotation: { ...info.rotation, enabled: true } };
      };
      const error = await failureOf(it.run());
      assert.equal(error.code, 'CONFLICT');
      assert.deepEqual(it.calls, ['describe']);
    });
  });

  describe('a staging label that an earlier run left', () => {
    it('on a version with a value: goes on at the test', async () => {
      const it = await world();
      it.fault = { call: 'moveLabel 1', when: 'before', error: 'UNREACHABLE', killed: true };
      const error = await failureOf(it.run());
      assert.equal(error.code, 'PARTIAL');
      assert.equal(error.exit, 6);
      it.fault = null;
      const { live } = it;
      const result = await it.run();
      assert.equal(result.outcome, 'resumed');
      assert.equal(it.live, live, 'nothing new was minted');
      assert.deepEqual(
        result.steps.slice(0, 4).map(({ state }) => state),
        ['done', 'skipped', 'skipped', 'done'],
      );
      await assertRotated(it);
    });

    it('is finished only when that is confirmed', async () => {
      const it = await world();
      it.fault = { call: 'moveLabel 1', when: 'before', error: 'UNREACHABLE', killed: true };
      await failureOf(it.run());
      it.fault = null;
      it.context.answer(false);
      const error = await failureOf(it.run());
      assert.equal(error.code, 'DECLINED');
      assert.equal(versionWith(await it.store.describe(NAME), AWSCURRENT), FIRST);
    });

    it('on a version whose value is refused: takes it off, tells so, and mints anew', async () => {
      const it = await world();
      const stale = '00000000-0000-4000-8000-000000000002';
      const fields = new Map([[FIELD, new Secret('EXAMPLE-stale')]]);
      await it.store.put(NAME, fields, { token: stale, stages: [AWSPENDING] });
      const result = await it.run();
      assert.equal(result.outcome, 'rotated');
      assert.equal(result.steps[1]?.name, 'discard');
      assert.match(result.steps[1].text, /Jamf refuses it/);
      await assertRotated(it);
    });

    it('on a version without a value: takes it off', async () => {
      const it = await world();
      const empty = '00000000-0000-4000-8000-000000000003';
      await it.store.put(NAME, new Map(), { token: empty, stages: [AWSPENDING] });
      const read = it.store.read.bind(it.store);
      it.store.read = (name, ref) =>
        'versionId' in ref && ref.versionId === empty
          ? Promise.reject(new JamfMcpError('VERSION_NOT_FOUND', 'it has no value'))
          : read(name, ref);
      const result = await it.run();
      assert.match(result.steps[1]?.text ?? '', /it holds no value/);
      await assertRotated(it);
    });

    it('on the current version: is not ended before it is said whether a deployment is still to come', async () => {
      const it = await world();
      await it.store.moveLabel(NAME, AWSPENDING, null, FIRST);
      const error = await failureOf(it.run());
      assert.equal(error.code, 'PARTIAL');
      assert.match(error.message, new RegExp(`version ${FIRST} .* running tasks may still hold the value before it$`));
      assert.match(error.hint ?? '', /jamf-mcp rotate --force-deploy; .*: jamf-mcp rotate --no-deploy$/);
      assert.deepEqual(it.calls, ['describe']);
      assert.equal(versionWith(await it.store.describe(NAME), AWSPENDING), FIRST);
    });

    it('on the current version, with no deployment to come: only the end is left', async () => {
      const it = await world();
      await it.store.moveLabel(NAME, AWSPENDING, null, FIRST);
      const result = await it.run({ noDeploy: true });
      assert.equal(result.outcome, 'resumed');
      assert.deepEqual(it.calls, ['describe', 'moveLabel']);
      await assertRotated(it);
    });

    it('is left alone while nobody knows whether its value is good', async () => {
      const it = await world();
      const pending = '00000000-0000-4000-8000-000000000002';
      await it.store.put(NAME, new Map([[FIELD, new Secret('EXAMPLE-pending')]]), {
        token: pending,
        stages: [AWSPENDING],
      });
      it.fault = { call: 'test 1', when: 'before', error: 'UNREACHABLE', killed: false };
      const error = await failureOf(it.run());
      assert.equal(error.code, 'UNREACHABLE');
      assert.equal(versionWith(await it.store.describe(NAME), AWSPENDING), pending);
    });
  });

  describe('Ctrl-C', () => {
    for (const at of ['mint', 'put 2']) {
      it(`during ${at} waits until the new value is stored`, async () => {
        const it = await world();
        const [call = '', nth = '1'] = at.split(' ');
        const target = call === 'mint' ? null : it.store.put.bind(it.store);
        let puts = 0;
        if (target) {
          it.store.put = (...given) => {
            puts += 1;
            if (puts === Number(nth)) it.context.abort();
            return target(...given);
          };
        }
        const input: Partial<RotateInput> = {};
        if (call === 'mint') {
          const abortAtMint = it.context.host.notify.bind(it.context.host);
          it.context.host.notify = (event) => {
            abortAtMint(event);
            if (event.kind === 'step' && event.name === 'mint' && event.state === 'started') it.context.abort();
          };
        }
        const error = await failureOf(it.run(input));
        assert.equal(error.code, 'INTERRUPTED');
        assert.equal(error.exit, 130);
        assert.match(error.message, /AWSPENDING/);
        assert.match(error.hint ?? '', /go on with: jamf-mcp rotate/);
        assert.deepEqual(
          it.insisted.map(({ ends }) => ends),
          [true, false, true],
          'the process could not be ended in between',
        );
        assert.match(it.insisted[1]?.text ?? '', /exists nowhere else yet/);
        assert.match(it.insisted[2]?.text ?? '', /go on with: jamf-mcp rotate$/);
        const info = await it.store.describe(NAME);
        const pending = versionWith(info, AWSPENDING);
        assert.ok(pending);
        const staged = await it.store.read(NAME, { versionId: pending });
        assert.equal(staged.fields.get(FIELD)?.reveal(), it.live, 'the value that lives is the one that is stored');
        assert.equal(versionWith(info, AWSCURRENT), FIRST);
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
      const it = await world();
      const tell = it.context.host.notify.bind(it.context.host);
      it.context.host.notify = (event) => {
        tell(event);
        if (event.kind === 'step' && event.name === 'preflight' && event.state === 'done') it.context.abort();
      };
      const error = await failureOf(it.run());
      assert.equal(error.code, 'INTERRUPTED');
      assert.match(error.message, /nothing was changed/);
      assert.ok(!it.calls.includes('put'));
    });
  });

  describe('where another one runs at the same time', () => {
    const OTHER = '00000000-0000-4000-8000-000000000009';
    /** The other one has made its value, and stores it when this one looks again. */
    const meddled = async (call: 'before' | 'while', stages: string[]): Promise<JamfMcpError> => {
      const it = await world();
      it.live = 'EXAMPLE-of-the-other';
      const values = new Map([[FIELD, new Secret(it.live)]]);
      const store = () => it.store.put(NAME, values, { token: OTHER, stages });
      let looks = 0;
      it.store.before = async (method) => {
        if (method === 'describe') looks += 1;
        if (method === 'describe' && looks === (call === 'before' ? 2 : 3)) {
          looks += 10;
          await store();
        }
      };
      return failureOf(it.run());
    };
    for (const [when, call] of [
      ['has just stored its value', 'before'],
      ['has not yet stored its value', 'while'],
    ] as const) {
      it(`and ${when}: tells that, and not that the client is refused`, async () => {
        const error = await meddled(call, [AWSPENDING]);
        assert.equal(error.code, 'CONFLICT');
        assert.match(error.message, new RegExp(`another rotation of ${NAME} .*AWSPENDING is on version ${OTHER}`));
        assert.match(error.hint ?? '', /^wait until it has ended; .*: jamf-mcp rotate$/);
      });
    }
    it('and is over: tells that AWSCURRENT moved', async () => {
      assert.match((await meddled('before', [AWSCURRENT])).message, new RegExp(`AWSCURRENT is on version ${OTHER}`));
    });
    it('names the command that goes on once', async () => {
      const it = await world();
      it.store.moveLabel = () =>
        Promise.reject(new JamfMcpError('CONFLICT', 'moved', 'look at the labels, then repeat the command'));
      const error = await failureOf(it.run());
      assert.equal(error.hint, 'look at the labels; then go on with: jamf-mcp rotate --no-deploy');
      const other = await world();
      other.store.moveLabel = () => Promise.reject(new JamfMcpError('CONFLICT', 'moved', 'repeat the command'));
      assert.equal((await failureOf(other.run())).hint, 'go on with: jamf-mcp rotate --no-deploy');
    });
  });

  it('never shows a value', async () => {
    const it = await world();
    const result = await it.run();
    it.fault = { call: 'put 2', when: 'before', error: 'ACCESS_DENIED', killed: true };
    const error = await failureOf(it.run());
    const shown = JSON.stringify([result, error.toJSON(), it.context.events, it.context.questions]);
    assert.doesNotMatch(shown, /EXAMPLE-value/);
  });

  describe('a fault at every call, then the same command again', () => {
    const counted = new Map<string, number>();
    const cells = CALLS.map((call) => {
      counted.set(call, (counted.get(call) ?? 0) + 1);
      return `${call} ${String(counted.get(call))}`;
    });
    /** Where the value was made and never stored, only a rotator client can go on. */
    const lost = (call: string, when: string) =>
      (call === 'mint 1' && when === 'after') || (call === 'put 2' && when === 'before');
    for (const call of cells) {
      for (const when of ['before', 'after'] as const) {
        for (const killed of [false, true]) {
          it(`${killed ? 'killed' : 'connection lost'} ${when} ${call}`, async () => {
            const it = await world();
            it.fault = { call, when, error: 'UNREACHABLE', killed };
            const outcome = await it.run().catch((error: unknown) => error);
            it.fault = null;
            if (outcome instanceof Error) {
              assert.ok(outcome instanceof JamfMcpError);
              if (lost(call, when)) {
                assert.equal(outcome.code, 'PARTIAL');
                const again = await failureOf(it.run());
                assert.equal(again.code, 'CREDENTIALS_REFUSED');
                it.rotator = true;
              }
              const promoted = await it.store.describe(NAME);
              const pending = versionWith(promoted, AWSPENDING);
              if (pending !== null && pending === versionWith(promoted, AWSCURRENT))
                assert.equal((await failureOf(it.run())).code, 'PARTIAL');
              await it.run(asTold(outcome));
            }
            await assertRotated(it);
          });
        }
      }
    }
  });
});
