/** What a role may do beyond what a task definition needs. */
import { arnContains, arnMatches } from './arn.ts';
import type { Catalogue } from './catalogue.ts';
import { problem, type Problem, type Severity } from './finding.ts';
import { globMatches, isGlob } from './glob.ts';
import type { TaskNeed } from './join.ts';
import { BROAD_RIGHT, UNUSED_RIGHT, WRONG_ROLE } from './join-rules.ts';
import type { RoleDocuments } from './join-roles.ts';
import type { Statement, Text } from './policy.ts';
import { hasDemand } from './reach.ts';
import { listed, quoted } from './rules/check.ts';
import type { Document } from './source.ts';

/** Rights beyond need, of one statement. */
export interface Excess {
  actions: string[];
  /** As the policy has it; null: all that the statement names. */
  resource: string | null;
  /** What is needed of it; empty where nothing is. */
  needed: string[];
  /** Address of the policy. */
  policy: string;
}

/** What was found in the policies of one role. */
export interface ExcessFound {
  excess: Excess[];
  problems: { document: Document; problem: Problem }[];
}

/** Rights that open what is kept secret. */
const SENSITIVE = /^(?:secretsmanager|kms|ssm):/i;

/** Conditions that name what may be touched, whatever Resource says. */
const BINDING =
  /^(?:[a-z-]+:ResourceTag\/.+|kms:EncryptionContext:SecretARN|kms:ResourceAliases|secretsmanager:(?:SecretId|resource\/.+))$/i;

/**
 * Compare the execution role with what is needed of it.
 * @param task - what to call the task definition: `family:revision`
 */
export function excessOf(
  { documents }: RoleDocuments,
  needs: readonly TaskNeed[],
  task: string,
  catalogue: Catalogue,
): ExcessFound {
  const found: ExcessFound = { excess: [], problems: [] };
  for (const { live, document } of documents) {
    if (live.kind !== 'inline' && live.kind !== 'managed') continue;
    // AWS's own policies are as broad as they are, for everybody.
    const least = live.name.includes(':iam::aws:') ? 'info' : null;
    for (const statement of document.policies.flatMap(({ statements }) => statements)) {
      const { actions, resources } = statement;
      // What all but some grants is a finding of its own.
      if (statement.effect !== 'Allow' || !actions || actions.not || !resources || resources.not) continue;
      const parts = { statement, actions: actions.values, resources: resources.values, needs, task, catalogue };
      for (const { problem: one, excess } of [...unneeded(parts), ...tooBroad(parts)]) {
        found.problems.push({ document, problem: { ...one, severity: least ?? one.severity } });
        found.excess.push({ ...excess, policy: document.source.name });
      }
    }
  }
  return found;
}

interface Parts {
  statement: Statement;
  actions: readonly Text[];
  resources: readonly Text[];
  needs: readonly TaskNeed[];
  task: string;
  catalogue: Catalogue;
}

interface One {
  problem: Problem;
  excess: Omit<Excess, 'policy'>;
}

const names = (action: Text, need: TaskNeed): boolean =>
  globMatches(action.text.toLowerCase(), need.action.toLowerCase());

const serves = (action: Text, resource: Text, need: TaskNeed): boolean =>
  names(action, need) && arnMatches(resource.text, need.resource);

const severityOf = (actions: readonly string[]): Severity =>
  actions.some((action) => SENSITIVE.test(action)) ? 'medium' : 'low';

/** Actions that no need has, and patterns that take in more than the needs have. */
function unneeded({ actions, resources, needs, task, catalogue }: Parts): One[] {
  const served = (action: Text) => needs.filter((need) => resources.some((resource) => serves(action, resource, need)));
  // What is needed of something else is told at the resource: taking it away would be the wrong way round.
  const idle = actions.filter((action) => !needs.some((need) => names(action, need)));
  const found: One[] = [];
  const [first, ...others] = idle;
  if (first) {
    const idleNames = idle.map(({ text }) => text);
    const ownKey = idleNames.every((name) => /^kms:/i.test(name))
      ? {
          fix: 'Take it away: a secret under the key aws/secretsmanager needs no right on it, and no other key is named.',
        }
      : {};
    found.push({
      problem: problem(
        UNUSED_RIGHT,
        first,
        `${listed(idleNames.map(quoted))}: nothing in ${task} needs ${idleNames.length === 1 ? 'it' : 'them'}`,
        {
          severity: severityOf(idleNames),
          also: others,
          ...ownKey,
        },
      ),
      excess: { actions: idleNames, resource: null, needed: [] },
    });
  }
  for (const action of actions) {
    const used = [...new Set(served(action).map((need) => need.action))];
    const all = isGlob(action.text) ? catalogue.actions(action.text).length : 1;
    if (used.length === 0 || all <= used.length) continue;
    found.push({
      problem: problem(
        UNUSED_RIGHT,
        action,
        `${quoted(action)} is ${String(all)} actions, of which ${task} needs ${String(used.length)}: ${listed(used)}`,
        { severity: severityOf([action.text]), fix: 'Name the actions that are needed.' },
      ),
      excess: { actions: [action.text], resource: null, needed: used },
    });
  }
  return found;
}

