/** Decides each need of a task definition over the policies of its role and of the resource. */
import { evaluate, type Caller, type Decision, type Layers } from './evaluate.ts';
import type { TaskNeed } from './join.ts';
import type { TaskFacts } from './join-facts.ts';
import type { RoleDocuments } from './join-roles.ts';
import { readDocument } from './parse.ts';
import type { Policy, PolicyType } from './policy.ts';
import type { Source } from './source.ts';
import { pathText, type Path } from './tree.ts';

/** What comes of a need: `depends` where it hangs on what only the request tells. */
export type NeedVerdict = 'allowed' | 'missing' | 'denied' | 'depends';

/** A need, decided. */
export interface JudgedNeed {
  action: string;
  resource: string;
  /** What needs it, each once. */
  why: string[];
  verdict: NeedVerdict;
  /** Condition keys that it hangs on. */
  keys: string[];
  /** The statements that decided: address of the policy, and behind `#` the path in it. */
  by: string[];
  /** What ECS gives as reason where it is missing; null where nothing is known of that. */
  without: string | null;
}

/** A need, decided, with what findings are made of. */
export interface Judged extends JudgedNeed {
  /** Where the task definition asks for it. */
  at: readonly Path[];
}

/** The policies of secrets and keys, by ARN; null: there is none; absent: not read. */
export type ResourcePolicies = ReadonlyMap<string, Policy | null>;

/** Read the policies of the facts. */
export async function resourcePolicies({ secrets, keys }: TaskFacts): Promise<ResourcePolicies> {
  const sources: [arn: string, type: PolicyType, source: Source | null | undefined][] = [
    ...Object.values(secrets).flatMap((secret): [string, PolicyType, Source | null | undefined][] =>
      secret ? [[secret.arn, 'resource', secret.policy]] : [],
    ),
    ...Object.values(keys).flatMap((key): [string, PolicyType, Source | null | undefined][] =>
      key ? [[key.arn, 'kms', key.policy]] : [],
    ),
  ];
  const read = sources.map(async ([arn, type, source]): Promise<[string, Policy | null] | null> => {
    if (source === undefined) return null;
    return [arn, source === null ? null : ((await readDocument(source, { type })).policies[0] ?? null)];
  });
  return new Map((await Promise.all(read)).filter((entry) => entry !== null));
}

/**
 * Needs that ask for the same are one.
 * @param keys - of the facts: their grants are beside all policies
 */
export function judgeNeeds(
  needs: readonly TaskNeed[],
  holder: RoleDocuments | null,
  policies: ResourcePolicies,
  keys: TaskFacts['keys'] = {},
): Judged[] {
  const groups = Map.groupBy(needs, ({ action, resource, request }) => JSON.stringify([action, resource, request]));
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const { action, resource, without } = first;
    const why = [...new Set(group.map((need) => need.why))];
    const decided = decide(first, holder, policies);
    const granted = decided.verdict === 'missing' && holder !== null && hasGrant(first, holder.role.arn, keys);
    const told = granted
      ? { ...decided, verdict: 'depends' as const, keys: ['what a grant of the key asks for'] }
      : decided;
    return [{ action, resource, why, without, at: group.map(({ at }) => at), ...told }];
  });
}

/** Whether a grant of the key lets a role decrypt: what it asks for is not judged. */
const hasGrant = ({ action, resource }: TaskNeed, role: string, keys: TaskFacts['keys']): boolean =>
  action === 'kms:Decrypt' &&
  Object.values(keys).some((key) => key?.arn === resource && (key.grantees ?? []).includes(role));

/** Keys of which it is known that the requests of ECS do not carry them. */
const SURELY_ABSENT =
  /^(?:secretsmanager:(?:VersionStage|VersionId|ResourceTag\/.*)|aws:(?:MultiFactorAuth(?:Present|Age)|Federated\w*|SourceIdentity|username|ResourceTag\/.*)|kms:(?:EncryptionContext:.*|ResourceAliases|GrantIsForAWSResource)|saml:.*|sts:.*|.*\.com:.*)$/i;

/** Decide one need. */
export function decide(
  need: TaskNeed,
  holder: RoleDocuments | null,
  policies: ResourcePolicies,
): Pick<JudgedNeed, 'verdict' | 'keys' | 'by'> {
  if (!holder) return { verdict: 'missing', keys: [], by: [] };
  const { role, layers } = holder;
  const resource = policies.get(need.resource);
  const account = /^arn:[^:]*:[^:]*:[^:]*:(\d{12}):/.exec(need.resource)?.[1] ?? role.account;
  const foreign = account !== role.account;
  const caller: Caller = { arn: role.arn, account: role.account };
  const request = { caller, action: need.action, resource: need.resource, context: need.request };
  // The policy of a thing in another account has to allow as well; where it is not known, this account's side is told.
  const known = resource !== undefined;
  const applied: Layers = known ? { ...layers, resource } : layers;
  const decision = evaluate({ ...request, resourceAccount: foreign && known ? account : null }, applied);
  const by = decision.because.map(
    ({ policy, statement }) => `${addressOf(policy, holder)}#${pathText(statement.path)}`,
  );
  if (decision.verdict === 'allow' && foreign && !known) {
    return { verdict: 'depends', keys: [`the policy of ${need.resource}`], by };
  }
  return { ...verdictOf(decision), by };
}

function verdictOf({ verdict, absent, because }: Decision): { verdict: NeedVerdict; keys: string[] } {
  if (verdict === 'allow') return { verdict: 'allowed', keys: [] };
  const keys = absent.filter((key) => !SURELY_ABSENT.test(key));
  const certain = because.some(({ statement }) => statement.conditions.length === 0);
  if (keys.length > 0 && !certain) return { verdict: 'depends', keys };
  return { verdict: verdict === 'explicit-deny' ? 'denied' : 'missing', keys: [] };
}

function addressOf(policy: Policy, { documents }: RoleDocuments): string {
  return (
    documents.find(({ document }) => document.policies.includes(policy))?.document.source.name ?? 'resource policy'
  );
}

/** Whether ECS may assume a role for its tasks; the condition keys are those that AWS documents for it. */
export function tasksMayAssume(
  { role, trust }: RoleDocuments,
  { partition, region, account }: TaskFacts,
): Decision | null {
  if (!trust) return null;
  return evaluate(
    {
      caller: { arn: '', account, service: 'ecs-tasks.amazonaws.com' },
      action: 'sts:AssumeRole',
      resource: role.arn,
      context: { 'aws:SourceAccount': account, 'aws:SourceArn': `arn:${partition}:ecs:${region}:${account}:*` },
    },
    { identity: [], resource: trust },
  );
}
