import * as Flags from '@oclif/core/flags';
import { BaseCommand, dryRunFlag, schemaFlag } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { drawRollback } from '../../lib/secrets/report-life.ts';
import type { RollbackResult } from '../../lib/secrets/rollback.ts';

export default class SecretsRollback extends BaseCommand {
  static override summary = 'make an older version of the secret current again';

  static override description =
    prose(`Only labels are moved; no value is written. Where the Jamf client differs, Jamf is
asked first whether it still accepts that of the older version: it refuses a client secret as soon as a new one has been
made, and then what is needed is jamf-mcp rotate.

The version that was rolled back from keeps the label JAMFMCPROLLEDBACK, so that the same command again does not undo it.`);

  static override examples = [
    '<%= config.bin %> secrets rollback --dry-run',
    '<%= config.bin %> secrets rollback --confirm jamf-mcp-server/production',
    '<%= config.bin %> secrets rollback --env staging --to 5f0c5e5e-0000-4000-8000-000000000000',
  ];

  static override flags = {
    to: Flags.string({ summary: 'staging label or version id', default: 'AWSPREVIOUS', helpValue: 'VERSION' }),
    force: Flags.boolean({ summary: 'also where Jamf refuses the older client, or cannot be asked', default: false }),
    schema: schemaFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<RollbackResult> {
    const { flags } = await this.parse(SecretsRollback);
    const { target, context } = await this.beginSecret(flags);
    const { rollbackSecret } = await import('../../lib/secrets/rollback.ts');
    const { to, force, 'dry-run': dryRun } = flags;
    const request = { ...target, to, force, dryRun };
    return this.present(await rollbackSecret(request, context), drawRollback);
  }
}
