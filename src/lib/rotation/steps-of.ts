/** The steps of a rotation that goes forward; where an earlier run stopped, what it has done is skipped. */
import { JamfMcpError } from '../errors.ts';
import { AWSCURRENT, AWSPENDING } from '../secrets/store.ts';
import { isInDoubt } from './failure.ts';
import { proofSteps } from './injection.ts';
import { acceptsPatiently, again, testPatiently } from './patience.ts';
import { recordOf, type RotationRecord } from './record.ts';
import { requireRoom } from './room.ts';
import { claimStep } from './take-claim.ts';
import { rollOut, WORDING } from './rollout.ts';
import type { Step } from './steps.ts';
import { wordsOf } from './words.ts';
import type { Entry, Work } from './work.ts';

/** Times of trying again, in ms: minting while the token lives, storing for as long as somebody may bear to wait. */
const MINT_WITHIN_MS = 20_000;
const STAGE_WITHIN_MS = 60_000;
const FIRST_PAUSE_MS = 1_000;

/** How long Ctrl-C waits for minting and storing, in ms: the two limits above, and the answer to the last attempt. */
export const HELD_AT_MOST_MS = 90_000;

const DONE = 'an earlier run did this';

/** The whole list. */
export function stepsOf(work: Work): Step[] {
  const { input, store, issuer, context, entry } = work;
  const name = input.secret;
  const { title } = issuer;
  const words = wordsOf(issuer);
  const unless = (...entries: Entry[]) => (entries.includes(entry) ? DONE : undefined);
  const rollout = rollOut(work, WORDING.forward);

  const mint: Step = {
    name: 'mint',
    get text() {
      return issuer.draft ? words.mint : `${words.mint}; ${consequence(work)}`;
    },
    changes: true,
    held: true,
    skip: (work.carry || entry !== 'begin') && !work.mintAgain ? DONE : undefined,
    run: async () => {
      if (!issuer.draft) work.phase = 'asked';
      work.mintedAt ??= context.clock.now();
      const made = await again(() => issuer.mint(work.fields), {
        context,
        withinMs: MINT_WITHIN_MS,
        firstPauseMs: FIRST_PAUSE_MS,
        when: (error) => {
          work.doubt ||= isInDoubt(error);
          return isInDoubt(error);
        },
        waiting: `${title} did not answer: asking again`,
      });
      work.fields = new Map([...work.fields, ...made]);
      if (!issuer.draft) work.phase = 'minted';
      return words.minted;
    },
  };
  const stage: Step = {
    name: 'stage',
    text: 'store it as AWSPENDING, beside all other fields as they are',
    changes: true,
    held: true,
    skip: unless('staged', 'promoted'),
    run: async () => {
      const { rotationId: token } = work.claim;
      if (issuer.draft && !work.carry) work.fields = new Map([...work.fields, ...(await issuer.draft(work.fields))]);
      await again(() => store.put(name, work.fields, { token, stages: [AWSPENDING] }), {
        context,
        withinMs: STAGE_WITHIN_MS,
        firstPauseMs: FIRST_PAUSE_MS,
        // What the issuer made exists nowhere else; a draft can be made again.
        when: issuer.draft ? isInDoubt : () => true,
        waiting: 'the new value could not be stored yet: trying again, because it exists nowhere else',
      });
      work.phase = 'staged';
      return `stored as AWSPENDING, version ${token}`;
    },
  };

  return [
    {
      name: 'preflight',
      text: `${words.preflight}${work.claim.ecs ? ', and that the service can be redeployed' : work.claim.proof ? ', and look at the service' : ''}`,
      changes: false,
      run: async () => [...(await prove(work)), ...(await rollout.inspect())].join('; '),
    },
    claimStep(work),
    ...(issuer.draft
      ? [stage, ...proofSteps(work, unless('promoted')), mint]
      : [...proofSteps(work, unless('staged', 'promoted')), mint, stage]),
    {
      name: 'test',
      text: words.test,
      changes: false,
      skip: unless('promoted'),
      run: () => testPatiently(issuer, work.fields, context),
    },
    {
      name: 'promote',
      text: 'move AWSCURRENT to it',
      changes: true,
      skip: unless('promoted'),
      run: async () => {
        await store.moveLabel(name, AWSCURRENT, work.claim.base, work.claim.rotationId);
        work.phase = 'promoted';
        return `AWSCURRENT is version ${work.claim.rotationId}`;
      },
    },
    rollout.deploy,
    rollout.verify,
    beforeStep(work),
    ...endSteps(work, work.outcome, () => work.claim.rotationId),
  ];
}