/** Resources that no need has, or that take in more than the needs have. */
function tooBroad({ statement, actions, resources, needs, task }: Parts): One[] {
  const bound = hasDemand(statement, BINDING);
  return resources.flatMap((resource): One[] => {
    const broad = actions.filter((action) => {
      const here = needs.filter((need) => serves(action, resource, need));
      if (here.length === 0) return needs.some((need) => names(action, need));
      return !bound && !here.some((need) => arnContains(roomFor(need.resource), resource.text));
    });
    if (broad.length === 0) return [];
    const broadNames = broad.map(({ text }) => text);
    const wanted = (one: (action: Text, need: TaskNeed) => boolean) => [
      ...new Set(needs.filter((need) => broad.some((action) => one(action, need))).map((need) => need.resource)),
    ];
    const needed = wanted((action, need) => serves(action, resource, need));
    const elsewhere = broad.some((action) =>
      needs.some((need) => resources.some((other) => serves(action, other, need))),
    );
    const message =
      needed.length === 0 && elsewhere
        ? `${quoted(resource)}: ${task} names nothing of it`
        : `${listed(broadNames.map(quoted))} on ${quoted(resource)}: ${task} needs ${broadNames.length === 1 ? 'it' : 'them'} on ${listed(needed.length === 0 ? wanted(names) : needed)}`;
    return [
      {
        problem: problem(BROAD_RIGHT, resource, message, { severity: severityOf(broadNames) }),
        excess: { actions: broadNames, resource: resource.text, needed },
      },
    ];
  });
}

/** What a policy may name instead of the thing itself: a secret made anew has another suffix, a log group has streams. */
function roomFor(resource: string): string {
  if (/^arn:[^:]*:secretsmanager:/.test(resource)) return resource.replace(/-[A-Za-z0-9]{6}$/, '-??????');
  const group = /^(arn:[^:]*:logs:[^:]*:[^:]*:log-group:[^:]+):/.exec(resource)?.[1];
  return group === undefined ? resource : `${group}:*`;
}

/** Rights of the task role that are of use to ECS alone, which acts under the other role. */
export function misplacedIn(
  { documents }: RoleDocuments,
  execution: readonly TaskNeed[],
  own: readonly TaskNeed[],
): ExcessFound['problems'] {
  return documents
    .filter(({ live }) => live.kind === 'inline' || live.kind === 'managed')
    .flatMap(({ document }) =>
      document.policies
        .flatMap(({ statements }) => statements)
        .filter(({ effect }) => effect === 'Allow')
        .flatMap(({ actions, resources }) => {
          if (!actions || actions.not || !resources || resources.not) return [];
          return actions.values.flatMap((action) => {
            const has = (needs: readonly TaskNeed[]) =>
              needs.find((need) => resources.values.some((resource) => serves(action, resource, need)));
            const need = has(execution);
            if (isGlob(action.text) || !need || has(own)) return [];
            return [{ document, problem: misplaced(action, need) }];
          });
        }),
    );
}

function misplaced(action: Text, { resource }: TaskNeed): Problem {
  if (!SENSITIVE.test(action.text)) {
    const message = `${quoted(action)} in the task role: ECS does that, under the execution role`;
    return problem(WRONG_ROLE, action, message, { fix: 'Take it away from the task role.' });
  }
  return problem(
    WRONG_ROLE,
    action,
    `${quoted(action)} in the task role: ECS injects ${resource} under the execution role, so the program can do without`,
    {
      severity: 'info',
      fix: 'Keep it only where the program reads the secret itself, as `jamf-mcp serve` does to follow rotations.',
    },
  );
}
