/**
 * The join: a task definition, its two roles, and what lies between. Says which rights are missing, with the reason
 * that ECS would give; which are more than is needed; and which the other role should have.
 */
import { parseValueFrom } from '../ecs/value-from.ts';
import type { Catalogue } from './catalogue.ts';
import { problem, type Place, type Problem, type Severity } from './finding.ts';
import { policyOf, type PolicyDocument } from './generate/policy.ts';
import { excessOf, misplacedIn, type Excess } from './join-excess.ts';
import { unusableText, type TaskFacts } from './join-facts.ts';
import { judgeNeeds, resourcePolicies, tasksMayAssume, type Judged, type JudgedNeed } from './join-judge.ts';
import type { RoleDocuments } from './join-roles.ts';
import { DEPENDS, MISSING_RIGHT, SAME_ROLE, UNUSABLE_ROLE, UNUSABLE_SECRET } from './join-rules.ts';
import { secretDeleted, secretMissing, roleUnassumable } from './join-texts.ts';
import { needsOf, roleName, type TaskNeed, type TaskNeeds } from './join.ts';
import type { LiveTaskDefinition } from './live/read.ts';
import { parseJson } from './parse-json.ts';
import { listed } from './rules/check.ts';
import type { Document } from './source.ts';
import { entryOf, type Node, type Path } from './tree.ts';

/** What one of the two roles has to do with a task definition. */
export interface TaskRole {
  use: 'execution' | 'task';
  /** Null: the task definition names none. */
  arn: string | null;
  needs: JudgedNeed[];
  /** Rights beyond need. What a program itself calls is in no task definition, so the task role has none here. */
  excess: Excess[];
  /** The policy that allows what is needed and nothing else; null where nothing is needed. */
  policy: PolicyDocument | null;
}

/** A task definition and its roles. */
export interface TaskJoin {
  /** ARN. */
  taskDefinition: string;
  roles: TaskRole[];
}

/** What is joined. */
export interface JoinInput {
  live: LiveTaskDefinition;
  facts: TaskFacts;
  /** The roles by ARN; null: there is no such role. */
  roles: ReadonlyMap<string, RoleDocuments | null>;
}

/** A finding to be, with the document that it stands in. */
export interface Located {
  document: Document;
  problem: Problem;
}

/** What came of it. */
export interface Joined {
  join: TaskJoin;
  problems: Located[];
}

/** What every part of the join works with. */
interface Joining extends JoinInput {
  /** The task definition as a document, to point into. */
  document: Document;
  place: (path: Path) => Place;
  /** `family:revision` */
  task: string;
  needs: TaskNeeds;
  /** Null where it is not named, or not there. */
  role: (use: TaskRole['use']) => RoleDocuments | null;
}

/** Join a task definition with its roles. */
export async function joinTask(input: JoinInput, catalogue: Catalogue): Promise<Joined> {
  const joining = prepare(input);
  const { definition } = input.live;
  const policies = await resourcePolicies(input.facts);
  const [execution, program] = [joining.role('execution'), joining.role('task')];
  const judged = {
    execution: judgeNeeds(joining.needs.execution, execution, policies, input.facts.keys),
    task: judgeNeeds(joining.needs.task, program, policies, input.facts.keys),
  };
  const elsewhere = new Set(
    judgeNeeds(joining.needs.execution, program, policies)
      .filter(({ verdict }) => program !== null && verdict === 'allowed')
      .map(rightOf),
  );
  const one = execution !== null && execution === program;
  // What one role for both has beyond ECS's needs may be for the program.
  const beyond = execution && !one ? excessOf(execution, joining.needs.execution, joining.task, catalogue) : null;
  const at = (problems: readonly Problem[]) => problems.map((one) => ({ document: joining.document, problem: one }));
  return {
    join: {
      taskDefinition: definition.taskDefinitionArn ?? joining.task,
      roles: [
        view(
          'execution',
          definition.executionRoleArn,
          judged.execution,
          beyond?.excess ?? [],
          joining.needs.execution,
          catalogue,
        ),
        view('task', definition.taskRoleArn, judged.task, [], joining.needs.task, catalogue),
      ],
    },
    problems: [
      ...at(roleProblems(joining)),
      ...at(referenceProblems(joining)),
      ...at(missingProblems(joining, 'execution', judged.execution, elsewhere)),
      ...at(missingProblems(joining, 'task', judged.task, new Set())),
      ...(beyond?.problems ?? []),
      ...(program && !one ? misplacedIn(program, joining.needs.execution, joining.needs.task) : []),
    ],
  };
}

