import * as Flags from '@oclif/core/flags';
import { BaseCommand, schemaFlag } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { EXPORT_FORMATS } from '../../lib/secrets/export-formats.ts';
import { exportText } from '../../lib/secrets/report-export.ts';
import type { ExportResult } from '../../lib/secrets/export.ts';

export default class SecretsExport extends BaseCommand {
  static override summary = 'export the fields of a secret, as values or as references to them';

  static override description =
    prose(`ecs (the secrets block of a task definition) and k8s (an ExternalSecret) hold no values. All other formats do: they take a --reason, which is recorded first, and production asks for the name of the secret.

A file is made for its owner only. With github, the commands that mask the values go to standard output and the variables are added to the file, which is meant to be "$GITHUB_ENV".`);

  static override examples = [
    '<%= config.bin %> secrets export --format ecs',
    '<%= config.bin %> secrets export --format k8s -o external-secret.yaml',
    '<%= config.bin %> secrets export --format dotenv -o .env.local --env development --reason "local development"',
    '<%= config.bin %> secrets export --format github -o "$GITHUB_ENV" --env staging --reason "deploy job"',
  ];

  static override flags = {
    format: Flags.option({ options: EXPORT_FORMATS, summary: 'how the fields are written', required: true })(),
    output: Flags.string({ char: 'o', summary: 'file to write (default: standard output)', helpValue: 'FILE' }),
    only: Flags.string({
      summary: 'export these fields and no others',
      helpValue: 'FIELD,…',
      multiple: true,
      delimiter: ',',
    }),
    schema: schemaFlag,
    reason: Flags.string({ summary: 'why values are needed; recorded', helpValue: 'TEXT' }),
    stage: Flags.string({ summary: 'staging label of the version', default: 'AWSCURRENT', helpValue: 'LABEL' }),
  };

  async run(): Promise<ExportResult> {
    const { flags } = await this.parse(SecretsExport);
    const { settings, target, context } = await this.beginSecret(flags);
    const { exportSecret } = await import('../../lib/secrets/export.ts');
    const { localStore: folder, user = null } = settings;
    const { reason, stage, format } = flags;
    const result = await exportSecret(
      {
        ...target,
        ...{ stage, format, reason, user, folder },
        only: flags.only ?? [],
        output: flags.output ?? null,
        append: format === 'github',
      },
      context,
    );
    return result.values
      ? this.presentValues(result, exportText(result))
      : this.present(result, (shown) => exportText(shown).trimEnd());
  }
}
