/** Repairs of what a policy allows: to secrets, to keys, to services, and down to what is needed. */
import { arnMatches, arnParts } from '../arn.ts';
import { globMatches, isGlob } from '../glob.ts';
import type { Need } from '../need.ts';
import type { Policy, Statement } from '../policy.ts';
import { names } from '../reach.ts';
import { entryOf } from '../tree.ts';
import { addItem, nodeAt, removeItem, replaceScalar, replaceValue, scalarAt, type Edit, type Value } from './edit.ts';
import { addCondition, forSecret, rawItem, rawStatement, SUFFIX, type Repair } from './site.ts';

const secretSuffix: Repair = ({ file, root, statement, problem }) => {
  if (statement?.effect === 'Deny') return 'a Deny that matched nothing would begin to deny';
  const node = scalarAt(root, problem.at.range);
  if (!node || node.text.endsWith('}')) return 'the name is filled in at deployment';
  const text = `${node.text}${SUFFIX}`;
  return { edits: [replaceScalar(file, node, text)], what: `end the ARN in ${SUFFIX}` };
};

const secretStar =
  (guess: boolean): Repair =>
  ({ file, root, problem }) => {
    const node = scalarAt(root, problem.at.range);
    if (!node) return null;
    const text = node.text.replace(/-?\*+$/, SUFFIX);
    return {
      edits: [replaceScalar(file, node, text)],
      what: `end the ARN in ${SUFFIX} in the place of the star`,
      guess,
    };
  };

/** Services whose own reads do not go through a customer's key, beside Secrets Manager. */
const KEYLESS: ReadonlySet<string> = new Set([
  'secretsmanager',
  'kms',
  'ecr',
  'sts',
  'iam',
  'cloudwatch',
  'ssmmessages',
  'ecs',
]);

const viaSecrets: Repair = (site) => {
  const { policy, statement, needs } = site;
  if (!policy || !statement?.actions) return null;
  const other = policy.statements
    .flatMap(({ effect, actions }) => (effect === 'Allow' ? (actions?.values ?? []) : []))
    .find(({ text }) => !KEYLESS.has(text.slice(0, text.indexOf(':')).toLowerCase()));
  if (other && needs === null) return `the key may be meant for ${other.text} too`;
  if (!policy.statements.some((one) => one.effect === 'Allow' && names(one, 'secretsmanager:GetSecretValue'))) {
    return 'no statement here reads a secret, so the service that the key is for cannot be told';
  }
  if (!statement.actions.values.every(({ text }) => /^kms:(?:Decrypt|GenerateDataKey)$/i.test(text))) {
    return 'the statement has actions that are not called through the service';
  }
  const regions = new Set((statement.resources?.values ?? []).map(({ text }) => arnParts(text)?.[2] ?? '*'));
  const [region] = regions;
  if (regions.size !== 1 || region === undefined || !/^[a-z]{2}[a-z0-9-]+-\d$/.test(region)) {
    return 'the Region of the key is not written out';
  }
  const service = `secretsmanager.${region}.amazonaws.com`;
  return {
    edits: [addCondition(site, 'StringEquals', 'kms:ViaService', service)],
    what: `demand kms:ViaService ${service}`,
  };
};

const sourceAccount: Repair = (site) => {
  const account = site.account ?? ownerOf(site.policy);
  if (account === null) return 'the account that the service acts for is not known';
  return {
    edits: [addCondition(site, 'StringEquals', 'aws:SourceAccount', account)],
    what: `demand aws:SourceAccount ${account}`,
  };
};

/** The account of the resources that a policy names, where it is one. */
function ownerOf(policy: Policy | null): string | null {
  const accounts = new Set(
    (policy?.statements ?? [])
      .flatMap(({ resources }) => resources?.values ?? [])
      .map(({ text }) => arnParts(text)?.[3] ?? '')
      .filter((account) => /^\d{12}$/.test(account)),
  );
  const [only] = accounts;
  return accounts.size === 1 ? (only ?? null) : null;
}

const severalActions: Repair = ({ file, root, statement, problem }) => {
  const text = scalarAt(root, problem.at.range)?.text;
  if (text === undefined || !statement?.actions) return null;
  const actions = text.split(',').map((part) => part.trim());
  if (!actions.every((action) => /^[\w-]+:[\w*?]+$/.test(action))) return null;
  const found = rawItem(root, statement.actions.range, problem.at.range);
  const texts = actions.map((action) => JSON.stringify(action));
  const range = problem.at.range;
  if (!found)
    return { edits: [{ range, text: `[${texts.join(', ')}]` }], what: 'write one string for each action', guess: true };
  const edits = [
    replaceScalar(file, { range }, actions[0] ?? ''),
    ...actions.slice(1).map((action) => addItem(file, found.list, found.item, action)),
  ];
  return { edits: [joined(edits)], what: 'write one string for each action', guess: true };
};

