import * as Flags from '@oclif/core/flags';
import type { VerifyResult } from '../../lib/audit/verify.ts';
import { BaseCommand } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { EXIT } from '../../lib/errors.ts';

export default class AuditVerify extends BaseCommand {
  static override summary =
    'verify that the break-glass log, and the access log and files of the local store, are as they were written';

  static override description =
    prose(`Checks each line of the log against its MAC and its place, the log's end against the sealed state (and the
keychain), and each file of a secret against the log: edited, deleted and cut lines, exchanged, older and missing files
are told by name and line.

The break-glass log, in which secrets reveal and export sign for each value, is checked line by line, whatever the
store is: for a store other than the local one, that is all.

The head that it prints, kept elsewhere, proves later that nothing up to that line was changed: pass it with --head.

Exit codes: 3 when something was found and not accepted.`);

  static override examples = [
    '<%= config.bin %> audit verify --store local',
    '<%= config.bin %> audit verify --store local --head 142:5f1c…',
    '<%= config.bin %> audit verify --store local --accept',
  ];

  static override flags = {
    head: Flags.string({ summary: 'compare with a head that was kept elsewhere', helpValue: 'LINES:MAC' }),
    accept: Flags.boolean({
      summary: 'accept what is found: keep the log aside and begin a new one',
      default: false,
    }),
  };

  async run(): Promise<VerifyResult> {
    const { flags } = await this.parse(AuditVerify);
    const { settings, context } = await this.begin(flags);
    const [{ openFindings, verifyRecords }, { drawVerify }, { localOptions }] = await Promise.all([
      import('../../lib/audit/verify.ts'),
      import('../../lib/audit/report-verify.ts'),
      import('../../lib/secrets/open.ts'),
    ]);
    const result = await verifyRecords(
      { store: settings.store, local: localOptions(settings), head: flags.head ?? null, accept: flags.accept },
      context,
    );
    if (openFindings(result) > 0) this.exitWith(EXIT.findings);
    return this.present(result, drawVerify);
  }
}
