import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../../lib/cli/base.ts';
import { EXIT } from '../../lib/errors.ts';
import { drawList } from '../../lib/secrets/report.ts';
import type { ListResult } from '../../lib/secrets/list.ts';

export default class SecretsList extends BaseCommand {
  static override summary = 'list the secrets that belong together by their prefix';

  static override description = `The prefix is that of the configured secret: jamf-mcp-server/ unless something else is configured.`;

  static override examples = [
    '<%= config.bin %> secrets list',
    '<%= config.bin %> secrets list --all',
    '<%= config.bin %> secrets list --prefix payroll/ --json',
  ];

  static override flags = {
    prefix: Flags.string({ summary: 'beginning of the names to list', helpValue: 'TEXT', exclusive: ['all'] }),
    all: Flags.boolean({ summary: 'list every secret of the store', default: false }),
  };

  async run(): Promise<ListResult> {
    const { flags } = await this.parse(SecretsList);
    const { settings, context } = await this.begin(flags);
    const { familyOf, listSecrets } = await import('../../lib/secrets/list.ts');
    const { openStore } = await import('../../lib/secrets/open.ts');
    const prefix = flags.all ? '' : (flags.prefix ?? familyOf(settings.secret));
    const store = await openStore(settings, context);
    const result = await listSecrets({ store, prefix }, context);
    if (result.skipped.length > 0) this.exitWith(EXIT.partial);
    return this.present(result, drawList);
  }
}
