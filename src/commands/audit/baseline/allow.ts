import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { BaselineAllow } from '../../../lib/audit/baseline-manage.ts';
import { BaseCommand, dryRunFlag } from '../../../lib/cli/base.ts';
import { prose } from '../../../lib/cli/prose.ts';

const many = { multiple: true, multipleNonGreedy: true } as const;

export default class AuditBaselineAllow extends BaseCommand {
  static override summary = 'make a caller usual until a day, for a reason';

  static override description =
    prose(`Writes an entry to jamf-mcp-baseline.yaml. From now until the end of that day the accesses that agree with it are
explained. An entry for the same caller and secret that was allowed before is replaced.`);

  static override examples = [
    "<%= config.bin %> audit baseline allow 'arn:aws:iam::111122223333:role/ci' --until 2026-12-31 --reason 'OPS-12: migration'",
    "<%= config.bin %> audit baseline allow 'arn:aws:iam::*:role/backup' --all-secrets --network 192.0.2.0/24 --until 2026-12-31 --reason nightly",
  ];

  static override args = {
    principal: Args.string({
      description: 'ARN of a role or a user, with * as a wildcard',
      required: true,
      ignoreStdin: true,
    }),
  };

  static override flags = {
    until: Flags.string({
      summary: 'last day on which it is usual, such as 2026-12-31',
      required: true,
      helpValue: 'DAY',
    }),
    reason: Flags.string({ summary: 'why', required: true, helpValue: 'TEXT' }),
    'all-secrets': Flags.boolean({ summary: 'for every secret instead of one', default: false }),
    action: Flags.string({
      ...many,
      summary: 'call that is usual; may be repeated (default: GetSecretValue and DescribeSecret)',
      helpValue: 'NAME',
    }),
    network: Flags.string({
      ...many,
      summary: 'network it comes from, such as 192.0.2.0/24 (default: any)',
      helpValue: 'CIDR',
    }),
    'user-agent': Flags.string({
      ...many,
      summary: 'program, such as aws-cli or terraform (default: any)',
      helpValue: 'FAMILY',
    }),
    'in-region': Flags.string({ ...many, summary: 'Region of the call (default: any)', helpValue: 'REGION' }),
    'dry-run': dryRunFlag,
  };

  async run(): Promise<BaselineAllow> {
    const { flags, args } = await this.parse(AuditBaselineAllow);
    const { settings, context } = await this.begin(flags);
    const [{ allowCaller }, { drawAllow }, { baselineFile }] = await Promise.all([
      import('../../../lib/audit/baseline-manage.ts'),
      import('../../../lib/audit/baseline-report.ts'),
      import('../../../lib/cli/baseline.ts'),
    ]);
    const request = {
      principal: args.principal,
      secret: flags['all-secrets'] ? '*' : settings.secret,
      actions: flags.action ?? ['GetSecretValue', 'DescribeSecret'],
      networks: flags.network ?? [],
      userAgents: flags['user-agent'] ?? [],
      regions: flags['in-region'] ?? [],
      until: flags.until,
      reason: flags.reason,
    };
    const result = await allowCaller(request, await baselineFile(context), { dryRun: flags['dry-run'] }, context);
    return this.present(result, drawAllow);
  }
}
