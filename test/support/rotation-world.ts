/** A world in memory for rotations: one secret, one issuer, one service, and a fault at any call to any of them. */
import assert from 'node:assert/strict';
import { JamfMcpError, type ErrorCode } from '../../src/lib/errors.ts';
import { Secret } from '../../src/lib/redact.ts';
import type { Insistence } from '../../src/lib/host.ts';
import { abort } from '../../src/lib/rotation/abort.ts';
import type { Issuer, Proof } from '../../src/lib/rotation/issuer.ts';
import type { RotationRecord } from '../../src/lib/rotation/record.ts';
import { resumeRotation } from '../../src/lib/rotation/resume.ts';
import type { Deployer } from '../../src/lib/rotation/rollout.ts';
import { rotate, type RotateInput, type RotateResult } from '../../src/lib/rotation/rotate.ts';
import { undo } from '../../src/lib/rotation/undo.ts';
import { fieldsFrom, schemaOf } from '../../src/lib/secrets/schema.ts';
import { AWSCURRENT, AWSPENDING, versionWith, type Fields, type SecretStore } from '../../src/lib/secrets/store.ts';
import { testContext, type TestContext } from './context.ts';
import { memoryStore, type MemoryStore } from './memory-store.ts';
import { command, RUNNER } from './rotation.ts';

export const NAME = 'jamf-mcp-server/production';
export const FIRST = '00000000-0000-4000-8000-000000000001';
export const FIELD = 'JAMF_CLIENT_SECRET';
/** The value before anything was rotated. */
export const FIRST_VALUE = 'EXAMPLE-value-0';
const ECS = { cluster: 'tools', service: 'server' };

/**
 * How the issuer works: `single`: a new value kills the one before; `alternate`: it takes the other of two places;
 * `drafted`: it is told a value that is stored already, and can be told the old one again; `here`: nobody is told.
 */
export const KINDS = ['single', 'alternate', 'drafted', 'here'] as const;
export type Kind = (typeof KINDS)[number];

/** Which call meets a fault, and how: once, or with everything after it, as when the process is killed. */
export interface Fault {
  /** `put 2`: the second call of that name. */
  call: string;
  when: 'before' | 'after';
  error: ErrorCode;
  killed: boolean;
}

/** The world, and what a test may set in it. */
export interface World {
  readonly kind: Kind;
  readonly store: MemoryStore;
  /** Where the secret is: `store`, or the one that was given. */
  readonly place: SecretStore;
  readonly context: TestContext;
  readonly records: RotationRecord[];
  /** Every call to store, issuer, service and record of the last run, in order. */
  readonly calls: string[];
  /** What another Ctrl-C would have done, as it was said one after the other. */
  readonly insisted: Insistence[];
  /** The values that the issuer accepts. */
  live: Set<string>;
  fault: Fault | null;
  /** Refusals that the issuer still has to give to whatever value. */
  lag: number;
  /** Whether the issuer can prove and mint although the current value is dead and nothing was kept. */
  rotator: boolean;
  /** Whether what an earlier run kept can still be used. */
  tokenLives: boolean;
  lacking: string | null;
  /** How the next deployments end; steady when none is left. */
  deployments: ('failed' | 'rolled-back' | 'timed-out' | 'superseded')[];
  /** How a proof of the injection goes. */
  injection: 'fine' | 'absent' | 'left' | JamfMcpError;
  /** What the task definition gives to tasks. */
  given: string[] | JamfMcpError;
  /** The value that the last such proof was given. */
  injected: string | null;
  /** The value that the running tasks hold. */
  tasks: string;
  rotate(options?: Partial<RotateInput>): Promise<RotateResult>;
  resume(options?: Partial<RotateInput>): Promise<RotateResult>;
  abort(options?: Partial<RotateInput>): Promise<RotateResult>;
  undo(options?: Partial<RotateInput>): Promise<RotateResult>;
}

const refused = () => new JamfMcpError('CREDENTIALS_REFUSED', 'the value is not accepted');
const valueOf = (fields: Fields) => fields.get(FIELD)?.reveal() ?? '';

/**
 * A fresh world.
 * @param options - `ecs`: whether rotations redeploy the service, yes unless said otherwise; `open`: makes another store
 */
