/** Whether a policy may be put on a role: what it changes, and what speaks against it. */
import { JamfMcpError } from '../errors.ts';
import type { Target } from './apply-target.ts';
import type { Catalogue } from './catalogue.ts';
import { evaluate } from './evaluate.ts';
import { reaches, type Finding } from './finding.ts';
import { gains } from './fix/access.ts';
import { requestOf } from './generate/prove.ts';
import { needsOf } from './join.ts';
import type { Clients } from './live/clients.ts';
import { readFacts } from './live/facts.ts';
import { taskDefinitionFrom } from './live/read.ts';
import type { LiveRole } from './live/role.ts';
import type { Need } from './need.ts';
import { readDocument } from './parse.ts';
import type { Policy } from './policy.ts';
import type { Source } from './source.ts';
import { isScalar, type Node } from './tree.ts';
import { checkDocument, findingsOf } from './validate.ts';

/** A right that comes or goes. */
export interface ChangedRight {
  action: string;
  resource: string;
}

/** What a new policy changes. */
export interface Change {
  /** What the role is allowed then and cannot be shown to be allowed now; where a Deny goes, what it denied. */
  gains: ChangedRight[];
  /** What it is allowed now and cannot be shown to be allowed then. */
  losses: ChangedRight[];
  findings: Finding[];
  /** Rights that the task definition needs of the role, all of which it has then; null where none was looked at. */
  needed: number | null;
}

interface Judged {
  change: Change;
  /** The document as it is put: indented JSON, as policies of the account are shown. */
  text: string;
}

interface Wanted {
  clients: Clients;
  role: LiveRole;
  target: Target;
  source: Source;
  taskDefinition: string | null;
}

/**
 * Judge.
 * @throws JamfMcpError INPUT_INVALID for what may not be put
 */
export async function judgeChange(wanted: Wanted, catalogue: Catalogue): Promise<Judged> {
  const { role, target, source } = wanted;
  const { policy, findings } = await soundPolicy(source, catalogue);
  const others = (await Promise.all(role.policies.filter((one) => isOther(one, target)).map(readIdentity))).flat();
  const old = target.before === null ? [] : await readIdentity({ source: { name: target.name, text: target.before } });
  const single = (key: string) => catalogue.key(key)?.multivalued === false;
  const rights = (found: ReturnType<typeof gains>): ChangedRight[] =>
    found.map(({ action, resource }) => ({ action, resource }));
  const change = {
    gains: rights(gains([...others, ...old], policy, single)),
    losses: old.flatMap((one) => rights(gains([...others, policy], one, single))),
    findings,
    needed: await stillServed(wanted, [...others, policy]),
  };
  return { change, text: JSON.stringify(plain(policy.node), null, 2) };
}

/** A node as JSON has it; numbers and booleans of conditions as texts, as IAM keeps them. */
function plain(node: Node): unknown {
  if (isScalar(node)) return node.kind === 'null' ? null : node.text;
  if (node.kind === 'array') return node.items.map(plain);
  return Object.fromEntries(node.entries.map(({ key, value }) => [key, plain(value)]));
}

const isOther = ({ kind, name }: LiveRole['policies'][number], target: Target): boolean =>
  (kind === 'inline' || kind === 'managed') && !(kind === target.kind && name === target.name);

const readIdentity = async ({ source }: { source: Source }): Promise<readonly Policy[]> =>
  (await readDocument(source, { type: 'identity', format: 'json' })).policies;

/** The one policy of a file, where nothing speaks against it. */
async function soundPolicy(source: Source, catalogue: Catalogue): Promise<{ policy: Policy; findings: Finding[] }> {
  const document = await readDocument(source, { type: 'identity' });
  const findings = findingsOf(document, checkDocument(document, catalogue));
  const refuse = (what: string, hint: string) => new JamfMcpError('INPUT_INVALID', `${source.name}: ${what}`, hint);
  const [wrong] = findings.filter(({ kind }) => kind === 'error');
  const [policy, ...more] = document.policies;
  if (wrong)
    throw refuse(`line ${String(wrong.line)}: ${wrong.message}`, 'correct it: `jamf-mcp iam validate` tells all');
  if (policy === undefined || more.length > 0 || policy.origin.template) {
    throw refuse('it is not one policy by itself', 'put the policy that is meant into a file of its own');
  }
  const [grave] = findings.filter(({ severity }) => reaches([{ severity }], 'high'));
  if (grave) {
    throw refuse(
      `${grave.severity}, line ${String(grave.line)}: ${grave.message}`,
      `${grave.fix} \`jamf-mcp iam validate\` tells all`,
    );
  }
  return { policy, findings };
}

/** That the role goes on allowing what its task needs. @returns how many rights that are */
async function stillServed(
  { clients, role, taskDefinition }: Wanted,
  policies: readonly Policy[],
): Promise<number | null> {
  if (taskDefinition === null) return null;
  const { definition } = await taskDefinitionFrom(clients, taskDefinition);
  const { execution, task } = needsOf(definition, await readFacts(clients, definition));
  const needs: Need[] = [
    ...(definition.executionRoleArn === role.arn ? execution : []),
    ...(definition.taskRoleArn === role.arn ? task : []),
  ];
  if (definition.executionRoleArn !== role.arn && definition.taskRoleArn !== role.arn) {
    throw new JamfMcpError(
      'INPUT_INVALID',
      `the task definition ${taskDefinition} does not have the role ${role.name}`,
      `its roles are ${[definition.executionRoleArn, definition.taskRoleArn].filter(Boolean).join(' and ') || 'none'}`,
    );
  }
  const lost = needs.find(
    (need) => evaluate(requestOf(need, role.account), { identity: policies }).verdict !== 'allow',
  );
  if (lost === undefined) return needs.length;
  throw new JamfMcpError(
    'INPUT_INVALID',
    `${lost.why}: with this policy the role ${role.name} may not ${lost.action} on ${lost.resource}`,
    lost.without === null ? 'add the right' : `the task would not start: ${lost.without}`,
  );
}
