import { BaseCommand } from '../../../lib/cli/base.ts';
import { prose } from '../../../lib/cli/prose.ts';
import { readRotationZip } from '../../../lib/cli/rotation-zip.ts';
import { EXIT } from '../../../lib/errors.ts';
import type { ScheduleStatus } from '../../../lib/rotation/schedule/status.ts';

export default class RotateScheduleStatus extends BaseCommand {
  static override summary =
    'show the rotation schedule: what is installed, the next date, what is missing or was changed';

  static override description =
    prose(`Compares every part with what this version of the program would install: the code of the function, its role's
rights, who may call it, the rule, the rotation itself. Changes nothing.

Exit codes: 3 when something is missing, was changed, or is late.`);

  static override examples = [
    '<%= config.bin %> rotate schedule status',
    '<%= config.bin %> rotate schedule status --json',
  ];

  async run(): Promise<ScheduleStatus> {
    const { flags } = await this.parse(RotateScheduleStatus);
    const { settings, context } = await this.begin(flags);
    const [{ openStore }, { scheduleStatus }, { drawScheduleStatus }] = await Promise.all([
      import('../../../lib/secrets/open.ts'),
      import('../../../lib/rotation/schedule/status.ts'),
      import('../../../lib/rotation/schedule/report.ts'),
    ]);
    const { secret, environment, aws } = settings;
    const zip = await readRotationZip();
    const store = await openStore(settings, context);
    const result = await scheduleStatus({ store, secret, environment, aws, zip }, context);
    if (result.state === 'attention') this.exitWith(EXIT.findings);
    return this.present(result, drawScheduleStatus);
  }
}
