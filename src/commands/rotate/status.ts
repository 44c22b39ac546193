import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { repeatOf } from '../../lib/cli/rotate-flags.ts';
import { stillRuns, thisProcess } from '../../lib/cli/runner.ts';
import { EXIT } from '../../lib/errors.ts';
import { drawStatus } from '../../lib/rotation/report-status.ts';
import type { StatusResult } from '../../lib/rotation/status.ts';

export default class RotateStatus extends BaseCommand {
  static override summary = 'tell whether a rotation is under way, how far it has come, and what came of the last ones';

  static override description = prose(`Where it stands is read from the staging labels and the claim of the rotation:
who began it, when, on which machine, and whether that process still runs, where this can be known. Nothing is changed
and no issuer is asked. The records are those of this machine; a rotation function keeps none, of it rotate schedule
status tells.

Exit codes: 3 when a record was changed or damaged.`);

  static override examples = ['<%= config.bin %> rotate status', '<%= config.bin %> rotate status --limit 1 --json'];

  static override flags = {
    limit: Flags.integer({ summary: 'records to tell', default: 5, min: 0, helpValue: 'N' }),
  };

  async run(): Promise<StatusResult> {
    const { flags } = await this.parse(RotateStatus);
    const { settings, context } = await this.begin(flags);
    const { openStore } = await import('../../lib/secrets/open.ts');
    const { hasDoubt, rotationStatus } = await import('../../lib/rotation/status.ts');
    const result = await rotationStatus(
      {
        store: await openStore(settings, context),
        secret: settings.secret,
        environment: settings.environment,
        aws: settings.aws,
        folder: settings.localStore,
        limit: flags.limit,
        isRunning: stillRuns,
        runner: thisProcess(settings.user ?? null),
        command: repeatOf(this.config.bin, flags),
      },
      context,
    );
    if (hasDoubt(result)) this.exitWith(EXIT.findings);
    return this.present(result, drawStatus);
  }
}