/** Insertions at one place, as one, behind the first edit. */
function joined(edits: readonly (Edit | null)[]): Edit | null {
  const [first] = edits;
  const last = edits.at(-1);
  if (!first || !last || edits.includes(null)) return null;
  return {
    range: { start: first.range.start, end: last.range.end },
    text: edits.map((edit) => edit?.text ?? '').join(''),
  };
}

const meantAction: Repair = ({ file, root, problem }) => {
  const meant = /^Write ([\w-]+:\w+), if/.exec(problem.fix ?? '')?.[1];
  const node = scalarAt(root, problem.at.range);
  if (meant === undefined || !node) return null;
  return { edits: [replaceScalar(file, node, meant)], what: `write ${meant}`, guess: true };
};

/** An action that takes no resource gets a statement of its own. */
const ownStatement: Repair = ({ file, root, policy, statement, problem }) => {
  const policyNode = policy && nodeAt(root, policy.range);
  const all = policyNode?.kind === 'object' ? entryOf(policyNode, 'Statement')?.value : null;
  const action = scalarAt(root, problem.at.range)?.text;
  if (!statement?.actions || all?.kind !== 'array' || action === undefined) return null;
  const found = rawItem(root, statement.actions.range, problem.at.range);
  const here = all.items.find(({ range }) => range.start === statement.range.start);
  if (!found || !here || found.list.items.length < 2) return null;
  const value: Value = { Effect: statement.effect ?? 'Allow', Action: action, Resource: '*' };
  return {
    edits: [removeItem(file, found.list, found.item), addItem(file, all, here, value)],
    what: `give ${action} a statement of its own with Resource "*"`,
    guess: true,
  };
};

/** Down to what is needed: the actions and resources of the needs that the statement serves. */
const toNeeds: Repair = (site) => {
  const { file, statement, needs, catalogue } = site;
  if (needs === null) return 'what is needed is not known';
  if (!statement?.actions || statement.actions.not || !statement.resources || statement.resources.not) {
    return 'what is left out is not what is needed: list what is allowed';
  }
  const served = needs.filter((need) => serves(statement, need));
  if (served.length === 0) return 'nothing that is needed comes from this statement';
  const takesNone = (need: Need) => catalogue.actions(need.action).every(({ resources }) => resources.length === 0);
  if (served.some(takesNone) && !served.every(takesNone))
    return 'some of what is needed takes no resource: it wants two statements';
  const actions = [...new Set(served.map(({ action }) => action))].sort();
  const resources = served.every(takesNone)
    ? ['*']
    : [...new Set(served.map(({ resource }) => forSecret(resource)))].sort();
  // Every action would be allowed on every resource.
  const services = new Set(actions.map((action) => action.slice(0, action.indexOf(':'))));
  if (services.size > 1 && resources.length > 1)
    return 'what is needed is of several services: it wants several statements';
  const node = rawStatement(site);
  if (!node) return null;
  const edits: Edit[] = [];
  const put = (name: string, old: Statement['actions'], now: readonly string[]) => {
    const entry = entryOf(node, name);
    const same =
      old?.values.length === now.length &&
      old.values.every(({ text }) => now.some((one) => one.toLowerCase() === text.toLowerCase()));
    if (!entry || same) return;
    edits.push(replaceValue(file, entry.value, now));
  };
  put('Action', statement.actions, actions);
  // Resources that are named already stay as they are written.
  if (statement.resources.values.some(({ text }) => isGlob(text) && !text.endsWith(SUFFIX)))
    put('Resource', statement.resources, resources);
  return edits.length === 0 ? null : { edits, what: `allow what is needed alone: ${actions.join(', ')}` };
};

function serves({ effect, actions, resources }: Statement, { action, resource }: Need): boolean {
  return (
    effect === 'Allow' &&
    (actions?.values.some(({ text }) => globMatches(text.toLowerCase(), action.toLowerCase())) ?? false) &&
    (resources?.values.some(({ text }) => arnMatches(text, resource)) ?? false)
  );
}

/** Repairs of this file, by rule. */
export const RIGHTS_REPAIRS: Readonly<Record<string, Repair>> = {
  'secret-without-suffix': secretSuffix,
  'secret-pattern-dash-star': secretStar(false),
  'secret-pattern-too-broad': secretStar(true),
  'decrypt-not-via-service': viaSecrets,
  'confused-deputy': sourceAccount,
  'several-actions-in-one': severalActions,
  'unknown-action': meantAction,
  'action-needs-all-resources': ownStatement,
  'full-administrator': toNeeds,
  'all-actions': toNeeds,
  'service-wildcard': toNeeds,
  'all-resources': toNeeds,
  'effectively-all-resources': toNeeds,
  'sensitive-read-unbound': toNeeds,
  'decrypt-unbound': toNeeds,
  'pass-role-unbound': toNeeds,
};
