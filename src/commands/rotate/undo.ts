import { BaseCommand, dryRunFlag } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { givenFrom, TAKE_UP_FLAGS } from '../../lib/cli/rotate-flags.ts';
import { drawRotate } from '../../lib/rotation/report.ts';
import type { RotateResult } from '../../lib/rotation/work.ts';

export default class RotateUndo extends BaseCommand {
  static override summary = 'go back to the value before the last rotation, where it is still accepted';

  static override description =
    prose(`AWSCURRENT goes back to the version before, the service is redeployed as the rotation did it, and every task is
checked. With two Jamf clients that take turns that works until the next rotation. With one client Jamf refuses the value
before from the moment the new one was made: then the command is refused, and rotate makes another new value.`);

  static override examples = [
    '<%= config.bin %> rotate undo --dry-run',
    '<%= config.bin %> rotate undo --confirm jamf-mcp-server/production',
  ];

  static override flags = { ...TAKE_UP_FLAGS, 'dry-run': dryRunFlag };

  async run(): Promise<RotateResult> {
    const { flags } = await this.parse(RotateUndo);
    const { settings, context } = await this.begin(flags);
    const { rotatorsFrom } = await import('../../lib/rotation/issuers/rotators.ts');
    const { runInput } = await import('../../lib/rotation/input.ts');
    const { undo } = await import('../../lib/rotation/undo.ts');
    const given = { ...givenFrom(this.config.bin, settings, flags), rotators: rotatorsFrom(process.env) };
    return this.present(await undo(runInput(settings, given), context), drawRotate);
  }
}
