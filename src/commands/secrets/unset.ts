import * as Args from '@oclif/core/args';
import { BaseCommand, dryRunFlag, schemaFlag } from '../../lib/cli/base.ts';
import { drawChange } from '../../lib/secrets/report-life.ts';
import type { ChangeResult } from '../../lib/secrets/set.ts';

export default class SecretsUnset extends BaseCommand {
  static override summary = 'take fields out of the secret, every other field left as it is';

  static override description = `Fields that the schema requires are named in a warning; without a terminal, --yes is needed to take any field away. A field that the secret does not have is an error, unless the version before had it.`;

  static override examples = [
    '<%= config.bin %> secrets unset OLD_TOKEN',
    '<%= config.bin %> secrets unset OLD_TOKEN OLD_URL --yes --env staging',
  ];

  static override args = {
    fields: Args.string({ description: 'names of the fields', multiple: true, required: true, ignoreStdin: true }),
  };

  static override flags = { schema: schemaFlag, 'dry-run': dryRunFlag };

  async run(): Promise<ChangeResult> {
    const { flags, args } = await this.parse(SecretsUnset);
    const { settings, target, context } = await this.beginSecret(flags);
    const { schemaFor } = await import('../../lib/secrets/schema.ts');
    const { unsetFields } = await import('../../lib/secrets/set.ts');
    const schema = schemaFor(settings);
    const request = { ...target, schema, names: args.fields, dryRun: flags['dry-run'] };
    return this.present(await unsetFields(request, context), drawChange);
  }
}
