import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand, schemaFlag } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { jsonText } from '../../lib/format/json.ts';
import type { RevealResult } from '../../lib/secrets/reveal.ts';

export default class SecretsReveal extends BaseCommand {
  static override summary = 'show the value of one field, or of all, for a reason that is recorded first';

  static override description =
    prose(`The reason goes into the signed break-glass log of this machine before the value is read, and on AWS into CloudTrail with the read itself. Production asks for the name of the secret.

One field is printed to the byte, for a pipe; all fields are printed as JSON.`);

  static override examples = [
    '<%= config.bin %> secrets reveal JAMF_CLIENT_ID --reason "INC-4711: compare with Jamf"',
    '<%= config.bin %> secrets reveal DB_PASSWORD --env staging --reason "restore of the test data" | pbcopy',
    '<%= config.bin %> secrets reveal --json --reason "INC-4712" --confirm jamf-mcp-server/production',
  ];

  static override args = { field: Args.string({ description: 'field to show (default: all)', ignoreStdin: true }) };

  static override flags = {
    reason: Flags.string({ summary: 'why the value is needed; recorded', helpValue: 'TEXT' }),
    stage: Flags.string({ summary: 'staging label of the version', default: 'AWSCURRENT', helpValue: 'LABEL' }),
    schema: schemaFlag,
  };

  async run(): Promise<RevealResult> {
    const { args, flags } = await this.parse(SecretsReveal);
    const { settings, target, context } = await this.beginSecret(flags);
    const { revealSecret } = await import('../../lib/secrets/reveal.ts');
    const { localStore: folder, user = null } = settings;
    const { reason, stage } = flags;
    const field = args.field ?? null;
    const result = await revealSecret({ ...target, stage, field, reason, user, folder }, context);
    const [only = ''] = Object.values(result.values);
    return this.presentValues(result, field === null ? `${jsonText(result.values)}\n` : only);
  }
}
