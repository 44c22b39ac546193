import * as Args from '@oclif/core/args';
import type { EventExplanation } from '../../lib/audit/explain-event.ts';
import { atHome, filesOf, pathArg, recordFlags } from '../../lib/cli/audit-flags.ts';
import { BaseCommand } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';

export default class AuditExplain extends BaseCommand {
  static override summary = 'tell of one access all that is known, and what was tried to explain it';

  static override description =
    prose(`Every cause is tried, and says why it explains the access or does not. With it come the other records of the
same deed (of KMS, of a batch, of another account), the findings that name it, and what the same identity did within five
minutes.

The event history is asked for the event by its id, and read from a day before it to an hour after; --since and --until
name another stretch. With PATHs files are read instead.`);

  static override examples = [
    '<%= config.bin %> audit explain 1fb0962b-8d29-4ea5-b0f3-b12665a99c40',
    '<%= config.bin %> audit explain line:42 --store local',
    '<%= config.bin %> audit explain 1fb0962b-8d29-4ea5-b0f3-b12665a99c40 ./AWSLogs',
  ];

  static override strict = false;

  static override args = {
    event: Args.string({
      description: 'eventID, as audit --json tells it; line:N of the log of the local store',
      required: true,
      ignoreStdin: true,
    }),
    path: pathArg,
  };

  static override flags = recordFlags;

  async run(): Promise<EventExplanation> {
    const { flags, argv, args } = await this.parse(AuditExplain);
    const { settings, context } = await this.begin(atHome(flags));
    const [{ explainEvent }, { drawEvent }, { auditRequest }, { baselineFile }] = await Promise.all([
      import('../../lib/audit/explain-event.ts'),
      import('../../lib/audit/explain-report.ts'),
      import('../../lib/audit/request.ts'),
      import('../../lib/cli/baseline.ts'),
    ]);
    const words = { ...flags, files: filesOf(argv.slice(1)) };
    const request = auditRequest(settings, words, await baselineFile(context));
    return this.present(await explainEvent(args.event, request, context), drawEvent);
  }
}
