/** `iam validate` of what is in the account: roles, the policies of secrets and keys, task definitions with their roles. */
import type { AwsSettings } from '../../aws.ts';
import type { Context } from '../../host.ts';
import type { Catalogue } from '../catalogue.ts';
import { SEVERITIES, tally, type Finding, type Problem } from '../finding.ts';
import { joinTask, type Located, type TaskJoin } from '../join-check.ts';
import { documentsOf, type RoleDocuments } from '../join-roles.ts';
import { readDocument } from '../parse.ts';
import type { PolicyType } from '../policy.ts';
import type { Document, Source } from '../source.ts';
import { checkDocument, findingsOf, inputsOf, type Input, type ValidateResult } from '../validate.ts';
import { accountFrom } from './account.ts';
import { orMissingRole, orWithout, withClients, type Clients } from './clients.ts';
import { readFacts } from './facts.ts';
import { policiesOfSecrets } from './policies.ts';
import { roleFrom, taskDefinitionFrom } from './read.ts';
import { escalationsOf, unusedRole } from './together.ts';
import { servicesUsed, unusedRights } from './usage.ts';

/** What of the account to look at. */
export interface Selection {
  /** Names or ARNs. */
  roles: readonly string[];
  /** Families, `family:revision`, or ARNs. */
  taskDefinitions: readonly string[];
  /** Names or ARNs: their resource policies, and those of their keys. */
  secrets: readonly string[];
  /** Every role, user and secret there is. */
  all: boolean;
}

/** A validation, and what it was made of: SARIF needs the lines. */
export interface LiveValidation {
  result: ValidateResult;
  sources: Source[];
}

/** What is collected: each document once, whoever refers to it. */
interface Collected {
  catalogue: Catalogue;
  context: Context;
  clients: Clients;
  documents: Map<string, { document: Document; problems: Problem[] }>;
  tasks: TaskJoin[];
  unread: Set<string>;
}

/**
 * Validate what is in the account.
 * @throws JamfMcpError NOT_FOUND for a name that is not there, ACCESS_DENIED where what was asked for may not be read
 */
export function validateLive(
  selection: Selection,
  aws: AwsSettings,
  catalogue: Catalogue,
  context: Context,
): Promise<LiveValidation> {
  return withClients(aws, context, async (clients) => {
    const collected: Collected = {
      catalogue,
      context,
      clients,
      documents: new Map(),
      tasks: [],
      unread: new Set(),
    };
    const account = selection.all ? await accountFrom(clients) : { roles: [], users: [] };
    for (const principal of [...account.roles, ...account.users]) addPrincipal(collected, await documentsOf(principal));
    for (const name of selection.roles) {
      await addNamed(collected, await documentsOf(await roleFrom(clients, name)));
    }
    for (const name of selection.taskDefinitions) await addTask(collected, name);
    for (const { source, type } of await policiesOfSecrets(clients, selection, collected.unread)) {
      await addSource(collected, source, type);
    }
    return finish(collected);
  });
}

/** Take a document in, judged by every rule; AWS's own policies are judged for what they grant, not for how they are written. */
function addDocument({ documents, catalogue }: Collected, document: Document): Problem[] {
  const known = documents.get(document.source.name);
  if (known) return known.problems;
  const problems = checkDocument(document, catalogue).filter(
    ({ rule }) => rule.kind === 'security' || !document.source.name.startsWith('aws/aws/'),
  );
  documents.set(document.source.name, { document, problems });
  return problems;
}

async function addSource(collected: Collected, source: Source, type: PolicyType): Promise<void> {
  addDocument(collected, await readDocument(source, { type }));
}

function addPrincipal(collected: Collected, principal: RoleDocuments): Located[] {
  for (const { document } of principal.documents) addDocument(collected, document);
  addAll(collected, escalationsOf(principal, collected.catalogue));
  const unused = unusedRole(principal, collected.context.clock.now());
  addAll(collected, unused);
  return unused;
}

/** A principal that was named: IAM is asked what it has used as well, which takes seconds for each. */
async function addNamed(collected: Collected, principal: RoleDocuments): Promise<void> {
  const { clients, context, unread } = collected;
  if (addPrincipal(collected, principal).length > 0) return;
  const used = await orWithout(servicesUsed(clients, principal.role.arn, context), ({ message }) => {
    unread.add(`which services a role has used: ${message}`);
  });
  if (used) addAll(collected, unusedRights(principal, used, context.clock.now()));
}

/** Findings over several documents; one that a document has already is not told again. */
function addAll(collected: Collected, located: readonly Located[]): void {
  for (const { document, problem } of located) {
    const problems = addDocument(collected, document);
    const same = ({ rule, at }: Problem) => rule.id === problem.rule.id && at.range.start === problem.at.range.start;
    const known = problems.findIndex(same);
    if (known < 0) problems.push(problem);
    else if (worse(problem, problems[known])) problems[known] = problem;
  }
}

const worse = (a: Problem, b: Problem | undefined): boolean =>
  b === undefined || SEVERITIES.indexOf(a.severity) < SEVERITIES.indexOf(b.severity);

async function addTask(collected: Collected, name: string): Promise<void> {
  const { clients, catalogue } = collected;
  const live = await taskDefinitionFrom(clients, name);
  const { executionRoleArn, taskRoleArn } = live.definition;
  const arns = [...new Set([executionRoleArn, taskRoleArn])].filter((arn) => arn !== undefined);
  const read = arns.map(async (arn): Promise<[string, RoleDocuments | null]> => {
    const role = await orMissingRole(roleFrom(clients, arn));
    return [arn, role && (await documentsOf(role))];
  });
  const [facts, roles] = await Promise.all([readFacts(clients, live.definition), Promise.all(read)]);
  // Its own findings are the first that are told.
  collected.documents.set(live.source.name, {
    document: { source: live.source, format: 'json', policies: [], problems: [] },
    problems: [],
  });
  await Promise.all(roles.flatMap(([, role]) => (role ? [addNamed(collected, role)] : [])));
  for (const secret of Object.values(facts.secrets)) {
    if (secret?.policy) await addSource(collected, secret.policy, 'resource');
  }
  for (const key of Object.values(facts.keys)) if (key?.policy) await addSource(collected, key.policy, 'kms');
  for (const one of facts.unread) collected.unread.add(one);
  const { join, problems } = await joinTask({ live, facts, roles: new Map(roles) }, catalogue);
  collected.tasks.push(join);
  for (const { document, problem } of problems) addDocument(collected, document).push(problem);
}

function finish({ documents, tasks, unread, catalogue }: Collected): LiveValidation {
  const all = [...documents.values()];
  const inputs: Input[] = all.flatMap(({ document }) => inputsOf(document));
  const findings: Finding[] = all.flatMap(({ document, problems }) => findingsOf(document, problems));
  return {
    result: { inputs, findings, summary: tally(findings), dataDate: catalogue.date, tasks, unread: [...unread] },
    sources: all.map(({ document }) => document.source),
  };
}

/** Two validations in one. */
export function joined(a: ValidateResult, b: ValidateResult): ValidateResult {
  const findings = [...a.findings, ...b.findings];
  return {
    inputs: [...a.inputs, ...b.inputs],
    findings,
    summary: tally(findings),
    dataDate: a.dataDate,
    tasks: [...a.tasks, ...b.tasks],
    unread: [...a.unread, ...b.unread],
  };
}
