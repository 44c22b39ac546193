/** The flags of the commands that judge policies. */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';

/** A name that may be given several times. */
const repeated = (summary: string, helpValue: string, helpGroup?: string) =>
  Flags.string({
    summary,
    helpValue,
    multiple: true,
    multipleNonGreedy: true,
    ...(helpGroup === undefined ? {} : { helpGroup }),
  });

const policyFlag = (summary: string) => repeated(summary, 'FILE', 'POLICIES');

export const policyFilesArg = Args.string({
  description: 'policy file, folder, or - for standard input',
  multiple: true,
  ignoreStdin: true,
});

/** Of `iam validate`: what of the account to look at, what to do with it, what to print; its other flags are a matter of policies. */
export const validateFlags = {
  role: repeated('a role of the account, with all of its policies; may be repeated', 'NAME'),
  'task-definition': repeated(
    'a task definition, with both of its roles and its secrets; may be repeated',
    'FAMILY[:REV]',
  ),
  all: Flags.boolean({ summary: 'every role, user and secret of the account' }),
  fix: Flags.boolean({ summary: 'put right in the files what can be proved to allow nothing more' }),
  'dry-run': Flags.boolean({ summary: 'with --fix: print the patch and change nothing', dependsOn: ['fix'] }),
  baseline: Flags.string({
    summary: 'report only what is new: against an earlier --json result, or beyond what a policy allows',
    helpValue: 'FILE',
  }),
  online: Flags.boolean({
    summary: 'ask IAM Access Analyzer as well; with --yes also the checks that AWS charges for',
  }),
  format: Flags.option({
    summary: 'what to print',
    options: ['table', 'json', 'sarif'] as const,
    default: 'table' as const,
  })(),
};

/** Of `iam can`: whom and what the question is about. */
export const canArgs = {
  principal: Args.string({
    description: 'role, ARN of a role, user or session, or a service',
    required: true,
    ignoreStdin: true,
  }),
  action: Args.string({ description: 'such as secretsmanager:GetSecretValue', required: true, ignoreStdin: true }),
  resource: Args.string({ description: 'ARN; for a secret its name will do', ignoreStdin: true }),
};

/** Of `iam can`: what the request carries, which answer is expected, and policies at hand. */
export const canFlags = {
  context: repeated('condition key that the request carries; may be repeated, also for one key', 'KEY=VALUE'),
  expect: Flags.option({
    summary: 'the answer that is expected',
    options: ['allow', 'deny'] as const,
    default: 'allow' as const,
  })(),
  online: Flags.boolean({ summary: "ask IAM's policy simulator as well" }),
  policy: policyFlag('policy of the principal; may be repeated'),
  'resource-policy': policyFlag('policy of the resource'),
  boundary: policyFlag('permissions boundary of the principal'),
  'session-policy': policyFlag('policy of the session; may be repeated'),
  scp: policyFlag('service control policies of one level, from the root on; may be repeated'),
};

/** What the policies of each flag of `iam can` are to the request. */
export const CAN_LAYERS = [
  ['policy', 'identity'],
  ['resource-policy', 'resource'],
  ['boundary', 'boundary'],
  ['session-policy', 'session'],
  ['scp', 'scp'],
] as const;
