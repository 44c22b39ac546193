/**
 * Decides a request the way AWS does, over all the policies that apply to it:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
import type { Policy, Statement } from './policy.ts';

/** Who asks. */
export interface Caller {
  /** Of the user or role: `arn:aws:iam::111122223333:role/app`. */
  arn: string;
  account: string;
  /** `arn:aws:sts::111122223333:assumed-role/app/session`, where there is one. */
  sessionArn?: string | null;
  /** An AWS service that acts by itself, such as `ecs-tasks.amazonaws.com`. */
  service?: string | null;
}

/** A request. */
export interface Request {
  caller: Caller;
  /** `secretsmanager:GetSecretValue`. */
  action: string;
  /** An ARN, or `*` for an action without a resource. */
  resource: string;
  /** Account of the resource; null: the caller's own. */
  resourceAccount?: string | null;
  /** Condition keys that the request carries, without regard to case. */
  context: Readonly<Record<string, string | readonly string[]>>;
}

/** The policies that apply. A layer that is absent does not restrict; one that is an empty list allows nothing. */
export interface Layers {
  identity: readonly Policy[];
  /** Of the resource: a key policy, a trust policy. */
  resource?: Policy | null;
  boundary?: Policy | null;
  session?: readonly Policy[] | null;
  /** From the root of the organization to the account, one list a level: each level has to allow. */
  scps?: readonly (readonly Policy[])[] | null;
}

/** A statement that had a part in the decision. */
export interface Reason {
  layer: 'identity' | 'resource' | 'boundary' | 'session' | 'scp';
  policy: Policy;
  statement: Statement;
}

/** What comes of a request. */
export interface Decision {
  verdict: 'allow' | 'explicit-deny' | 'implicit-deny';
  /** Of a denial: the layer that denied or did not allow. */
  layer: Reason['layer'] | null;
  /** The statements that decided: those that allow, or those that deny. */
  because: readonly Reason[];
  /** Condition keys that were asked for and that the request did not carry, sorted. */
  absent: readonly string[];
}
