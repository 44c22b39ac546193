import * as Flags from '@oclif/core/flags';
import type { AuditResult } from '../lib/audit/audit.ts';
import { SEVERITIES } from '../lib/audit/detectors/detector.ts';
import { REPORT_FORMATS, type ReportFormat } from '../lib/audit/reports/index.ts';
import { atHome, auditFlags, filesOf, pathArg } from '../lib/cli/audit-flags.ts';
import { BaseCommand } from '../lib/cli/base.ts';
import { canvasOf } from '../lib/cli/canvas.ts';
import { prose } from '../lib/cli/prose.ts';

export default class Audit extends BaseCommand {
  static override summary = 'tell who read or changed the secret, and which accesses nothing explains';

  static override description =
    prose(`Reads CloudTrail's event history: free, on in every account, the last 90 days. Of the Region
of the secret, of those named (--region A --region B), or of all; and of the accounts in audit.accounts of
jamf-mcp.yaml, by a role in each. All are read at the same time, each at the two calls a second that it allows.
An access is explained by a task of the ECS service that starts or runs (task-role: one that ECS no longer lists), by
an expected principal (audit.knownPrincipals in jamf-mcp.yaml), or by being your own. The secret need not exist any more.
Rotations, deployments, rotation functions, reasons of the break-glass log, infrastructure tools at work on what they
have created, and the baseline (audit baseline) explain too; audit explain tells of one access what was tried.

Of the local store it reads the access log, and verifies it as audit verify does.

With PATHs it reads files as a trail delivers them (.json, .json.gz, .jsonl), for whatever time they hold; of a
trail's bucket (s3://…, an organisation's too) only the days of --since and --until, and one on either side.

What is too much for one machine, or older than 90 days: --source athena asks Athena over the bucket (s3://…, or audit.trail
of jamf-mcp.yaml), --source lake an event data store of CloudTrail Lake. Both charge by what they scan: it is told first,
and asked for. Ctrl-C stops the query.

Reports: json, ndjson and html hold all that was found; csv has a row an access; sarif and ocsf are for other tools.
ndjson, csv and ocsf are written while the records pass, however many there are. A file is for its owner only.

Exit codes: 3 with --fail-on when there is such a finding, 6 when the event history could not be read to its
end, or the access log is not as it was written.`);

  static override examples = [
    '<%= config.bin %> audit --since 7d',
    '<%= config.bin %> audit --since 2026-11-01 --until 2026-11-07 --json',
    '<%= config.bin %> audit --all-secrets --since 24h --fail-on high',
    '<%= config.bin %> audit ./AWSLogs --all-secrets',
    '<%= config.bin %> audit s3://my-trail-bucket --since 30d',
    '<%= config.bin %> audit s3://my-trail-bucket --source athena --since 400d',
    '<%= config.bin %> audit --since 30d --format html -o audit.html',
  ];

  static override strict = false;

  static override args = { path: pathArg };

  static override flags = {
    ...auditFlags,
    'fail-on': Flags.option({
      summary: 'exit 3 when a finding has this severity or a worse one',
      options: SEVERITIES,
    })(),
    format: Flags.option({ summary: 'kind of report', options: REPORT_FORMATS, default: 'table' as ReportFormat })(),
  };

  async run(): Promise<AuditResult | undefined> {
    const { flags, argv } = await this.parse(Audit);
    const { settings, context } = await this.begin(atHome(flags));
    const [{ auditRequest }, { baselineFile }, { ownStdout }, { writeLine }] = await Promise.all([
      import('../lib/audit/request.ts'),
      import('../lib/cli/baseline.ts'),
      import('../lib/cli/stdout.ts'),
      import('../lib/cli/lines.ts'),
    ]);
    const words = { ...flags, files: filesOf(argv) };
    const request = auditRequest(settings, words, await baselineFile(context));
    const json = this.jsonEnabled();
    if (flags.follow) {
      const { followInto } = await import('../lib/audit/follow.ts');
      const write = (line: object, text: string) => {
        this.settle();
        writeLine(json || flags.format === 'ndjson', line, text);
      };
      await followInto(request, { format: flags.format, ink: (await canvasOf(process.stdout)).ink, write }, context);
      return undefined;
    }
    const { exitOf, runAudit } = await import('../lib/audit/reports/run.ts');
    const { format, output: file = null } = flags;
    const wish = { format, file, version: this.config.version, json, stdout: ownStdout };
    const { result, draw } = await runAudit(wish, request, context);
    this.exitWith(exitOf(result, flags['fail-on']));
    return draw === null ? result : this.present(result, draw);
  }
}
