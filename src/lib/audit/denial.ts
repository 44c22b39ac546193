/** Reads AWS's refusal texts: the kind of policy tells a mis-scoped role from somebody who tries doors. */

/** What a refusal text tells. */
export interface Denial {
  /** `secretsmanager:GetSecretValue` */
  action: string;
  /** The resource as the text names it: an ARN, or the name that the caller typed. */
  resource: string;
  /** `identity-based`, `resource-based`, `session`, `service control`, `permissions boundary` …; null where the text does not tell. */
  policy: string | null;
  /** True where a policy forbids it, false where none allows it, null where the text does not tell. */
  explicit: boolean | null;
}

/**
 * The grammar of https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html:
 * `… is not authorized to perform: A on resource: R`, then a reason or none.
 */
const REFUSAL = /is not authorized to perform: ([\w-]+:[\w*-]+)(.*)$/s;

/** The resource may be anything that a caller typed, a reason included: the last reason is AWS's own. */
const REASON = /^(.*) (because no .+|with an explicit deny.*)$/s;

const NONE_ALLOWS = /^because no (.+?)(?: policy)? allows\b/s;
const FORBIDS = /^with an explicit deny(?: in (?:an? |the )?(.+?)(?: policy)?(?::.*)?)?$/s;

/**
 * Parse a refusal.
 * @param message - CloudTrail's `errorMessage`
 * @returns what it tells, or null where it is worded otherwise
 */
export function parseDenial(message: string): Denial | null {
  const [, action, rest = ''] = REFUSAL.exec(message) ?? [];
  if (action === undefined) return null;
  const [, place = rest, reason = ''] = REASON.exec(rest) ?? [];
  const [, resource = ''] = /^ on resource: (.*?),?$/s.exec(place) ?? [];
  const allows = NONE_ALLOWS.exec(reason);
  const forbids = FORBIDS.exec(reason);
  return {
    action,
    resource,
    policy: allows?.[1] ?? forbids?.[1] ?? null,
    explicit: forbids ? true : allows ? false : null,
  };
}