export async function rotationWorld(
  kind: Kind = 'single',
  { ecs = true, open }: { ecs?: boolean; open?: (context: TestContext) => SecretStore } = {},
): Promise<World> {
  const context = testContext();
  const store = memoryStore({ now: () => context.clock.now() });
  const place = open?.(context) ?? store;
  const fields = fieldsFrom(schemaOf('jamf'), {
    JAMF_URL: 'https://example.jamfcloud.com',
    JAMF_CLIENT_ID: 'EXAMPLE-client',
    [FIELD]: FIRST_VALUE,
    OTHER: 'EXAMPLE-untouched',
  });
  await place.create({ name: NAME, description: '', tags: {}, fields, token: FIRST });
  store.calls.length = 0;
  let dead = false;
  let made = 0;
  let deployed = 0;

  /** Record a call, and let it meet the fault before or after its work. */
  async function through<T>(name: string, work: () => T | Promise<T>): Promise<T> {
    const { fault, calls } = it;
    const seen = calls.filter((call) => call === name).length;
    calls.push(name);
    const meets = fault?.call === `${name} ${String(seen + 1)}` || dead;
    if (meets && (dead || fault?.when === 'before')) throw fail();
    const result = await work();
    if (meets) throw fail();
    return result;
  }
  const fail = (): JamfMcpError => {
    const { error = 'BUG' } = it.fault ?? {};
    if (it.fault?.killed) dead = true;
    else it.fault = null;
    return new JamfMcpError(error, 'as the test wanted');
  };

  const newValue = () => `EXAMPLE-value-${String((made += 1))}`;
  const issuer: Issuer = {
    name: 'jamf',
    title: 'Jamf',
    replaces: [FIELD],
    recovery: 'use a rotator client',
    prove: (current, kept) =>
      through('prove', (): Proof => {
        const token = it.tokenLives && kept?.has('token');
        if (kind !== 'here' && !it.rotator && !token && !it.live.has(valueOf(current))) throw refused();
        const keep = new Map([['token', new Secret('EXAMPLE-kept-token')]]);
        return { text: 'it will', strategy: kind === 'alternate' ? 'alternate' : 'single', keep };
      }),
    mint: (given) =>
      through('mint', (): Fields => {
        if (kind === 'here') return new Map();
        if (kind === 'drafted') {
          it.live = new Set([valueOf(given)]);
          return new Map();
        }
        const value = newValue();
        // Of two places, the one that is not in use gets the new value.
        const stays = kind === 'alternate' && it.live.has(valueOf(given)) ? [valueOf(given)] : [];
        it.live = new Set([...stays, value]);
        return new Map([[FIELD, new Secret(value)]]);
      }),
    test: (given) =>
      through('test', () => {
        if (it.lacking) throw new JamfMcpError('CONFLICT', `it lacks ${it.lacking}`);
        it.lag -= 1;
        if (kind !== 'here' && (it.lag >= 0 || !it.live.has(valueOf(given)))) throw refused();
        return 'accepted';
      }),
    ...(kind !== 'here' && { accepts: (given) => through('accepts', () => it.live.has(valueOf(given))) }),
    ...((kind === 'drafted' || kind === 'here') && {
      draft: () => Promise.resolve(new Map([[FIELD, new Secret(newValue())]])),
      revert: (previous, { newer, kept }) =>
        through('revert', () => {
          if (kind !== 'drafted') return;
          const opens = [previous, ...(newer ? [newer] : [])].some((fields) => it.live.has(valueOf(fields)));
          if (!opens && !it.rotator && !(it.tokenLives && kept?.has('token'))) throw refused();
          it.live = new Set([valueOf(previous)]);
        }),
    }),
  };

  const outlook = { desired: 2, running: 2, underway: null, underwaySince: null, taskDefinition: '', breaker: null };
  const deployer: Deployer = {
    inspect: () => through('inspect', () => outlook),
    given: () => through('given', () => (it.given instanceof JamfMcpError ? Promise.reject(it.given) : it.given)),
    force: () =>
      through('force', () => {
        deployed += 1;
        return { id: `ecs-svc/${String(deployed)}`, startedAt: new Date(context.clock.now()).toISOString() };
      }),
    watch: (_target, started) =>
      through('watch', async () => {
        context.clock.advance(60_000);
        const ended = it.deployments.shift() ?? 'steady';
        const finished = { ...started, finishedAt: new Date(context.clock.now()).toISOString(), stopped: [] };
        // The tasks of a rolled-back deployment read the secret anew: a circuit breaker undoes no rotation.
        if (ended === 'steady' || ended === 'rolled-back')
          it.tasks = valueOf((await place.read(NAME, { stage: AWSCURRENT })).fields);
        return {
          ...finished,
          state: ended,
          running: 2,
          desired: 2,
          reason: ended === 'steady' ? null : 'as the test wanted',
        };
      }),
    prove: () => through('prove-tasks', () => ({ running: 2, old: [] })),
    proveInjection: (_target, { stage, fields: asked }) =>
      through('prove-injection', async () => {
        it.injected = valueOf((await place.read(NAME, { stage })).fields);
        if (it.injection instanceof JamfMcpError) throw it.injection;
        const absent = it.injection === 'absent' ? [...asked] : [];
        const left = it.injection === 'left' ? ['task 1: aws ecs stop-task --task 1'] : [];
        return { proved: true, taskArn: '1', taskDefinitionArn: '1', injected: ['*'], absent, text: 'it runs', left };
      }),
  };

  const faulty: SecretStore = {
    ...place,
    describe: (name) => through('describe', () => place.describe(name)),
    read: (name, ref) => through('read', () => place.read(name, ref)),
    put: (name, values, options) => through('put', () => place.put(name, values, options)),
    moveLabel: (name, label, from, to) => through('moveLabel', () => place.moveLabel(name, label, from, to)),
  };

  const run =
    (work: (input: RotateInput, context: TestContext) => Promise<RotateResult>) =>
    (options: Partial<RotateInput> = {}): Promise<RotateResult> => {
      dead = false;
      it.calls.length = 0;
      context.answer(true);
      const input: RotateInput = {
        secret: NAME,
        environment: 'production',
        openStore: () => Promise.resolve(faulty),
        issuers: () => Promise.resolve(() => issuer),
        choice: { issuer: 'jamf', fields: [FIELD], strategy: null },
        ecs: ecs && work === rotate ? ECS : null,
        aws: {},
        noDeploy: false,
        limitMs: 60_000,
        dryRun: false,
        reason: null,
        runner: RUNNER,
        isRunning: () => false,
        recorder: () => ({
          prepare: () => through('prepare', () => undefined),
          write: (record) =>
            through('record', () => {
              it.records.push(record);
              return `/records/${record.rotationId}.json`;
            }),
        }),
        command,
        deployer,
        ...options,
      };
      return work(input, { ...context, insist: (insistence) => it.insisted.push(insistence) });
    };

  const it: World = {
    kind,
    store,
    place,
    context,
    records: [],
    calls: [],
    insisted: [],
    live: new Set([FIRST_VALUE]),
    fault: null,
    lag: 0,
    rotator: false,
    tokenLives: true,
    lacking: null,
    deployments: [],
    injection: 'fine',
    injected: null,
    given: ['*'],
    tasks: FIRST_VALUE,
    rotate: run(rotate),
    resume: run(resumeRotation),
    abort: run(abort),
    undo: run(undo),
  };
  return it;
}