function prepare(input: JoinInput): Joining {
  const { source, definition } = input.live;
  const { root } = parseJson(source.text);
  const arnOf = { execution: definition.executionRoleArn, task: definition.taskRoleArn };
  return {
    ...input,
    document: { source, format: 'json', policies: [], problems: [] },
    place: (path) => placeIn(root, path),
    task: `${definition.family ?? ''}:${String(definition.revision ?? 0)}`,
    needs: needsOf(definition, input.facts),
    role: (use) => input.roles.get(arnOf[use] ?? '') ?? null,
  };
}

/** Where a path leads; as far as it goes. */
function placeIn(root: Node | null, path: Path): Place {
  let node: Node | null = root;
  for (const step of path) {
    const next: Node | null =
      node?.kind === 'array' && typeof step === 'number'
        ? (node.items[step] ?? null)
        : node?.kind === 'object' && typeof step === 'string'
          ? (entryOf(node, step)?.value ?? null)
          : null;
    if (next === null) break;
    node = next;
  }
  return { path, range: node?.range ?? { start: 0, end: 0 } };
}

const rightOf = ({ action, resource }: Judged): string => `${action} ${resource}`;

function view(
  use: TaskRole['use'],
  arn: string | undefined,
  judged: readonly Judged[],
  excess: Excess[],
  needs: readonly TaskNeed[],
  catalogue: Catalogue,
): TaskRole {
  return {
    use,
    arn: arn ?? null,
    needs: judged.map(({ action, resource, why, verdict, keys, by, without }) => ({
      action,
      resource,
      why,
      verdict,
      keys,
      by,
      without,
    })),
    excess,
    policy: needs.length === 0 ? null : policyOf(needs, catalogue),
  };
}

/** Roles that are not there, that ECS may not be, or that are one and the same. */
function roleProblems(joining: Joining): Problem[] {
  const { executionRoleArn, taskRoleArn } = joining.live.definition;
  const found: Problem[] = [];
  for (const [member, arn] of Object.entries({ executionRoleArn, taskRoleArn })) {
    if (arn === undefined) continue;
    const place = joining.place([member]);
    const role = joining.roles.get(arn);
    if (role === null) {
      const message = `there is no role ${roleName(arn)}, so ${joining.task} does not start: ${roleUnassumable(arn)}`;
      found.push(problem(UNUSABLE_ROLE, place, message, { fix: 'Make the role, or name another.' }));
    }
    const decision = role && tasksMayAssume(role, joining.facts);
    if (decision && decision.verdict !== 'allow') {
      const message = `the role ${roleName(arn)} does not let ECS tasks assume it, so ${joining.task} does not start: ${roleUnassumable(arn)}`;
      found.push(problem(UNUSABLE_ROLE, place, message));
    }
  }
  if (executionRoleArn !== undefined && executionRoleArn === taskRoleArn) {
    const message = `${roleName(taskRoleArn)} is both execution and task role of ${joining.task}`;
    found.push(problem(SAME_ROLE, joining.place(['taskRoleArn']), message));
  }
  if (executionRoleArn === undefined && joining.needs.execution.length > 0) {
    const message = `${joining.task} names no execution role, and needs one: ${listed([...new Set(joining.needs.execution.map(({ action }) => action))])}`;
    found.push(problem(UNUSABLE_ROLE, joining.place([]), message, { fix: 'Name an execution role that may do that.' }));
  }
  return found;
}

/** Secrets that are not there, labels that no version has, keys that cannot be used. */
function referenceProblems({ live, facts, place, needs }: Joining): Problem[] {
  const { containerDefinitions = [] } = live.definition;
  const references = containerDefinitions.flatMap(({ secrets = [] }, container) =>
    secrets.map(({ valueFrom = '' }, index) => ({
      valueFrom,
      at: ['containerDefinitions', container, 'secrets', index, 'valueFrom'] as Path,
    })),
  );
  const read = new Set(needs.execution.map(({ at }) => JSON.stringify(at)));
  const found = references.flatMap(({ valueFrom, at }) => {
    const trouble = read.has(JSON.stringify(at)) ? troubleWith(valueFrom, facts) : malformed(valueFrom);
    return trouble === null ? [] : [{ trouble, place: place(at) }];
  });
  // Eight fields of one missing secret are one finding.
  return [...Map.groupBy(found, ({ trouble }) => trouble.message).values()].flatMap(([first, ...others]) =>
    first
      ? [
          problem(UNUSABLE_SECRET, first.place, first.trouble.message, {
            also: others.map((other) => other.place),
            fix: first.trouble.fix,
          }),
        ]
      : [],
  );
}

