import { BaseCommand, dryRunFlag } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { givenFrom } from '../../lib/cli/rotate-flags.ts';
import { drawRotate } from '../../lib/rotation/report.ts';
import type { RotateResult } from '../../lib/rotation/work.ts';

export default class RotateAbort extends BaseCommand {
  static override summary =
    'give a rotation up that has not made its value current, where that leaves a secret that works';

  static override description =
    prose(`The claim or the staged value is withdrawn: AWSPENDING is taken off, and AWSCURRENT stays where it is. Before
that, the issuer is asked whether it still accepts the value that is current; where it does not, nothing is changed, and
rotate resume is what helps.

AWSPENDING that a rotation function of AWS has left behind is taken off as well.`);

  static override examples = [
    '<%= config.bin %> rotate abort --dry-run',
    '<%= config.bin %> rotate abort --confirm jamf-mcp-server/production',
  ];

  static override flags = { 'dry-run': dryRunFlag };

  async run(): Promise<RotateResult> {
    const { flags } = await this.parse(RotateAbort);
    const { settings, context } = await this.begin(flags);
    const { rotatorsFrom } = await import('../../lib/rotation/issuers/rotators.ts');
    const { runInput } = await import('../../lib/rotation/input.ts');
    const { abort } = await import('../../lib/rotation/abort.ts');
    const given = {
      ...givenFrom(this.config.bin, settings, flags),
      rotators: rotatorsFrom(process.env),
      noDeploy: true,
    };
    return this.present(await abort(runInput(settings, given), context), drawRotate);
  }
}
