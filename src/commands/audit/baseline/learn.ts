import * as Flags from '@oclif/core/flags';
import type { BaselineLearn } from '../../../lib/audit/baseline-manage.ts';
import { atHome, filesOf, pathArg, recordFlags, subjectFlags } from '../../../lib/cli/audit-flags.ts';
import { BaseCommand, dryRunFlag } from '../../../lib/cli/base.ts';
import { prose } from '../../../lib/cli/prose.ts';

export default class AuditBaselineLearn extends BaseCommand {
  static override summary = 'make usual what happened in a time that you name';

  static override description =
    prose(`Takes every access that succeeded, of every caller but root, AWS itself, and whoever a grave finding names, and
writes who did it, to which secret, by which calls, from which networks, with which programs and at which hours to
jamf-mcp-baseline.yaml. It shows what it would write and asks before it does; what is there is widened, never narrowed.

Name a time in which nothing was wrong: whoever is in it is explained from then on.`);

  static override examples = [
    '<%= config.bin %> audit baseline learn --since 14d',
    '<%= config.bin %> audit baseline learn --since 2026-11-01 --until 2026-11-14 --principal role/ci --dry-run',
    '<%= config.bin %> audit baseline learn ./AWSLogs --all-secrets',
  ];

  static override strict = false;

  static override args = { path: pathArg };

  static override flags = {
    ...recordFlags,
    ...subjectFlags,
    holds: Flags.string({
      summary: 'last day on which it is usual (default: 90 days after the end)',
      helpValue: 'DAY',
    }),
    reason: Flags.string({ summary: 'why it is usual', helpValue: 'TEXT' }),
    'dry-run': dryRunFlag,
  };

  async run(): Promise<BaselineLearn> {
    const { flags, argv } = await this.parse(AuditBaselineLearn);
    const { settings, context } = await this.begin(atHome(flags));
    const [{ learnBaseline }, { drawLearn }, { auditRequest }, { baselineFile }] = await Promise.all([
      import('../../../lib/audit/baseline-manage.ts'),
      import('../../../lib/audit/baseline-report.ts'),
      import('../../../lib/audit/request.ts'),
      import('../../../lib/cli/baseline.ts'),
    ]);
    const file = await baselineFile(context);
    const request = auditRequest(settings, { ...flags, files: filesOf(argv) }, file);
    const options = { until: flags.holds, reason: flags.reason, dryRun: flags['dry-run'] };
    return this.present(await learnBaseline(request, file, options, context), drawLearn);
  }
}
