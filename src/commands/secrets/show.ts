import * as Flags from '@oclif/core/flags';
import { BaseCommand, schemaFlag } from '../../lib/cli/base.ts';
import type { ShowResult } from '../../lib/secrets/show.ts';

export default class SecretsShow extends BaseCommand {
  static override summary = 'show a secret, its secret values masked: fields, version, labels, rotation';

  static override description = `Each field has a fingerprint: 8 digits that change when the value changes, and from which it cannot be told.`;

  static override examples = [
    '<%= config.bin %> secrets show',
    '<%= config.bin %> secrets show --env staging --stage AWSPREVIOUS',
    '<%= config.bin %> secrets show --json',
  ];

  static override flags = {
    stage: Flags.string({ summary: 'staging label of the version to show', default: 'AWSCURRENT', helpValue: 'LABEL' }),
    schema: schemaFlag,
  };

  async run(): Promise<ShowResult> {
    const { flags } = await this.parse(SecretsShow);
    const { target, context } = await this.beginSecret(flags);
    const { showSecret } = await import('../../lib/secrets/show.ts');
    const result = await showSecret({ ...target, stage: flags.stage }, context);
    // What measures and breaks text takes 12 ms to load, which a script that asks for JSON need not wait for.
    const draw = this.jsonEnabled() ? () => '' : (await import('../../lib/secrets/report.ts')).drawShow;
    return this.present(result, draw);
  }
}
