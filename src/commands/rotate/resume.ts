import { BaseCommand, dryRunFlag } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { givenFrom, TAKE_UP_FLAGS } from '../../lib/cli/rotate-flags.ts';
import { drawRotate } from '../../lib/rotation/report.ts';
import type { RotateResult } from '../../lib/rotation/work.ts';

export default class RotateResume extends BaseCommand {
  static override summary = 'finish a rotation, or an undo, that stopped half-way';

  static override description =
    prose(`Where it stands is read from the staging labels, and what it was to do from its claim: which fields, which
strategy, which service to redeploy. Nothing that is done is done again; a value that was made and lost is made anew.

Refused while the process that began it still runs on this machine. Where nothing is under way, that is said, and the
command ends well.`);

  static override examples = [
    '<%= config.bin %> rotate resume',
    '<%= config.bin %> rotate resume --confirm jamf-mcp-server/production --no-input',
    '<%= config.bin %> rotate resume --no-deploy',
  ];

  static override flags = { ...TAKE_UP_FLAGS, 'dry-run': dryRunFlag };

  async run(): Promise<RotateResult> {
    const { flags } = await this.parse(RotateResume);
    const { settings, context } = await this.begin(flags);
    const { rotatorsFrom } = await import('../../lib/rotation/issuers/rotators.ts');
    const { runInput } = await import('../../lib/rotation/input.ts');
    const { resumeRotation } = await import('../../lib/rotation/resume.ts');
    const given = { ...givenFrom(this.config.bin, settings, flags), rotators: rotatorsFrom(process.env) };
    return this.present(await resumeRotation(runInput(settings, given), context), drawRotate);
  }
}
