/** `iam generate`: what somebody needs, the narrowest policy for it, and the proof. */
import type { AwsSettings } from '../../aws.ts';
import { JamfMcpError } from '../../errors.ts';
import type { Context } from '../../host.ts';
import { loadCatalogue, type Catalogue } from '../catalogue.ts';
import type { Finding } from '../finding.ts';
import type { Need } from '../need.ts';
import type { Evidence } from '../usage/evidence.ts';
import { validate } from '../validate.ts';
import { scopeOf, type ScopeWish } from './facts.ts';
import { needsFrom } from './from-document.ts';
import { policyOf, type PolicyDocument } from './policy.ts';
import { PRESETS, type Purpose } from './presets.ts';
import { prove } from './prove.ts';
import type { Scope } from './scope.ts';
import { proveTrust, trustOf, type TrustDocument } from './trust.ts';

/** What is wanted. */
export interface GenerateWish extends ScopeWish {
  purpose: Purpose;
  /** Whether it is the trust policy that is wanted: who may be the role. */
  trust: boolean;
  /** Family, family:revision or ARN; null: what this program's own task needs. */
  taskDefinition: string | null;
}

/** One right of the policy. */
export interface GeneratedRight {
  action: string;
  resource: string;
  why: string;
  /** What is seen where it is missing; null where nobody knows. */
  without: string | null;
}

/** Result of `iam generate`. */
export interface GenerateResult {
  /** In a sentence: `the execution role, with which ECS starts the task`. */
  title: string;
  account: string;
  region: string;
  type: 'identity' | 'trust';
  policy: PolicyDocument | TrustDocument;
  rights: GeneratedRight[];
  /** Requests that were tried on the policy: those that are needed, and those that differ from one in one thing. */
  proof: { allowed: number; denied: number };
  /** What was supposed, and what could not be found out. */
  remarks: string[];
  /** What `iam validate` finds in the policy. */
  findings: Finding[];
  /** What the policy was made from, where that is what a role has used. */
  evidence?: Evidence;
}

/**
 * Generate a policy.
 * @throws JamfMcpError INPUT_INVALID, INPUT_MISSING, NOT_FOUND, CREDENTIALS_MISSING …
 */
export async function generate(wish: GenerateWish, context: Context): Promise<GenerateResult> {
  const [catalogue, { scope, remarks }] = await Promise.all([loadCatalogue(), scopeOf(wish, context)]);
  const preset = PRESETS[wish.purpose];
  if (wish.trust) {
    if (preset.service === null) {
      throw new JamfMcpError(
        'INPUT_INVALID',
        `who may take on the role for ${wish.purpose} is not known`,
        'people and pipelines come by Identity Center or an identity provider: leave --trust out',
      );
    }
    return await withTrust(preset.title, trustOf(preset.service, scope), scope, catalogue);
  }
  const { title, needs, more } = await needsFor(wish, scope, context);
  return await withPolicy({ title, needs, remarks: [...remarks, ...more] }, scope, catalogue);
}

/** What is needed, and for whom. */
export interface Wanted {
  title: string;
  needs: readonly Need[];
  remarks: readonly string[];
}

/** Make the policy, prove it and validate it. */
export async function withPolicy(
  { title, needs, remarks }: Wanted,
  { account, region }: Pick<Scope, 'account' | 'region'>,
  catalogue: Catalogue,
): Promise<GenerateResult> {
  if (needs.length === 0) {
    throw new JamfMcpError('NOT_FOUND', `${title}: nothing is needed, so there is no policy`, remarks[0] ?? null);
  }
  const policy = policyOf(needs, catalogue);
  const { allowed, denied, refused, passed } = prove(policy, needs, account, catalogue);
  const [wrong] = [...refused, ...passed];
  if (wrong) {
    throw new JamfMcpError('BUG', `the policy is not what is needed: ${wrong.action} on ${wrong.resource}`);
  }
  return {
    title,
    account,
    region,
    type: 'identity',
    policy,
    rights: needs.map(({ action, resource, why, without }) => ({ action, resource, why, without })),
    proof: { allowed, denied },
    remarks: [...remarks],
    findings: await findingsIn(policy, 'identity', catalogue),
  };
}

