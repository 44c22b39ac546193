import * as Flags from '@oclif/core/flags';
import { BaseCommand, dryRunFlag } from '../../lib/cli/base.ts';
import { drawDelete } from '../../lib/secrets/report-life.ts';
import type { DeleteResult } from '../../lib/secrets/remove.ts';

export default class SecretsDelete extends BaseCommand {
  static override summary = 'delete the secret, after days in which it can be restored or at once';

  static override description = `A secret that is scheduled for deletion is read by nobody. One that is scheduled already keeps its date.`;

  static override examples = [
    '<%= config.bin %> secrets delete --env staging',
    '<%= config.bin %> secrets delete --window 7 --confirm jamf-mcp-server/production',
    '<%= config.bin %> secrets delete --env preview --now --confirm jamf-mcp-server/preview',
  ];

  static override flags = {
    window: Flags.integer({
      summary: 'days in which it can be restored, 7 to 30',
      default: 30,
      helpValue: 'DAYS',
      exclusive: ['now'],
    }),
    now: Flags.boolean({ summary: 'delete it at once, which nothing takes back', default: false }),
    'dry-run': dryRunFlag,
  };

  async run(): Promise<DeleteResult> {
    const { flags } = await this.parse(SecretsDelete);
    const { target, context } = await this.beginSecret(flags);
    const { deleteSecret } = await import('../../lib/secrets/remove.ts');
    const windowDays = flags.now ? 0 : flags.window;
    const request = { ...target, windowDays, dryRun: flags['dry-run'] };
    return this.present(await deleteSecret(request, context), drawDelete);
  }
}
