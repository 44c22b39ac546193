/**
 * Ways from some rights to more. Each is judged over all the policies of a principal together, with Resource, Condition
 * and Deny: a right bound to named things is no way up, nor is one that a Deny takes back.
 */
import { SEVERITIES, type Place, type Rule, type Severity } from '../finding.ts';
import type { Policy } from '../policy.ts';
import { breadth, breadthOf, grantsOf, hasDemand, type Grant } from '../reach.ts';
import { listed, quoted, type CheckContext } from './check.ts';

const ESCALATION: Rule = {
  id: 'privilege-escalation',
  code: null,
  kind: 'security',
  severity: 'high',
  title: 'rights that lead to more rights',
  why: 'Whoever holds them takes what this policy does not give.',
  fix: 'Bind one of the actions to named resources, or take it away.',
};

/** Rules of this file. */
export const ESCALATION_RULES: readonly Rule[] = [ESCALATION];

/** One way up. */
interface Way {
  /** All of them are needed; of a list, one. */
  needs: readonly (string | readonly string[])[];
  /** What it leads to. */
  gain: string;
  /** The service that gets the role, where iam:PassRole is needed: a condition may name another. */
  service?: RegExp;
  /** How bad it is, unbound. */
  severity?: Severity;
}

const passing = (service: string, gain: string, ...needs: (string | readonly string[])[]): Way => ({
  needs: ['iam:PassRole', ...needs],
  gain,
  service: new RegExp(`^${service.replaceAll('.', '\\.')}\\.amazonaws\\.com`),
});
const existing = (gain: string, ...needs: (string | readonly string[])[]): Way => ({ needs, gain, severity: 'medium' });
const direct = (gain: string, ...needs: (string | readonly string[])[]): Way => ({ needs, gain });

/** What is done with a role once it runs somewhere. */
const RUNS = 'code of their own with any role that may be passed';

const WAYS: readonly Way[] = [
  direct('a new version of a policy, with any right', 'iam:CreatePolicyVersion'),
  direct('an older version of a policy, with the rights it had', 'iam:SetDefaultPolicyVersion'),
  direct('access keys of any user', 'iam:CreateAccessKey'),
  direct('a password for any user', ['iam:CreateLoginProfile', 'iam:UpdateLoginProfile']),
  direct('any right for themselves', ['iam:PutUserPolicy', 'iam:PutRolePolicy', 'iam:PutGroupPolicy']),
  direct('any policy attached to themselves', [
    'iam:AttachUserPolicy',
    'iam:AttachRolePolicy',
    'iam:AttachGroupPolicy',
  ]),
  direct('the rights of any group', 'iam:AddUserToGroup'),
  direct('any role, by changing whom it trusts', 'iam:UpdateAssumeRolePolicy'),
  direct('any role that trusts the account', 'sts:AssumeRole'),
  direct('what a boundary withholds', [
    'iam:DeleteRolePermissionsBoundary',
    'iam:DeleteUserPermissionsBoundary',
    'iam:PutRolePermissionsBoundary',
    'iam:PutUserPermissionsBoundary',
  ]),
  passing('ecs-tasks', RUNS, 'ecs:RegisterTaskDefinition', [
    'ecs:RunTask',
    'ecs:StartTask',
    'ecs:CreateService',
    'ecs:UpdateService',
  ]),
  passing('lambda', RUNS, 'lambda:CreateFunction', [
    'lambda:InvokeFunction',
    'lambda:CreateEventSourceMapping',
    'lambda:AddPermission',
    'lambda:CreateFunctionUrlConfig',
  ]),
  passing('ec2', RUNS, ['ec2:RunInstances', 'ec2:RequestSpotInstances']),
  passing('cloudformation', 'whatever a template may create with any role', [
    'cloudformation:CreateStack',
    'cloudformation:UpdateStackSet',
  ]),
  passing(
    'cloudformation',
    'whatever a template may create with any role',
    'cloudformation:CreateStackSet',
    'cloudformation:CreateStackInstances',
  ),
  passing(
    'codebuild',
    RUNS,
    ['codebuild:CreateProject', 'codebuild:UpdateProject'],
    ['codebuild:StartBuild', 'codebuild:StartBuildBatch'],
  ),
  passing('glue', RUNS, ['glue:CreateJob', 'glue:UpdateJob'], ['glue:StartJobRun', 'glue:CreateTrigger']),
  passing('glue', RUNS, 'glue:CreateDevEndpoint'),
  passing('sagemaker', RUNS, [
    'sagemaker:CreateNotebookInstance',
    'sagemaker:CreateTrainingJob',
    'sagemaker:CreateProcessingJob',
  ]),
  passing(
    'datapipeline',
    RUNS,
    'datapipeline:CreatePipeline',
    'datapipeline:PutPipelineDefinition',
    'datapipeline:ActivatePipeline',
  ),
  passing('(?:tasks|build)\\.apprunner', RUNS, 'apprunner:CreateService'),
  passing(
    'bedrock-agentcore',
    RUNS,
    'bedrock-agentcore:CreateCodeInterpreter',
    'bedrock-agentcore:StartCodeInterpreterSession',
    'bedrock-agentcore:InvokeCodeInterpreter',
  ),
  existing('the role of any function', 'lambda:UpdateFunctionCode'),
  existing('the role of any stack', 'cloudformation:UpdateStack'),
  existing('the role of any stack', 'cloudformation:CreateChangeSet', 'cloudformation:ExecuteChangeSet'),
  existing('the role of any build', ['codebuild:StartBuild', 'codebuild:StartBuildBatch']),
  existing('the role of any development endpoint', 'glue:UpdateDevEndpoint'),
  existing('the role of any service of App Runner', 'apprunner:UpdateService'),
  existing(
    'the role of any code interpreter',
    'bedrock-agentcore:StartCodeInterpreterSession',
    'bedrock-agentcore:InvokeCodeInterpreter',
  ),
  existing('the role of any instance', 'ec2-instance-connect:SendSSHPublicKey'),
  existing('the role of any instance', ['ssm:StartSession', 'ssm:SendCommand']),
  existing('the role of any task', 'ecs:ExecuteCommand'),
  existing(
    'the role of any instance, by what it runs at its start',
    'ec2:ModifyInstanceAttribute',
    'ec2:StopInstances',
    'ec2:StartInstances',
  ),
  existing('the role of instances to come', 'ec2:CreateLaunchTemplateVersion', 'ec2:ModifyLaunchTemplate'),
  existing('the role of any notebook', 'sagemaker:CreatePresignedNotebookInstanceUrl'),
  existing(
    'the role of any notebook',
    'sagemaker:CreateNotebookInstanceLifecycleConfig',
    'sagemaker:StopNotebookInstance',
    'sagemaker:UpdateNotebookInstance',
    'sagemaker:StartNotebookInstance',
  ),
];

