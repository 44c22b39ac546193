import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand, dryRunFlag } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import type { ApplyResult } from '../../lib/iam/apply.ts';

export default class IamApply extends BaseCommand {
  static override summary = 'put a policy on a role: shows the difference, asks, puts it';

  static override description =
    prose(`Replaces an inline policy of the role in one call, or puts a new version of a managed policy as the default.
It refuses a policy that AWS refuses, that has a finding of severity high or worse, or with which the role could no
longer do what its task needs (--from-task-definition).

Where the new policy cannot be shown to allow nothing more than the role is allowed now, its name has to be typed
(--confirm ROLE); else a yes is enough. What was changed by somebody else meanwhile is not overwritten.`);

  static override examples = [
    '<%= config.bin %> iam apply policy.json --role ecsTaskExecutionRole --policy SecretsAccess --dry-run',
    '<%= config.bin %> iam generate --for task-role | <%= config.bin %> iam apply - --role jamf-mcp-task-role --yes',
    '<%= config.bin %> iam apply policy.json --role app --policy arn:aws:iam::111122223333:policy/app',
  ];

  static override args = {
    file: Args.string({ description: 'policy file, or - for standard input', required: true, ignoreStdin: true }),
  };

  static override flags = {
    role: Flags.string({ summary: 'role that gets the policy', helpValue: 'NAME', required: true }),
    policy: Flags.string({
      summary: 'inline policy, or ARN of a managed one (default: the one inline policy of the role)',
      helpValue: 'NAME|ARN',
    }),
    'from-task-definition': Flags.string({
      summary: 'task definition that the role has to go on serving',
      helpValue: 'FAMILY[:REV]',
    }),
    'dry-run': dryRunFlag,
  };

  async run(): Promise<ApplyResult> {
    const { args, flags } = await this.parse(IamApply);
    const { settings, context } = await this.begin(flags);
    const [{ applyPolicy }, { drawApply }, { readPolicies }] = await Promise.all([
      import('../../lib/iam/apply.ts'),
      import('../../lib/iam/apply-report.ts'),
      import('../../lib/cli/policies.ts'),
    ]);
    const sources = await readPolicies([args.file]);
    const wish = {
      sources,
      role: flags.role,
      policy: flags.policy ?? null,
      taskDefinition: flags['from-task-definition'] ?? null,
      aws: settings.aws,
      dryRun: flags['dry-run'],
    };
    return this.present(await applyPolicy(wish, context), drawApply);
  }
}
