/**
 * A rotation: preflight → (discard) → mint → stage → test → promote → deploy → verify → clean. The list is built from the
 * staging labels, so the same command after a crash goes on where the labels say.
 */
import { randomUUID } from 'node:crypto';
import { PRODUCTION } from '../config/settings.ts';
import type { EcsTarget } from '../ecs/api.ts';
import type { FinishedDeployment } from '../ecs/deployments.ts';
import { JamfMcpError, messageOf, type ErrorCode } from '../errors.ts';
import type { Context } from '../host.ts';
import { AWSCURRENT, AWSPENDING, versionWith, type Fields, type SecretStore } from '../secrets/store.ts';
import { isInDoubt, stoppedError, type Phase } from './failure.ts';
import { holdable } from './hold.ts';
import type { Issuer, IssuerFactory } from './issuer.ts';
import { rollOut } from './rollout.ts';
import { again, readState, testPatiently, type RotationState } from './state.ts';
import { runSteps, type Step, type StepResult } from './steps.ts';

/** What to rotate, and how. */
export interface RotateInput {
  /** Name of the secret. */
  secret: string;
  environment: string;
  /** Opens the store; called with a context of the rotation's own, so that Ctrl-C cannot tear what must not be torn. */
  openStore: (context: Context) => Promise<SecretStore>;
  issuer: IssuerFactory;
  /** The service to redeploy; null leaves running tasks as they are. */
  ecs: EcsTarget | null;
  /** Whether it was said that there shall be no deployment: then one that an earlier run began is ended without, too. */
  noDeploy: boolean;
  /** How long the deployment may take, in ms. */
  limitMs: number;
  /** Look and plan, change nothing. */
  dryRun: boolean;
  /** The command line that goes on where this one stops, for hints. */
  command: string;
}

/** What a rotation did, or would do. */
export interface RotateResult {
  /** The id of the new version; null where it is not made yet. */
  rotationId: string | null;
  strategy: 'single';
  secret: { name: string; arn: string; store: string; environment: string };
  rotated: { field: string; issuer: string }[];
  versionId: string | null;
  previousVersionId: string | null;
  steps: StepResult[];
  deployment: FinishedDeployment | null;
  /** `resumed`: one that an earlier run had begun is finished now; `unfinished`: only inside the details of an error. */
  outcome: 'rotated' | 'resumed' | 'planned' | 'unfinished';
}

/** What the steps hand to each other. */
interface Work {
  readonly input: RotateInput;
  readonly store: SecretStore;
  readonly issuer: Issuer;
  readonly state: RotationState;
  readonly context: Context;
  /** The version to be: known before it is written, because it is the idempotency token of the write. */
  readonly versionId: string;
  /** The fields of the new version, in hand from mint to stage and for the test. */
  fields: Fields;
  phase: Phase;
  deployment: FinishedDeployment | null;
}

/**
 * Rotate a secret, or finish what an earlier run began.
 * @returns what was done; on a dry run, what would be
 * @throws JamfMcpError PARTIAL where something was changed and something is left, with the {@link RotateResult} so far as
 *   `details`; INTERRUPTED; DECLINED; and before anything was changed whatever stood in the way
 */
export async function rotate(input: RotateInput, context: Context): Promise<RotateResult> {
  const hold = holdable(context, {
    held: HELD,
    free: `ended at once; what was begun stands in the labels of the secret: go on with: ${input.command}`,
    limitMs: HELD_AT_MOST_MS,
  });
  const store = await input.openStore(hold.context);
  context.host.notify({ kind: 'target', store: store.kind, ...(await store.whereabouts()) });
  const issuer = input.issuer(hold.context);
  const state = await readState(store, input.secret, issuer, hold.context);
  requireEnd(state, input);
  const work: Work = {
    input,
    store,
    issuer,
    state,
    context: hold.context,
    deployment: null,
    ...beginning(state),
  };
  const { steps, failure } = await runSteps(stepsOf(work), {
    dryRun: input.dryRun,
    beforeChange: () => confirm(work),
    hold,
  });
  const result = resultOf(work, steps);
  if (!failure) return result;
  const error = await otherRotation(work, failure.error);
  throw stoppedError(
    { ...failure, error },
    {
      phase: work.phase,
      currentId: state.currentId,
      versionId: work.versionId,
      recovery: issuer.recovery,
      command: goOnWith(work),
      details: { ...result, outcome: 'unfinished' } satisfies RotateResult,
    },
  );
}

