/** Who is who: one identity behind many sessions, and whether it is one that the user expects. */
import type { Principal } from './event.ts';
import { globOf } from './glob.ts';

/**
 * The stable identity behind a principal: sessions of one role are one. For grouping and for findings.
 * @returns the role's ARN, else the principal's own, else what little the record tells
 */
export function identityOf({ arn, role, type, account }: Principal): string {
  return role ?? arn ?? `${type ?? 'unknown principal'}${account === null ? '' : ` of ${account}`}`;
}

/** An identity short enough for a line: `role/ecsTaskExecutionRole`, `user/ci`, with the account where it is another one. */
export function shortIdentity(identity: string, account: string | null): string {
  const [, owner, resource] = /^arn:[^:]*:(?:iam|sts)::([^:]*):(.+)$/s.exec(identity) ?? [];
  if (owner === undefined || resource === undefined) return identity;
  const name = resource.replace(/^(role|user)\/.*\//s, '$1/');
  return owner === account || account === null ? name : `${name} of ${owner}`;
}

/**
 * The account that goes without saying in names.
 * @param sources - where it was looked: the first account that one tells
 * @param groups - who was found
 * @returns for {@link shortIdentity}: where no source tells one, null if all are of one account, and empty if not
 */
export function homeAccount(
  sources: readonly { account: string | null }[],
  groups: readonly { identity: string }[],
): string | null {
  const told = sources.find(({ account }) => account !== null)?.account;
  if (told !== undefined && told !== null) return told;
  const owners = new Set(groups.map(({ identity }) => /^arn:[^:]*:(?:iam|sts)::([^:]*):/.exec(identity)?.[1] ?? null));
  owners.delete(null);
  return owners.size > 1 ? '' : null;
}

/**
 * Whether two ARNs are one role. A session's ARN does not hold the path of its role, and names are unique in an account
 * whatever the path (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html), so the path is left out.
 */
export function sameRole(a: string | null, b: string | null): boolean {
  return a !== null && b !== null && pathless(a) === pathless(b);
}

const pathless = (arn: string) => arn.replace(/:role\/.*\//s, ':role/');

/**
 * Whether a pattern of `audit.knownPrincipals` means this principal: by its own ARN, or by that of the role it has assumed.
 * @param pattern - an ARN in which `*` stands for any characters, none included
 */
export function matchesPrincipal(pattern: string, { arn, role }: Principal): boolean {
  const glob = globOf(pattern);
  return [arn, role, role === null ? null : pathless(role)].some(
    (candidate) => candidate !== null && glob.test(candidate),
  );
}

/**
 * Whether a principal is one that a person means, as they type it: an ARN, or a name alone.
 * @param asked - an ARN, `role/ci`, `user/alice`, or the name of a role, a user or a session; with `*`
 */
export function isPrincipal(asked: string, principal: Principal): boolean {
  if (asked.includes(':')) return matchesPrincipal(asked, principal);
  const glob = globOf(asked);
  const resources = [principal.role, principal.arn].flatMap((arn) => {
    const resource = pathless(arn ?? '').replace(/^(?:arn:[^:]*:[^:]*:[^:]*:[^:]*:|local:)/s, '');
    return [resource, resource.split('/').at(1) ?? ''];
  });
  return [...resources, principal.session ?? ''].some((name) => name !== '' && glob.test(name));
}
