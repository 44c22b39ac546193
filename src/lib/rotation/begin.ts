/** What every command on a rotation begins with. */
import { PRODUCTION } from '../config/settings.ts';
import { JamfMcpError } from '../errors.ts';
import type { Context } from '../host.ts';
import { withoutClaim } from '../secrets/claim.ts';
import type { SecretStore, SecretVersion } from '../secrets/store.ts';
import { rotationIdFor, type Claim } from './claim.ts';
import { holdable, type Hold } from './hold.ts';
import type { Issuer, IssuerChoice } from './issuer.ts';
import { HELD_AT_MOST_MS } from './steps-of.ts';
import type { RunInput, Work } from './work.ts';

/** A run: where the secret is, and what holds Ctrl-C back. */
export interface Run {
  store: SecretStore;
  hold: Hold;
  /** Ask before the first change; a run asks once, whatever it finds. @throws JamfMcpError DECLINED */
  confirm: (what: string) => Promise<void>;
}

/** Open the store for a run, and tell what it will touch. */
export async function beginRun(input: RunInput, context: Context): Promise<Run> {
  const hold = holdable(context, {
    held: 'a new value is in the making that exists nowhere else yet: it is stored first, within 90 s, and right after that this ends',
    free: `ended at once; what was begun stands in the labels of the secret: go on with: ${input.command('resume')}`,
    limitMs: HELD_AT_MOST_MS,
  });
  const store = await input.openStore(hold.context);
  context.host.notify({ kind: 'target', store: store.kind, ...(await store.whereabouts()) });
  let confirmed = false;
  return {
    store,
    hold,
    async confirm(what) {
      confirmed ||= await ask(input, context, what);
      if (!confirmed) throw new JamfMcpError('DECLINED', 'not confirmed; nothing was changed', null);
    },
  };
}

function ask({ secret: name, environment }: RunInput, { host }: Context, what: string): Promise<boolean> {
  return environment === PRODUCTION
    ? host.ask({ kind: 'confirm-name', text: what, name })
    : host.ask({ kind: 'confirm', text: `${what}?`, name });
}

/**
 * What every run has before its first step, as one that begins from the current version.
 * @param options - `current`: the version to begin from; `issuer`: as the claim names it
 */
export function workOf(
  input: RunInput,
  { store, hold, confirm }: Run,
  { current, issuer, claim }: { current: SecretVersion; issuer: Issuer; claim: Claim },
): Work {
  const fields = withoutClaim(current.fields);
  return {
    input,
    store,
    arn: current.arn,
    issuer,
    context: hold.context,
    confirm,
    entry: 'begin',
    currentAt: current.createdAt === null ? null : Date.parse(current.createdAt),
    begunAt: hold.context.clock.now(),
    claim,
    old: fields,
    lock: null,
    follows: null,
    carry: null,
    kept: null,
    mintAgain: false,
    outcome: 'resumed',
    fields,
    phase: 'untouched',
    doubt: false,
    mintedAt: null,
    given: null,
    inUseAt: null,
    before: 'unknown',
    deployment: null,
    record: null,
  };
}

/** A claim of this process, for a rotation that begins now. */
export function newClaim(
  input: RunInput,
  context: Context,
  {
    base,
    choice,
    ecs,
    proof = null,
  }: Pick<Claim, 'base' | 'ecs'> & { choice: IssuerChoice; proof?: Claim['proof'] | undefined },
): Claim {
  return {
    kind: 'rotation',
    rotationId: rotationIdFor(base, 0),
    by: input.runner,
    since: new Date(context.clock.now()).toISOString(),
    reason: input.reason,
    issuer: choice.issuer,
    mode: choice.mode ?? null,
    fields: choice.fields,
    strategy: choice.strategy ?? 'single',
    ecs: input.noDeploy ? null : ecs,
    proof,
    base,
    target: null,
    follows: [],
    windowFrom: null,
    keep: new Map(),
  };
}
