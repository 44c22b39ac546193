import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand, schemaFlag } from '../../lib/cli/base.ts';
import { EXIT } from '../../lib/errors.ts';
import { drawDiff } from '../../lib/secrets/report-life.ts';
import type { DiffResult } from '../../lib/secrets/diff.ts';

export default class SecretsDiff extends BaseCommand {
  static override summary = 'tell which fields differ between two versions of the secret';

  static override description = `Secret values are told apart by their fingerprints; public ones are shown.`;

  static override examples = [
    '<%= config.bin %> secrets diff',
    '<%= config.bin %> secrets diff AWSCURRENT AWSPENDING',
    '<%= config.bin %> secrets diff --exit-code --json',
  ];

  // Left to itself, oclif takes stdin for an argument that is not given.
  static override args = {
    from: Args.string({ description: 'staging label or version id', default: 'AWSPREVIOUS', ignoreStdin: true }),
    to: Args.string({ description: 'staging label or version id', default: 'AWSCURRENT', ignoreStdin: true }),
  };

  static override flags = {
    'exit-code': Flags.boolean({ summary: 'end with 3 where anything differs', default: false }),
    schema: schemaFlag,
  };

  async run(): Promise<DiffResult> {
    const { flags, args } = await this.parse(SecretsDiff);
    const { target, context } = await this.beginSecret(flags);
    const { diffSecret } = await import('../../lib/secrets/diff.ts');
    const request = { ...target, from: args.from, to: args.to };
    const result = await diffSecret(request, context);
    if (flags['exit-code'] && result.different) this.exitWith(EXIT.findings);
    return this.present(result, drawDiff);
  }
}
