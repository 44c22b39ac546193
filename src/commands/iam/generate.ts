import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import type { GenerateResult } from '../../lib/iam/generate/generate.ts';
import { PURPOSES } from '../../lib/iam/generate/presets.ts';

const SEVERAL = { helpValue: 'NAME', multiple: true, multipleNonGreedy: true } as const;

export default class IamGenerate extends BaseCommand {
  static override summary = 'make the narrowest IAM policy for a role around the secret';

  static override description =
    prose(`Prints a policy that allows what is needed and nothing else: each action on the one thing it is for, keys only
through Secrets Manager and for the one secret. Before it is printed, every need and every request that differs from
one in one thing (another secret, key, stage, account, action) is tried on it, and it is validated.

The secret and its key are looked up. With --account nobody is asked: the secret is then named by a pattern that
matches it alone, and its key by --kms-key.

--for: execution-role (ECS starts the task), task-role (the program in the task), reader (a program that reads secrets
and lists their names), rotation (the function of rotate schedule), operator (whoever runs secrets, rotate and deploy,
without --prove-injection and rotate schedule, which make roles and tasks), auditor (whoever runs audit and iam, and
changes nothing; --bucket names that of a trail).

--from-audit makes the policy of what --role was seen to use, from the files of a trail or from CloudTrail's event
history (90 days), and tells which of its rights nothing used. Refused calls are no use.`);

  static override examples = [
    '<%= config.bin %> iam generate --for execution-role --from-task-definition jamf-mcp',
    '<%= config.bin %> iam generate --for execution-role --trust > trust.json',
    '<%= config.bin %> iam generate --for rotation --account 111122223333 --region us-east-1',
    "<%= config.bin %> iam generate --for reader --secret 'app/*' > policy.json",
    '<%= config.bin %> iam generate --from-audit 90d --role jamf-mcp-task-role ./AWSLogs',
    '<%= config.bin %> iam generate --for task-role --table mcp-sessions --bucket mcp-catalog --json',
  ];

  static override args = {
    file: Args.string({ description: 'file, folder or pattern of a trail (*)', multiple: true, ignoreStdin: true }),
  };

  static override flags = {
    for: Flags.option({ summary: 'whose policy', options: PURPOSES, default: 'execution-role' as const })(),
    trust: Flags.boolean({ summary: 'the trust policy instead: who may take the role on', default: false }),
    'from-task-definition': Flags.string({
      summary: 'what this task definition needs of the role',
      helpValue: 'FAMILY[:REV]',
    }),
    'from-audit': Flags.string({ summary: 'what the role has used, since then', helpValue: '90d' }),
    role: Flags.string({ summary: 'role whose use counts, with --from-audit', helpValue: 'NAME' }),
    account: Flags.string({ summary: 'account that it is for; nobody is asked then', helpValue: 'ID' }),
    'kms-key': Flags.string({ summary: 'key of the secret (default: looked up)', helpValue: 'ARN|ID|ALIAS' }),
    'rotator-secret': Flags.string({ summary: 'secret with the client that mints', helpValue: 'NAME' }),
    cluster: Flags.string({ summary: 'ECS cluster (default: jamf-mcp-cluster)', helpValue: 'NAME' }),
    service: Flags.string({ summary: 'ECS service (default: jamf-mcp-service)', helpValue: 'NAME' }),
    'log-group': Flags.string({ summary: 'log group of the containers', helpValue: 'NAME' }),
    repository: Flags.string({ ...SEVERAL, summary: 'ECR repository of an image' }),
    table: Flags.string({ ...SEVERAL, summary: 'DynamoDB table that the program works on' }),
    bucket: Flags.string({ ...SEVERAL, summary: 'S3 bucket that the program works on, or of a trail' }),
  };

  async run(): Promise<GenerateResult> {
    const { args, flags } = await this.parse(IamGenerate);
    const { settings, context } = await this.begin(flags);
    const [{ generateFrom }, { drawPolicy, tellPolicy }] = await Promise.all([
      import('../../lib/iam/generate/input.ts'),
      import('../../lib/iam/generate/report.ts'),
    ]);
    const result = await generateFrom(settings, flags, args.file ?? [], context);
    tellPolicy(result, context.host);
    return this.present(result, drawPolicy);
  }
}