/**
 * A value that was promoted by a run that never came to its end: the labels do not tell whether a deployment was still
 * to come, so that has to be said.
 */
function requireEnd(state: RotationState, { ecs, noDeploy, secret, command }: RotateInput): void {
  if (state.kind !== 'promoted' || ecs || noDeploy) return;
  throw new JamfMcpError(
    'PARTIAL',
    `an earlier run made version ${state.currentId} of ${secret} AWSCURRENT and stopped before its end: running tasks may still hold the value before it`,
    `go on with: ${command} --force-deploy; or end it without a deployment: ${command} --no-deploy`,
  );
}

/** The command that goes on: where this run was to end without a deployment, the next one has to be told so. */
function goOnWith({ input: { command, ecs, noDeploy }, phase }: Work): string {
  const stored = phase === 'staged' || phase === 'promoted' || phase === 'verified';
  return stored && !ecs && !noDeploy ? `${command} --no-deploy` : command;
}

/** Errors that another rotation of the same secret leads to. */
const CROSSED: readonly ErrorCode[] = ['CREDENTIALS_REFUSED', 'CONFLICT'];

/** The other rotation may just have made its value and not stored it yet: look again after this, in ms. */
const LOOK_AGAIN_MS = 2_000;

/**
 * Look whether another rotation is behind an error: a label on a version that this run does not know.
 * @returns an error that says so; else the error as it is
 */
async function otherRotation(
  { input, store, state, context, versionId, phase }: Work,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof JamfMcpError) || !CROSSED.includes(error.code)) return error;
  const discarded = state.kind === 'fresh' ? state.discard?.versionId : undefined;
  const known = [state.currentId, versionId, discarded, null];
  try {
    for (const pause of phase === 'untouched' || phase === 'asked' ? [0, LOOK_AGAIN_MS] : [0]) {
      if (pause > 0) await context.clock.sleep(pause, context.signal);
      const info = await store.describe(input.secret);
      const label = [AWSPENDING, AWSCURRENT].find((one) => !known.includes(versionWith(info, one)));
      if (label === undefined) continue;
      return new JamfMcpError(
        'CONFLICT',
        `another rotation of ${input.secret} runs, or ran, since this one began: ${label} is on version ${String(versionWith(info, label))} now (${error.message})`,
        `wait until it has ended; if it stopped half-way, this goes on: ${input.command}`,
        { cause: error },
      );
    }
  } catch (thrown) {
    context.host.notify({ kind: 'debug', text: `the labels could not be read again: ${messageOf(thrown)}` });
  }
  return error;
}

/** What the steps begin with, by where the rotation stands. */
function beginning(state: RotationState): Pick<Work, 'versionId' | 'fields' | 'phase'> {
  switch (state.kind) {
    case 'fresh':
      return { versionId: randomUUID(), fields: state.current.fields, phase: 'untouched' };
    case 'staged':
      return { versionId: state.pending.versionId, fields: state.pending.fields, phase: 'staged' };
    case 'promoted':
      return { versionId: state.currentId, fields: new Map(), phase: 'promoted' };
  }
}