interface Trouble {
  message: string;
  fix: string;
}

const malformed = (valueFrom: string): Trouble => ({
  message: `trying to retrieve secret with value ${valueFrom} resulted in error: an invalid ARN format for the AWS Secrets Manager secret was specified. Specify a valid ARN and try again.`,
  fix: 'Write the full ARN of the secret, then nothing or exactly `:key:stage:version`; empty parts keep their colons.',
});

function troubleWith(valueFrom: string, facts: TaskFacts): Trouble | null {
  const reference = parseValueFrom(valueFrom);
  if (!reference) return null;
  const { secretArn, stage, versionId } = reference;
  const secret = facts.secrets[secretArn];
  if (secret === undefined) return null;
  const fix = 'Take the ARN from `jamf-mcp secrets show`, and register the task definition anew.';
  if (secret === null) return { message: `there is no secret ${secretArn}: ${secretMissing(secretArn)}`, fix };
  if (secret.deleted) {
    const message = `the secret ${secret.name} is scheduled for deletion: ${secretDeleted(secretArn)}`;
    return { message, fix: 'Take it back with `jamf-mcp secrets restore`, or name another.' };
  }
  const labels = Object.entries(secret.stages);
  const wanted = stage ?? (versionId === null ? 'AWSCURRENT' : null);
  const has = labels.some(
    ([version, stages]) =>
      (versionId === null || version === versionId) && (wanted === null || stages.includes(wanted)),
  );
  if (labels.length > 0 && !has) {
    const what = [versionId, wanted].filter((part) => part !== null).join(' with ');
    return { message: `${secret.name} has no version ${what}: ${secretMissing(secretArn)}`, fix };
  }
  const key = secret.key === null ? undefined : facts.keys[secret.key];
  const unusable = key === undefined ? null : unusableText(secret.key ?? '', key);
  if (unusable !== null) {
    return {
      message: `${unusable}: the value of ${secret.name} cannot be decrypted`,
      fix: 'Enable the key, or give the secret another and a new version.',
    };
  }
  return null;
}

/** Where nobody knows what ECS would say, the severity is of a program that fails, not of a task that does not start. */
const severityOf = ({ without }: Judged): Severity => (without === null ? 'medium' : 'high');

function missingProblems(
  joining: Joining,
  use: TaskRole['use'],
  judged: readonly Judged[],
  elsewhere: ReadonlySet<string>,
): Problem[] {
  const { definition } = joining.live;
  const arn = use === 'execution' ? definition.executionRoleArn : definition.taskRoleArn;
  // That there is no role is told once, not for each of its rights.
  if (joining.role(use) === null && (use === 'execution' || arn !== undefined)) return [];
  const who = arn === undefined ? `no ${use} role` : `the ${use} role ${roleName(arn)}`;
  return judged.flatMap((need) => {
    const { verdict, action, resource, why, without, keys, at, by } = need;
    const [first = [], ...others] = at;
    const also = others.map(joining.place);
    if (verdict === 'allowed') return [];
    if (verdict === 'depends') {
      const message = `whether ${who} has ${action} on ${resource} hangs on ${listed(keys)} (${listed(why, 1)})`;
      return [problem(DEPENDS, joining.place(first), message, { also })];
    }
    const verb = arn === undefined ? 'has' : 'lacks';
    const refused = verdict === 'denied' ? `is denied ${action}, by ${listed(by, 2)},` : `${verb} ${action}`;
    const reason = without === null ? '' : `: the task does not start: ${without}`;
    const message = `${who} ${refused} on ${resource} (${listed(why, 1)})${reason}`;
    const other = elsewhere.has(rightOf(need))
      ? `Give it to the execution role: the task role ${roleName(definition.taskRoleArn)} has it, but ECS acts under the execution role.`
      : null;
    const fix = other ?? (verdict === 'denied' ? 'Take the Deny back for this role.' : fixFor(need, who));
    return [problem(MISSING_RIGHT, joining.place(first), message, { severity: severityOf(need), also, fix })];
  });
}

const fixFor = ({ action, resource }: Judged, who: string): string =>
  `Allow ${action} on ${resource} to ${who.startsWith('no ') ? 'a task role' : who}.`;
