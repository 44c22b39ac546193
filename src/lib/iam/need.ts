/** What somebody has to be allowed: what the join, generation and repair measure policies by. */

/** One right that is needed, and why. */
export interface Need {
  /** `secretsmanager:GetSecretValue`. */
  action: string;
  /** An ARN; `*` for an action without a resource. */
  resource: string;
  /** Condition keys that the request carries, as in a `Request` of evaluate.ts. */
  context: Readonly<Record<string, string | readonly string[]>>;
  /** What needs it: `container app, JAMF_CLIENT_SECRET`, `used 14 times since 2026-08-24`. Lower case, no full stop. */
  why: string;
  /** What is seen where it is missing: the reason with which a task does not start; null where nobody knows. */
  without: string | null;
}