/** The value of the version with AWSCURRENT. */
export async function currentValue({ place }: World): Promise<string> {
  return valueOf((await place.read(NAME, { stage: AWSCURRENT })).fields);
}

/**
 * What must be true after everything that ended, however it did: one AWSCURRENT, no AWSPENDING, a value that the issuer
 * accepts, all other fields as they were and nothing else, and tasks that hold that value.
 */
export async function assertSound(it: World, when = ''): Promise<void> {
  const { place, kind, live, tasks } = it;
  const info = await place.describe(NAME);
  const holders = Object.values(info.stages).filter((labels) => labels.includes(AWSCURRENT));
  assert.equal(holders.length, 1, `${when}: exactly one version is current`);
  assert.equal(versionWith(info, AWSPENDING), null, `${when}: nothing is pending`);
  const current = await place.read(NAME, { stage: AWSCURRENT });
  const value = valueOf(current.fields);
  if (kind !== 'here') assert.ok(live.has(value), `${when}: the issuer accepts what is current`);
  assert.equal(tasks, value, `${when}: the tasks hold what is current`);
  assert.deepEqual(
    Object.fromEntries([...current.fields].map(([name, field]) => [name, field.reveal()])),
    { ...UNTOUCHED, [FIELD]: value },
    when,
  );
}

const UNTOUCHED = {
  JAMF_URL: 'https://example.jamfcloud.com',
  JAMF_CLIENT_ID: 'EXAMPLE-client',
  OTHER: 'EXAMPLE-untouched',
};

/** The error that work fails with. */
export async function failureOf(work: Promise<unknown>): Promise<JamfMcpError> {
  const error: unknown = await work.then(
    () => assert.fail('it should have failed'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof JamfMcpError, error instanceof Error ? error.stack : String(error));
  return error;
}
