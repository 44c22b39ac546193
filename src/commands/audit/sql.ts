import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type { SqlResult } from '../../lib/audit/sql.ts';
import { homeRegion, regionsFlag, sinceFlag, untilFlag } from '../../lib/cli/audit-flags.ts';
import { BaseCommand } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';

export default class AuditSql extends BaseCommand {
  static override summary = 'print the audit as a query for Athena over the bucket of a trail';

  static override description =
    prose(`Prints two statements and asks AWS nothing: one makes a table whose partitions Athena works out by itself,
by account, Region and day; the other finds the accesses to the secret, bounded by those partitions, so that Athena
scans, and charges for, the days of the window alone (and one on either side, because delivery is late).
\`audit s3://… --source athena\` runs them, and judges what they find.`);

  static override examples = [
    '<%= config.bin %> audit sql s3://my-trail-bucket --account 111122223333 --since 90d',
    '<%= config.bin %> audit sql s3://my-trail-bucket --organization o-example0001 --account 111122223333 --region all',
  ];

  static override args = {
    bucket: Args.string({
      description: 's3://BUCKET[/PREFIX] of the trail (default: audit.trail of jamf-mcp.yaml)',
      ignoreStdin: true,
    }),
  };

  static override flags = {
    since: sinceFlag,
    until: untilFlag,
    account: Flags.string({
      summary: 'account whose accesses are looked for; may be repeated (default: those of audit.accounts)',
      helpValue: 'ID',
      multiple: true,
      multipleNonGreedy: true,
    }),
    organization: Flags.string({ summary: "id of the organisation, for an organisation's trail", helpValue: 'o-…' }),
    region: regionsFlag,
    'all-secrets': Flags.boolean({ summary: 'look for every secret instead of one' }),
    table: Flags.string({
      summary: 'table to make and to ask (default: default.jamf_mcp_cloudtrail)',
      helpValue: 'DB.TABLE',
    }),
  };

  async run(): Promise<SqlResult> {
    const { args, flags } = await this.parse(AuditSql);
    const home = homeRegion(flags.region);
    const { settings, context } = await this.begin({ ...flags, region: home });
    const [{ auditSql, drawSql }, { parseWindow }, { regionsOf }, { SINCE }, { TABLE, trailOf }] = await Promise.all([
      import('../../lib/audit/sql.ts'),
      import('../../lib/audit/window.ts'),
      import('../../lib/audit/sources/regions.ts'),
      import('../../lib/audit/audit.ts'),
      import('../../lib/audit/sources/choose.ts'),
    ]);
    const result = auditSql({
      url: args.bucket ?? trailOf(settings.audit),
      organization: flags.organization ?? null,
      accounts: flags.account ?? settings.audit.accounts.map(({ account }) => account),
      regions: regionsOf(flags.region ?? ['all'], home ?? settings.aws.region ?? 'us-east-1'),
      table: flags.table ?? settings.audit.athena.table ?? TABLE,
      secret: flags['all-secrets'] ? null : settings.secret,
      window: parseWindow({ since: flags.since ?? SINCE, until: flags.until }, context.clock.now()),
    });
    return this.present(result, drawSql);
  }
}
