import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../lib/cli/base.ts';
import { prose } from '../lib/cli/prose.ts';
import type { AuditRequest, AuditResult } from '../lib/audit/audit.ts';
import { SEVERITIES } from '../lib/audit/detectors/detector.ts';
import { reaches } from '../lib/audit/detectors/index.ts';
import { EXIT } from '../lib/errors.ts';

export default class Audit extends BaseCommand {
  static override summary = 'tell who read or changed the secret, and which accesses nothing explains';

  static override description =
    prose(`Reads CloudTrail's event history: free, on in every account, the last 90 days of one Region.
An access is explained by a task of the ECS service that starts or runs (task-role: one that ECS no longer lists), by
an expected principal (audit.knownPrincipals in jamf-mcp.yaml), or by being your own. The secret need not exist any more.

Of the local store it reads the access log, and verifies it as audit verify does.

With PATHs it reads files as a trail delivers them (.json, .json.gz, .jsonl), for whatever time they hold.

Exit codes: 3 with --fail-on when there is such a finding, 6 when the event history could not be read to its
end, or the access log is not as it was written.`);

  static override examples = [
    '<%= config.bin %> audit --since 7d',
    '<%= config.bin %> audit --since 2026-11-01 --until 2026-11-07 --json',
    '<%= config.bin %> audit --all-secrets --since 24h --fail-on high',
    '<%= config.bin %> audit ./AWSLogs --all-secrets',
  ];

  static override strict = false;

  static override args = {
    path: Args.string({
      description: 'files, folders or patterns of CloudTrail records to audit instead of a store; - for stdin',
      ignoreStdin: true,
    }),
  };

  static override flags = {
    since: Flags.string({
      summary:
        'start: 90m, 12h, 7d or 2w before now, 2026-11-01, or 2026-11-01T10:00Z (default: 7d; all of it for files)',
      helpValue: 'TIME',
    }),
    until: Flags.string({
      summary: 'end, in the same forms; a date includes its day (default: now)',
      helpValue: 'TIME',
    }),
    'all-secrets': Flags.boolean({ summary: 'audit every secret of the account and Region instead of one' }),
    'fail-on': Flags.option({
      summary: 'exit 3 when there is a finding of this severity or worse',
      options: SEVERITIES,
    })(),
    cluster: Flags.string({ summary: 'ECS cluster of the service that reads the secret', helpValue: 'NAME' }),
    service: Flags.string({ summary: 'ECS service that reads the secret', helpValue: 'NAME' }),
  };

  async run(): Promise<AuditResult> {
    const { flags, argv } = await this.parse(Audit);
    const { settings, context } = await this.begin(flags);
    const [{ auditSecret }, { drawAudit }, { localOptions }] = await Promise.all([
      import('../lib/audit/audit.ts'),
      import('../lib/audit/report.ts'),
      import('../lib/secrets/open.ts'),
    ]);
    const result = await auditSecret(
      {
        secret: flags['all-secrets'] ? null : settings.secret,
        store: settings.store,
        files: filesOf(argv.map(String)),
        since: flags.since,
        until: flags.until,
        aws: settings.aws,
        ecs: { cluster: flags.cluster ?? settings.ecs.cluster, service: flags.service ?? settings.ecs.service },
        settings: settings.audit,
        baseline: null,
        local: localOptions(settings),
      },
      context,
    );
    if (flags['fail-on'] && reaches(result.findings, flags['fail-on'])) this.exitWith(EXIT.findings);
    else if (!result.sources.every(({ complete }) => complete)) this.exitWith(EXIT.partial);
    return this.present(result, drawAudit);
  }
}

/** What was named on the command line; undefined where nothing was. */
function filesOf(paths: readonly string[]): AuditRequest['files'] {
  if (paths.length === 0) return undefined;
  const streams = paths.includes('-') ? [{ name: 'stdin', stream: process.stdin }] : [];
  return { paths: paths.filter((path) => path !== '-'), streams };
}
