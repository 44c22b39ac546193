import * as Flags from '@oclif/core/flags';
import { BaseCommand, dryRunFlag, tagFlag } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { drawInit } from '../../lib/secrets/report.ts';
import { readText } from '../../lib/cli/input.ts';
import type { InitResult } from '../../lib/secrets/init.ts';

export default class SecretsInit extends BaseCommand {
  static override summary = 'create the secret, its Jamf client tried before anything is stored';

  static override description =
    prose(`Fields come from a file (dotenv or a JSON object) or stdin; what is missing is asked for, secret values without an echo. No value is ever taken from a flag.

An existing secret is left alone unless --update is given.`);

  static override examples = [
    '<%= config.bin %> secrets init',
    '<%= config.bin %> secrets init --from-file .env --env staging',
    'op inject -i fields.tpl | <%= config.bin %> secrets init --from-file -',
    '<%= config.bin %> secrets init --update --from-file new.env --dry-run',
    '<%= config.bin %> secrets init --update --resource-policy policy.json',
  ];

  static override flags = {
    'from-file': Flags.string({ summary: 'dotenv or JSON file with the fields, - for stdin', helpValue: 'FILE' }),
    update: Flags.boolean({ summary: 'merge the given fields into a secret that exists', default: false }),
    verify: Flags.boolean({ summary: 'try the Jamf client before storing it', default: true, allowNo: true }),
    'kms-key': Flags.string({
      summary: 'KMS key to encrypt a new secret with (default: aws/secretsmanager)',
      helpValue: 'ID|ARN|ALIAS',
    }),
    'resource-policy': Flags.string({
      summary: 'JSON file with a resource policy for the secret (AWS); with --update and no fields, set just that',
      helpValue: 'FILE',
    }),
    tag: tagFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<InitResult> {
    const { flags } = await this.parse(SecretsInit);
    const { settings, context } = await this.begin(flags);
    const { 'from-file': file, 'resource-policy': policyFile } = flags;
    const { initSecret } = await import('../../lib/secrets/init.ts');
    const { openStore } = await import('../../lib/secrets/open.ts');
    const { tagsFrom } = await import('../../lib/secrets/rules.ts');
    const { schemaFor } = await import('../../lib/secrets/schema.ts');
    const given =
      file === undefined ? {} : (await import('../../lib/secrets/dotenv.ts')).parseFields(...(await readText(file)));
    const policy =
      policyFile === undefined
        ? null
        : (await import('../../lib/secrets/resource-policy.ts')).checkPolicy(...(await readText(policyFile)));
    const result = await initSecret(
      {
        store: await openStore(settings, context),
        secret: settings.secret,
        environment: settings.environment,
        schema: schemaFor(settings),
        given,
        update: flags.update,
        tags: tagsFrom(flags.tag ?? []),
        verify: flags.verify,
        kmsKeyId: flags['kms-key'] ?? null,
        resourcePolicy: policy,
        dryRun: flags['dry-run'],
      },
      context,
    );
    return this.present(result, drawInit);
  }
}
