import { BaseCommand, dryRunFlag } from '../../lib/cli/base.ts';
import { drawRestore } from '../../lib/secrets/report-life.ts';
import type { RestoreResult } from '../../lib/secrets/remove.ts';

export default class SecretsRestore extends BaseCommand {
  static override summary = 'call the deletion of the secret off, while its days are not over';

  static override examples = [
    '<%= config.bin %> secrets restore',
    '<%= config.bin %> secrets restore --secret jamf-mcp-server/staging --json',
  ];

  static override flags = { 'dry-run': dryRunFlag };

  async run(): Promise<RestoreResult> {
    const { flags } = await this.parse(SecretsRestore);
    const { target, context } = await this.beginSecret(flags);
    const { restoreSecret } = await import('../../lib/secrets/remove.ts');
    const request = { ...target, dryRun: flags['dry-run'] };
    return this.present(await restoreSecret(request, context), drawRestore);
  }
}
