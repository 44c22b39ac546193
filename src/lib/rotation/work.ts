/** What a rotation is given, what it hands from step to step, and what it gives. */
import type { AwsSettings } from '../aws.ts';
import type { FinishedDeployment } from '../ecs/deployments.ts';
import type { Context } from '../host.ts';
import type { Fields, SecretStore } from '../secrets/store.ts';
import type { Claim, Runner } from './claim.ts';
import type { Phase } from './failure.ts';
import type { Issuer, IssuerChoice, Issuers, Strategy } from './issuer.ts';
import type { Recorder } from './record.ts';
import type { Deployer } from './rollout.ts';
import type { StepResult } from './steps.ts';

/** The commands that take up what a rotation left. */
export type Verb = 'rotate' | 'resume' | 'abort' | 'undo' | 'status' | 'deploy' | 'rollback';

/** Flags by their names that a command line needs and that were not given; what is undefined is left out of it. */
export type More = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** What every command on a rotation needs. */
export interface RunInput {
  /** Name of the secret. */
  secret: string;
  environment: string;
  /** Opens the store; called with a context of the rotation's own, so that Ctrl-C cannot tear what must not be torn. */
  openStore: (context: Context) => Promise<SecretStore>;
  issuers: Issuers;
  /** How AWS is reached for the service. */
  aws: AwsSettings;
  /** The service to redeploy; null: the one that the claim of a rotation names, and for one that begins now, none. */
  ecs: { cluster: string; service: string } | null;
  /** Whether it was said that there shall be no deployment: also of one that an earlier run was to do. */
  noDeploy: boolean;
  /** How long the deployment may take, in ms. */
  limitMs: number;
  /** Look and plan, change nothing. */
  dryRun: boolean;
  /** Why, for the record. */
  reason: string | null;
  /** This process. */
  runner: Runner;
  /** Whether a process still runs; null where that cannot be known, as of one on another machine. */
  isRunning: (runner: Runner) => boolean | null;
  /** Where the record is kept. */
  recorder: (context: Context) => Recorder;
  /** A command line to paste, for hints. */
  command: (verb: Verb, more?: More) => string;
  /** How services are redeployed; ECS unless given. */
  deployer?: Deployer;
}

/** What to rotate, and how. */
export interface RotateInput extends RunInput {
  choice: IssuerChoice;
  /** The service of which one task has to get AWSPENDING before anything is made; null: that is not proved. */
  proof?: RunInput['ecs'];
}

/** Whether the value before is still accepted at the end; `unknown` where nobody can be asked, or nobody was. */
export type Evidence = 'refused' | 'accepted' | 'unknown';

/** What a rotation did, or would do. Times are ISO 8601, UTC. */
export interface RotateResult {
  /** The id of the new version; null where it is not made yet. */
  rotationId: string | null;
  strategy: Strategy;
  secret: { name: string; arn: string; store: string; environment: string };
  rotated: { field: string; issuer: string }[];
  versionId: string | null;
  previousVersionId: string | null;
  steps: StepResult[];
  deployment: FinishedDeployment | null;
  /**
   * `resumed`: one that an earlier run had begun is finished now; `rolled-back`, `undone`: the version before is current
   * again; `withdrawn`: given up before it took effect; `nothing`: there was none to finish; `unfinished`: only inside
   * the details of an error.
   */
  outcome: 'rotated' | 'resumed' | 'planned' | 'rolled-back' | 'undone' | 'withdrawn' | 'nothing' | 'unfinished';
  /**
   * How long the value in use may have been refused, in ms: from the minting to the last new task. Zero where the one
   * before stays valid; null where it is not known, as where no service was redeployed.
   */
  windowMs: number | null;
  /** What became of the value before. */
  before: Evidence;
  /** Path of the signed record; null where none is written yet. */
  record: string | null;
  /** What is left to do; empty where nothing is. */
  next: { command: string; why: string }[];
}

/** Several environments, one after the other. */
export interface RotateManyResult {
  environments: RotateResult[];
}

/** What `rotate` gives: one result, or with several `--env` a list. */
export type RotateOutput = RotateResult | RotateManyResult;

/** Where a run begins: at the beginning, or where an earlier one stopped. */
export type Entry = 'begin' | 'staged' | 'promoted' | 'back';

/** What the steps hand to each other. */
export interface Work {
  readonly input: RunInput;
  readonly store: SecretStore;
  readonly arn: string;
  readonly issuer: Issuer;
  readonly context: Context;
  /** As {@link Run.confirm}. */
  readonly confirm: (what: string) => Promise<void>;
  /** Where the run begins. */
  readonly entry: Entry;
  /** When the version was stored that is current where the run begins, in ms since 1970; null where that is not known. */
  readonly currentAt: number | null;
  /** When what is known of the secret was read, in ms since 1970. */
  readonly begunAt: number;
  /** The claim; written by the first step that changes something where the run begins. */
  claim: Claim;
  /** The fields before: those of the version {@link Claim.base}. */
  readonly old: Fields;
  /** Version that holds AWSPENDING when the run begins, to be taken over from; null where nothing does. */
  readonly lock: string | null;
  /** Number of the claim that this run goes on with, under that same claim; null for one that has a claim of its own. */
  readonly follows: number | null;
  /** New values that an earlier run made, which only have to be stored anew; null: they are to be made. */
  readonly carry: Fields | null;
  /** What the earlier run kept; null for one that begins now. */
  readonly kept: Fields | null;
  /** Make the staged value accepted, or accepted again. */
  readonly mintAgain: boolean;
  readonly outcome: 'rotated' | 'resumed';
  /** The fields of the new version, in hand from mint to stage and for the test. */
  fields: Fields;
  phase: Phase;
  /** Whether an attempt to make a value had an answer that leaves open what it did. */
  doubt: boolean;
  /** In ms since 1970; null where it is not known. */
  mintedAt: number | null;
  /** What the service's tasks are given of the secret, by its fields, `*` for all; null where that is not known. */
  given: readonly string[] | null;
  /** When the new value came into use. */
  inUseAt: number | null;
  before: Evidence;
  deployment: FinishedDeployment | null;
  record: string | null;
}
