import { BaseCommand, dryRunFlag } from '../../../lib/cli/base.ts';
import { prose } from '../../../lib/cli/prose.ts';
import { readRotationZip } from '../../../lib/cli/rotation-zip.ts';
import { shellWords } from '../../../lib/cli/shell-words.ts';
import type { RemoveResult } from '../../../lib/rotation/schedule/remove.ts';

export default class RotateScheduleRemove extends BaseCommand {
  static override summary = 'take the rotation schedule away, with everything that was installed for it';

  static override description =
    prose(`The rotation is cancelled first; then go the rule, the function, its role, its queue and its log group. What cannot
be removed is passed over and named in the end, and the same command again goes on. The secret and its values stay.`);

  static override examples = [
    '<%= config.bin %> rotate schedule remove --dry-run',
    '<%= config.bin %> rotate schedule remove --confirm jamf-mcp-server/production --no-input',
  ];

  static override flags = { 'dry-run': dryRunFlag };

  async run(): Promise<RemoveResult> {
    const { flags } = await this.parse(RotateScheduleRemove);
    const { settings, context } = await this.begin(flags);
    const [{ openStore }, { removeSchedule }, { drawRemove }] = await Promise.all([
      import('../../../lib/secrets/open.ts'),
      import('../../../lib/rotation/schedule/remove.ts'),
      import('../../../lib/rotation/schedule/report.ts'),
    ]);
    const { secret, environment, aws } = settings;
    const zip = await readRotationZip();
    const store = await openStore(settings, context);
    const command = shellWords(this.config.bin, 'rotate schedule remove', flags, REPEATED);
    const input = { store, secret, environment, aws, zip, dryRun: flags['dry-run'], command };
    return this.present(await removeSchedule(input, context), drawRemove);
  }
}

/** The flags that the command which goes on needs again. */
const REPEATED = ['env', 'store', 'secret', 'profile', 'region', 'yes', 'confirm', 'no-input'];
