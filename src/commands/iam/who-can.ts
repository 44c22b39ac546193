import * as Args from '@oclif/core/args';
import { BaseCommand } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import type { WhoCanResult } from '../../lib/iam/who-can.ts';

export default class IamWhoCan extends BaseCommand {
  static override summary = 'list every principal that may read a secret, and which statements let it';

  static override description =
    prose(`Judges each role and user of the account by its own policies and those of its groups, its boundary,
the policy of the secret and that of its key. What depends on more than that, such as the endpoint that a call
comes through, is told as a condition. Principals of other accounts that the policy of the secret lets in are
listed by themselves.

Needs iam:GetAccountAuthorizationDetails, secretsmanager:DescribeSecret and GetResourcePolicy, and kms:GetKeyPolicy
where the secret has a key of its own.`);

  static override examples = [
    '<%= config.bin %> iam who-can',
    '<%= config.bin %> iam who-can jamf-mcp-server/staging --json',
  ];

  static override args = {
    secret: Args.string({ description: 'name or ARN (default: the secret of the environment)', ignoreStdin: true }),
  };

  async run(): Promise<WhoCanResult> {
    const { args, flags } = await this.parse(IamWhoCan);
    const { settings, context } = await this.begin(flags);
    const [{ whoCanLive }, { drawWhoCan }] = await Promise.all([
      import('../../lib/iam/who-can-live.ts'),
      import('../../lib/iam/who-can-report.ts'),
    ]);
    const result = await whoCanLive(args.secret ?? settings.secret, settings.aws, context);
    return this.present(result, drawWhoCan);
  }
}