/** Rights on which others are judged: bound, they close the way; the rest of a way may be named things. */
const DECISIVE = /^iam:|^sts:/;

/** Conditions that bind an action although its resource is broad. */
const BINDING: readonly (readonly [action: RegExp, key: RegExp])[] = [
  [/^iam:Attach/, /^iam:PolicyARN$/i],
  [/^iam:(?:Attach|Put|Create|Delete)/, /^iam:PermissionsBoundary$/i],
  [
    /^sts:AssumeRole$/,
    /^(?:sts:ExternalId|aws:ResourceTag\/.+|iam:ResourceTag\/.+|aws:ResourceAccount|aws:ResourceOrgID)$/i,
  ],
  [/./, /^(?:aws|[a-z0-9-]+):ResourceTag\/.+$/i],
];

/**
 * Look for ways up in the identity policies of one principal.
 * @param policies - all of them: inline, managed, of its groups
 */
export function checkEscalation(policies: readonly Policy[], context: CheckContext): void {
  const identity = policies.filter(({ type }) => type === 'identity');
  if (identity.some(isAdministrator)) return;
  const known = new Map<string, Grant[]>();
  const open = (action: string): Grant[] => {
    const found = known.get(action) ?? grantsOf(identity, action).filter((grant) => isOpen(grant, action));
    known.set(action, found);
    return found;
  };
  const found = new Map<Place, { message: string; action: string; severity: Severity; also: Place[] }[]>();
  for (const way of WAYS) {
    const steps = way.needs.map((need) => firstOf(typeof need === 'string' ? [need] : need, way, open));
    const taken = steps.filter((step) => step !== null);
    const decisive = taken.find(({ action }) => DECISIVE.test(action)) ?? taken[0];
    if (!decisive || taken.length < steps.length) continue;
    const at = placeOf(decisive.grant);
    const wide = taken.every(({ action, grant }) => !DECISIVE.test(action) || breadth(grant) === 'all');
    const ways = found.get(at) ?? [];
    found.set(at, ways);
    ways.push({
      message: `${listed(
        taken.map(({ action }) => action),
        5,
      )}: ${way.gain}`,
      action: decisive.action,
      severity: wide ? (way.severity ?? 'high') : 'medium',
      also: taken.map(({ grant }) => placeOf(grant)).filter((place) => place !== at),
    });
  }
  for (const [at, ways] of found) {
    // One element may open many ways: they are one finding, named by the worst.
    const [worst] = [...ways].sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
    if (!worst) continue;
    const more = ways.length - 1;
    context.report(
      ESCALATION,
      at,
      `${worst.message}${more === 0 ? '' : `, and ${String(more)} more ${more === 1 ? 'way' : 'ways'}`}`,
      {
        severity: worst.severity,
        also: [...new Set(ways.flatMap(({ also }) => also))],
        fix: `Name what ${quoted(worst.action)} may be used on, or take it away.`,
      },
    );
  }
}

const placeOf = ({ element, statement }: Grant): Place => element ?? statement.actions ?? statement;

function firstOf(
  actions: readonly string[],
  way: Way,
  open: (action: string) => Grant[],
): { action: string; grant: Grant } | null {
  for (const action of actions) {
    const grant = open(action).find((candidate) => action !== 'iam:PassRole' || passesTo(candidate, way.service));
    if (grant) return { action, grant };
  }
  return null;
}

/** Every action on every resource needs no way up. */
function isAdministrator({ statements }: Policy): boolean {
  return statements.some(
    ({ effect, actions, resources, conditions }) =>
      effect === 'Allow' &&
      conditions.length === 0 &&
      !actions?.not &&
      !resources?.not &&
      (actions?.values.some(({ text }) => /^\*(?::\*)?$/.test(text)) ?? false) &&
      (resources?.values.some(({ text }) => /^\*+$/.test(text)) ?? false),
  );
}

/** Whether a grant reaches things that its author did not name. */
function isOpen({ statement, resources, allBut }: Grant, action: string): boolean {
  if (BINDING.some(([name, key]) => name.test(action) && hasDemand(statement, key))) return false;
  return allBut || resources.some(({ text }) => breadthOf(text) !== 'named');
}

/** Whether the role may go to that service: iam:PassedToService may name another. */
function passesTo({ statement }: Grant, service: RegExp | undefined): boolean {
  const conditions = statement.conditions.filter(
    ({ key, operator }) =>
      /^iam:PassedToService$/i.test(key.text) && operator !== null && !operator.negated && !operator.ifExists,
  );
  return conditions.every(({ values }) =>
    values.some(({ text }) => text.includes('*') || (service?.test(text) ?? true)),
  );
}
