import * as Flags from '@oclif/core/flags';
import { BaseCommand, dryRunFlag } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { drawCopy } from '../../lib/secrets/report-life.ts';
import { STORE_KINDS } from '../../lib/secrets/store.ts';
import type { CopyResult } from '../../lib/secrets/copy.ts';

export default class SecretsCopy extends BaseCommand {
  static override summary = 'copy the secret with its labelled versions into another store';

  static override description =
    prose(`Labels and tags go along. The secret stays where it is; delete it there when nothing reads it any more.
The same command again, after a crash or after changes in the first store, finds what was copied and goes on from there.
A secret of that name which has versions of its own is left alone unless --update is given.`);

  static override examples = [
    '<%= config.bin %> secrets copy --to local',
    '<%= config.bin %> secrets copy --from local --to aws --to-secret jamf-mcp-server/staging',
    '<%= config.bin %> secrets copy --from aws --to local --dry-run',
  ];

  static override flags = {
    from: Flags.option({ summary: 'store to copy from (default: that of the settings)', options: STORE_KINDS })(),
    to: Flags.option({ summary: 'store to copy to', options: STORE_KINDS, required: true })(),
    'to-secret': Flags.string({ summary: 'name of the copy (default: the same name)', helpValue: 'NAME' }),
    update: Flags.boolean({ summary: 'add to a secret that has versions of its own', default: false }),
    'dry-run': dryRunFlag,
  };

  async run(): Promise<CopyResult> {
    const { flags } = await this.parse(SecretsCopy);
    const { settings, context } = await this.begin(flags);
    const { openStore } = await import('../../lib/secrets/open.ts');
    const { copySecret } = await import('../../lib/secrets/copy.ts');
    const result = await copySecret(
      {
        from: await openStore({ ...settings, store: flags.from ?? settings.store }, context),
        to: await openStore({ ...settings, store: flags.to }, context),
        secret: settings.secret,
        toSecret: flags['to-secret'] ?? settings.secret,
        environment: settings.environment,
        update: flags.update,
        dryRun: flags['dry-run'],
      },
      context,
    );
    return this.present(result, drawCopy);
  }
}