function stepsOf(work: Work): Step[] {
  const { input, store, issuer, state, context, versionId } = work;
  const name = input.secret;
  const { title } = issuer;
  const fresh = state.kind === 'fresh' ? state : null;
  const discard = fresh?.discard ?? null;
  const begun = fresh ? undefined : 'an earlier run did this';
  const promoted = state.kind === 'promoted' ? 'an earlier run did this' : undefined;
  const rollout = rollOut(input.ecs, { limitMs: input.limitMs, context, work });

  return [
    {
      name: 'preflight',
      text: `check that ${title} will make a new value, and that the service can be redeployed`,
      changes: false,
      run: async () =>
        [...(fresh ? [(await issuer.prove(work.fields, null)).text] : []), ...(await rollout.inspect())].join('; ') ||
        resumedAt(state),
    },
    ...(discard
      ? [
          {
            name: 'discard',
            text: `take AWSPENDING off version ${discard.versionId}: ${discard.why}`,
            changes: true,
            run: async () => {
              await store.moveLabel(name, AWSPENDING, discard.versionId, null);
              return `AWSPENDING taken off version ${discard.versionId}: ${discard.why}`;
            },
          },
        ]
      : []),
    {
      name: 'mint',
      text: `make a new value in ${title}; from then on the old one obtains no more tokens`,
      changes: true,
      held: true,
      skip: begun,
      run: async () => {
        await proveWritable(work);
        work.phase = 'asked';
        const minted = await again(() => issuer.mint(work.fields), {
          context,
          withinMs: MINT_WITHIN_MS,
          firstPauseMs: FIRST_PAUSE_MS,
          when: isInDoubt,
          waiting: `${title} did not answer: asking for a new value again`,
        });
        work.fields = new Map([...work.fields, ...minted]);
        work.phase = 'minted';
        return `${title} made a new value`;
      },
    },
    {
      name: 'stage',
      text: 'store it as AWSPENDING, beside all other fields as they are',
      changes: true,
      held: true,
      skip: begun,
      run: async () => {
        await again(() => store.put(name, work.fields, { token: versionId, stages: [AWSPENDING] }), {
          context,
          withinMs: STAGE_WITHIN_MS,
          firstPauseMs: FIRST_PAUSE_MS,
          when: () => true,
          waiting: 'the new value could not be stored yet: trying again, because it exists nowhere else',
        });
        work.phase = 'staged';
        return `stored as AWSPENDING, version ${versionId}`;
      },
    },
    {
      name: 'test',
      text: `log in to ${title} with it, and compare what it may do`,
      changes: false,
      skip: promoted,
      run: () => testPatiently(issuer, work.fields, context),
    },
    {
      name: 'promote',
      text: 'move AWSCURRENT to it',
      changes: true,
      skip: promoted,
      run: async () => {
        await store.moveLabel(name, AWSCURRENT, state.currentId, versionId);
        work.phase = 'promoted';
        return `AWSCURRENT is version ${versionId}`;
      },
    },
    rollout.deploy,
    rollout.verify,
    {
      name: 'clean',
      text: 'take AWSPENDING off',
      changes: true,
      run: async () => {
        await store.moveLabel(name, AWSPENDING, versionId, null);
        return 'AWSPENDING taken off';
      },
    },
  ];
}

/** Times of trying again, in ms: minting while the token lives, storing for as long as somebody may bear to wait. */
const MINT_WITHIN_MS = 20_000;
const STAGE_WITHIN_MS = 60_000;
const FIRST_PAUSE_MS = 1_000;

/** How long Ctrl-C waits for minting and storing, in ms: the two limits above, and the answer to the last attempt. */
const HELD_AT_MOST_MS = 90_000;
const HELD =
  'a new value is in the making that exists nowhere else yet: it is stored first, within 90 s, and right after that this ends';

/**
 * Prove that the store takes a new version, before the point of no return: storing the current value again under its own
 * version id is a no-op on every store, and is refused exactly where a real one would be.
 */
async function proveWritable({ input, store, state }: Work): Promise<void> {
  if (state.kind !== 'fresh') return;
  const { current } = state;
  try {
    await store.put(input.secret, current.fields, { token: current.versionId, stages: [AWSCURRENT] });
  } catch (error) {
    // A value that was written with other spaces counts as another value: refused for that, after the permission was checked.
    if (!(error instanceof JamfMcpError) || error.code !== 'CONFLICT') throw error;
  }
}

function resumedAt(state: RotationState): string {
  return state.kind === 'promoted'
    ? `version ${state.currentId} was promoted by an earlier run: going on from there`
    : `a new value was staged by an earlier run: going on from there`;
}

async function confirm({ input, issuer, state, context }: Work): Promise<void> {
  const name = input.secret;
  const what =
    state.kind === 'fresh'
      ? `rotate ${name}: ${issuer.title} makes a new value, and the one in use obtains no more tokens at once`
      : `finish the rotation of ${name} that an earlier run began`;
  const sure = await (input.environment === PRODUCTION
    ? context.host.ask({ kind: 'confirm-name', text: what, name })
    : context.host.ask({ kind: 'confirm', text: `${what}?`, name }));
  if (!sure) throw new JamfMcpError('DECLINED', 'not confirmed; nothing was changed', null);
}

function resultOf(work: Work, steps: StepResult[]): RotateResult {
  const { input, store, issuer, state, versionId } = work;
  const staged = ['staged', 'promoted', 'verified'].includes(work.phase);
  return {
    rotationId: staged ? versionId : null,
    strategy: 'single',
    secret: { name: input.secret, arn: state.info.arn, store: store.kind, environment: input.environment },
    rotated: issuer.replaces.map((field) => ({ field, issuer: issuer.name })),
    versionId: staged ? versionId : null,
    previousVersionId: state.kind === 'promoted' ? state.previousId : state.currentId,
    steps,
    deployment: work.deployment,
    outcome: input.dryRun ? 'planned' : state.kind === 'fresh' ? 'rotated' : 'resumed',
  };
}