async function withTrust(
  title: string,
  policy: TrustDocument,
  scope: Scope,
  catalogue: Catalogue,
): Promise<GenerateResult> {
  const { right, ...proof } = proveTrust(policy, scope);
  if (!right) throw new JamfMcpError('BUG', 'the trust policy does not let in its service alone');
  const { account, region } = scope;
  const findings = await findingsIn(policy, 'trust', catalogue);
  return { title, account, region, type: 'trust', policy, rights: [], proof, remarks: [], findings };
}

async function findingsIn(policy: unknown, type: 'identity' | 'trust', catalogue: Catalogue): Promise<Finding[]> {
  const source = { name: 'policy.json', text: JSON.stringify(policy, null, 2) };
  return (await validate([source], { type, format: 'json' }, catalogue)).findings;
}

/** The needs of a preset, of a task definition, or of the function that `rotate schedule` installs. */
async function needsFor(
  wish: GenerateWish,
  scope: Scope,
  context: Context,
): Promise<{ title: string; needs: readonly Need[]; more: readonly string[] }> {
  const preset = PRESETS[wish.purpose];
  if (wish.taskDefinition !== null) return await ofTask(wish.taskDefinition, wish, context);
  if (preset.needs) return { title: preset.title, needs: preset.needs(scope), more: [] };
  return { title: preset.title, needs: await ofRotation(wish, scope), more: [] };
}

/** The role of the rotation function, as it is installed. */
async function ofRotation({ secrets: [name = ''], service }: GenerateWish, scope: Scope): Promise<Need[]> {
  const [{ policyFor }, { namesFor }] = await Promise.all([
    import('../../rotation/schedule/role.ts'),
    import('../../rotation/schedule/names.ts'),
  ]);
  const [secret] = scope.secrets;
  if (secret === undefined) throw new JamfMcpError('INPUT_MISSING', 'no secret was named', 'pass --secret NAME');
  const { partition, region, account, cluster, rotator } = scope;
  const names = namesFor(region, /:secret:(.+)-.{6}$/s.exec(name)?.[1] ?? name);
  const arn = (kind: string, rest: string) => `arn:${partition}:${kind}:${region}:${account}:${rest}`;
  const { Statement } = policyFor({
    secret,
    rotator,
    service: arn('ecs', `service/${cluster}/${service}`),
    logGroup: arn('logs', `log-group:${names.logGroup}`),
    queue: arn('sqs', names.queue),
  });
  return needsFrom(Statement);
}

/** What a task definition needs of the role that is meant. */
async function ofTask(
  familyOrArn: string,
  { purpose, aws }: { purpose: Purpose; aws: AwsSettings },
  context: Context,
): Promise<{ title: string; needs: readonly Need[]; more: readonly string[] }> {
  if (purpose !== 'execution-role' && purpose !== 'task-role') {
    throw new JamfMcpError(
      'USAGE',
      `a task definition has no ${purpose}`,
      'pass --for execution-role or --for task-role',
    );
  }
  const [{ withClients }, { taskDefinitionFrom }, { readFacts }, { needsOf }] = await Promise.all([
    import('../live/clients.ts'),
    import('../live/read.ts'),
    import('../live/facts.ts'),
    import('../join.ts'),
  ]);
  const { definition, facts } = await withClients(aws, context, async (clients) => {
    const read = await taskDefinitionFrom(clients, familyOrArn);
    return { ...read, facts: await readFacts(clients, read.definition) };
  });
  const needs = needsOf(definition, facts);
  const of = `task definition ${definition.family ?? ''}:${String(definition.revision ?? '')}`;
  const execution = purpose === 'execution-role';
  return {
    title: `the ${execution ? 'execution' : 'task'} role of ${of}`,
    needs: execution ? needs.execution : needs.task,
    more: [
      ...facts.unread,
      ...(execution
        ? []
        : [`a task definition does not tell which services the program itself calls: see --from-audit`]),
    ],
  };
}