/** What becomes of the value before: known after the preflight. */
export function consequence({ claim, issuer, mintedAt, carry }: Work): string {
  if (claim.strategy === 'alternate') return 'the old one stays valid';
  const dead = `${mintedAt === null && carry === null ? 'from then on ' : ''}${issuer.title} refuses the old one`;
  return claim.ecs
    ? dead
    : `${dead}, and running tasks are locked out until they are redeployed, which this run does not do`;
}

/** What must not fail later. Where a value is stored already, only what the test needs to compare. */
async function prove(work: Work): Promise<string[]> {
  const { issuer, entry, mintAgain, kept, carry, context } = work;
  if (entry === 'promoted' && !mintAgain) return [`version ${work.claim.rotationId} was promoted by an earlier run`];
  const stored = carry !== null || (entry === 'staged' && !mintAgain);
  try {
    const { text, strategy, keep } = await issuer.prove(work.old, kept);
    if (entry === 'begin') {
      await requireRoom(work);
      const fields = issuer.replaces;
      work.claim = { ...work.claim, strategy, fields, keep: keep.size > 0 ? keep : (kept ?? keep) };
    }
    return [text];
  } catch (error) {
    if (!stored || !(error instanceof JamfMcpError) || isInDoubt(error) || error.code === 'INTERRUPTED') throw error;
    context.host.notify({ kind: 'debug', text: `what the value before may do is not known: ${error.message}` });
    return ['an earlier run stored a new value: going on from there'];
  }
}

/** The last look at the value before: the evidence that the rotation did what its strategy promises. */
function beforeStep(work: Work): Step {
  const { issuer, context } = work;
  const isSingle = () => work.claim.strategy === 'single';
  return {
    name: 'before',
    get text() {
      return `check that ${issuer.title} ${isSingle() ? 'refuses' : 'still accepts'} the value before`;
    },
    changes: false,
    skip: issuer.accepts ? undefined : 'nobody can be asked about the value before',
    run: async () => {
      const single = isSingle();
      const accepted = await acceptsPatiently(issuer, work.old, !single, context);
      work.before = accepted ? 'accepted' : 'refused';
      if (accepted && single) {
        throw new JamfMcpError(
          'CONFLICT',
          `${issuer.title} still accepts the value before, which this rotation was to end`,
          `look at it in ${issuer.title}`,
        );
      }
      if (accepted) return `${issuer.title} still accepts the value before: the rotation can be undone`;
      if (!single) {
        const text = `${issuer.title} refuses the value before already: the rotation cannot be undone`;
        context.host.notify({ kind: 'warning', text });
      }
      return `${issuer.title} refuses the value before`;
    },
  };
}

/**
 * The record, then the last label: a crash before the record still shows.
 * @param holder - the version that holds AWSPENDING by then
 */
export function endSteps(work: Work, outcome: RotationRecord['outcome'], holder: () => string): Step[] {
  const { input, store, context } = work;
  return [
    {
      name: 'record',
      text: 'write the signed record',
      changes: true,
      run: async (steps) => {
        const recorder = input.recorder(context);
        await recorder.prepare();
        work.record = await recorder.write(recordOf(work, outcome, steps, windowOf(work)));
        return work.record;
      },
    },
    {
      name: 'clean',
      text: 'take AWSPENDING off',
      changes: true,
      run: async () => {
        await store.moveLabel(input.secret, AWSPENDING, holder(), null);
        return 'AWSPENDING taken off';
      },
    },
  ];
}

/** How long the value in use may have been refused, see {@link RotateResult.windowMs}. */
export function windowOf({ claim, mintedAt, inUseAt }: Work): number | null {
  if (claim.strategy === 'alternate') return 0;
  return mintedAt === null || inUseAt === null ? null : Math.max(0, inUseAt - mintedAt);
}
