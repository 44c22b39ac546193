import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../lib/cli/base.ts';
import { prose } from '../lib/cli/prose.ts';
import type { AuditRequest, AuditResult } from '../lib/audit/audit.ts';
import { REPORT_FORMATS, type ReportFormat } from '../lib/audit/reports/index.ts';
import { SEVERITIES } from '../lib/audit/detectors/detector.ts';
import { reaches } from '../lib/audit/detectors/index.ts';
import {
  cacheFlag,
  clusterFlag,
  filesOf,
  guardsFlag,
  homeRegion,
  principalFlag,
  regionsFlag,
  serviceFlag,
  sinceFlag,
  untilFlag,
} from '../lib/cli/audit-flags.ts';
import { EXIT } from '../lib/errors.ts';
import type { Canvas } from '../lib/format/canvas.ts';
import type { Context } from '../lib/host.ts';

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
    '<%= config.bin %> audit --since 30d --format html -o audit.html',
  ];

  static override strict = false;

  static override args = {
    path: Args.string({
      description: 'files, folders, patterns or s3://BUCKET/PREFIX of CloudTrail records to audit; - for stdin',
      ignoreStdin: true,
    }),
  };

  static override flags = {
    since: sinceFlag,
    until: untilFlag,
    'all-secrets': Flags.boolean({ summary: 'audit every secret of the account and Region instead of one' }),
    principal: principalFlag,
    follow: Flags.boolean({
      char: 'f',
      summary: 'go on until Ctrl-C: print each new access with its explanation, as CloudTrail delivers it',
      exclusive: ['until', 'fail-on', 'format', 'output'],
    }),
    'fail-on': Flags.option({
      summary: 'exit 3 when there is a finding of this severity or worse',
      options: SEVERITIES,
    })(),
    region: regionsFlag,
    cache: cacheFlag,
    guards: guardsFlag,
    format: Flags.option({ summary: 'kind of report', options: REPORT_FORMATS, default: 'table' as ReportFormat })(),
    output: Flags.string({
      char: 'o',
      summary: 'file to write the report to (default: standard output)',
      helpValue: 'FILE',
    }),
    cluster: clusterFlag,
    service: serviceFlag,
  };

  async run(): Promise<AuditResult | undefined> {
    const { flags, argv } = await this.parse(Audit);
    const { settings, context } = await this.begin({ ...flags, region: homeRegion(flags.region) });
    const [{ auditRequest }, { baselineFile }] = await Promise.all([
      import('../lib/audit/request.ts'),
      import('../lib/cli/baseline.ts'),
    ]);
    const words = {
      ...flags,
      allSecrets: flags['all-secrets'],
      principals: flags.principal,
      regions: flags.region,
      // A poll looks back for minutes, and the cache would have it read the whole hour.
      cache: flags.cache && !flags.follow,
      files: filesOf(argv.map(String)),
    };
    const request = auditRequest(settings, words, await baselineFile(context));
    if (flags.follow) {
      await this.#follow(request, context);
      return undefined;
    }
    const { result, draw } = await this.#audit(flags, request, context);
    if (flags['fail-on'] && reaches(result.findings, flags['fail-on'])) this.exitWith(EXIT.findings);
    else if (!result.sources.every(({ complete }) => complete)) this.exitWith(EXIT.partial);
    return draw === null ? result : this.present(result, draw);
  }

  /** @returns the result, and what draws it; null where a report has had standard output */
  async #audit(
    { format, output }: { format: ReportFormat; output?: string | undefined },
    request: AuditRequest,
    context: Context,
  ) {
    const { drawAudit, drawWritten } = await import('../lib/audit/report.ts');
    if (format === 'table' && output === undefined) {
      const { auditSecret } = await import('../lib/audit/audit.ts');
      return { result: await auditSecret(request, context), draw: drawAudit };
    }
    const [{ auditInto }, { ownStdout }] = await Promise.all([
      import('../lib/audit/reports/run.ts'),
      import('../lib/cli/stdout.ts'),
    ]);
    const [file, json] = [output ?? null, this.jsonEnabled()];
    const { version } = this.config;
    const { result, bytes } = await auditInto({ format, file, version, json, stdout: ownStdout }, request, context);
    if (file === null) return { result, draw: null };
    return { result, draw: (shown: AuditResult, canvas: Canvas) => drawWritten(shown, { file, bytes }, canvas) };
  }

  /** Each access is a line at once, and the end is one too: of text, or of JSON. Ctrl-C ends it as it is meant to. */
  async #follow(request: AuditRequest, context: Context): Promise<void> {
    const [{ drawFollowed, drawSummary, follow }, { canvasOf }, { writeLine }] = await Promise.all([
      import('../lib/audit/follow.ts'),
      import('../lib/cli/canvas.ts'),
      import('../lib/cli/lines.ts'),
    ]);
    const { ink } = await canvasOf(process.stdout);
    const write = (result: object, text: string) => {
      this.settle();
      writeLine(this.jsonEnabled(), result, text);
    };
    const summary = await follow(
      request,
      (event) => {
        write(event, drawFollowed(event, ink));
      },
      context,
    );
    write({ kind: 'end', ...summary }, drawSummary(summary, ink));
  }
}
