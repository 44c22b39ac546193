import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand, dryRunFlag, schemaFlag, tagFlag } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { IMPORT_FORMATS } from '../../lib/secrets/formats.ts';
import { drawImport } from '../../lib/secrets/report-import.ts';
import type { ImportResult } from '../../lib/secrets/import.ts';

export default class SecretsImport extends BaseCommand {
  static override summary = 'import the credentials of a file or of another secret, as one version';

  static override description =
    prose(`Takes the fields that the schema knows, however they are spelt (client_id, jamf-client-id and JAMF_CLIENT_ID are one), and whatever else looks like a credential; settings are left where they are. From another secret it takes everything.

--split makes one secret for each kind of credential: PREFIX/ENVIRONMENT/database, /aws, /s3 and so on. --rewrite then makes the file safe to commit: it keeps the settings and the name of the secret, and the original becomes FILE.old, for you alone and ignored by git.`);

  static override examples = [
    '<%= config.bin %> secrets import .env',
    '<%= config.bin %> secrets import .env --split --prefix nba-mcp --rewrite',
    '<%= config.bin %> secrets import settings.toml --schema database --only DB_PASSWORD --update',
    'vault kv get -format=json -field=data secret/jamf | <%= config.bin %> secrets import -',
    '<%= config.bin %> secrets import --from-secret jamf-credentials',
  ];

  static override args = { file: Args.string({ description: 'file to import, - for stdin', ignoreStdin: true }) };

  static override flags = {
    'from-secret': Flags.string({ summary: 'import another secret of the same store', helpValue: 'NAME' }),
    format: Flags.option({ options: IMPORT_FORMATS, summary: 'format of the file (default: by its name)' })(),
    schema: schemaFlag,
    only: Flags.string({
      summary: 'import these fields and no others',
      helpValue: 'FIELD,…',
      multiple: true,
      delimiter: ',',
    }),
    split: Flags.boolean({ summary: 'make one secret for each kind of credential', default: false }),
    prefix: Flags.string({
      summary: 'beginning of the names of secrets (default: that of the secret)',
      helpValue: 'TEXT',
    }),
    rewrite: Flags.boolean({ summary: 'make the dotenv file safe afterwards', default: false }),
    update: Flags.boolean({ summary: 'merge into secrets that exist', default: false }),
    tag: tagFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<ImportResult> {
    const { args, flags } = await this.parse(SecretsImport);
    const { settings, target, context } = await this.beginSecret(flags);
    const { importSecrets } = await import('../../lib/secrets/import.ts');
    const { splitSchemas } = await import('../../lib/secrets/import-plan.ts');
    const { sourceOf } = await import('../../lib/cli/import-source.ts');
    const { familyOf } = await import('../../lib/secrets/list.ts');
    const { tagsFrom } = await import('../../lib/secrets/rules.ts');
    const { schemaFor } = await import('../../lib/secrets/schema.ts');
    const prefix = (flags.prefix ?? familyOf(target.secret)).replace(/\/$/, '');
    const result = await importSecrets(
      {
        ...target,
        secret: flags.prefix === undefined ? target.secret : `${prefix}/${target.environment}`,
        schema: schemaFor(settings),
        split: flags.split ? { prefix, schemas: splitSchemas(settings.schemas) } : null,
        source: await sourceOf(args.file, flags['from-secret'], flags.format, target.store),
        only: flags.only ?? [],
        update: flags.update,
        tags: tagsFrom(flags.tag ?? []),
        rewrite: flags.rewrite ? (args.file ?? null) : null,
        dryRun: flags['dry-run'],
      },
      context,
    );
    return this.present(result, drawImport);
  }
}
