/** A role as it is in the account: whatever decides what it may do, and who may be it. */
import type { Source } from '../source.ts';

/** A policy of the account, with what it is to the role. */
export interface LivePolicy {
  /** Named by a stable synthetic address, such as `aws/111122223333/iam/role/app/inline.json`; text as AWS has it, indented. */
  source: Source;
  kind: 'inline' | 'managed' | 'boundary' | 'trust';
  /** Name of an inline policy; ARN of a managed one or a boundary; `trust`. */
  name: string;
}

/** A role, read. A user has the same shape, without a trust policy; the policies of its groups are among its own. */
export interface LiveRole {
  name: string;
  arn: string;
  account: string;
  policies: LivePolicy[];
  /** When its credentials were last used, ISO 8601; null: not in the 400 days that IAM tracks, or unknown. */
  lastUsed: string | null;
  /** When it was made, ISO 8601. */
  createdAt?: string | null;
  /** Its own tags by name; absent where they were not read. */
  tags?: ReadonlyMap<string, string>;
}
