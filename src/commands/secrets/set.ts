import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { BaseCommand, dryRunFlag, schemaFlag } from '../../lib/cli/base.ts';
import { prose } from '../../lib/cli/prose.ts';
import { readText } from '../../lib/cli/input.ts';
import { ALPHABET_NAMES } from '../../lib/secrets/generate.ts';
import { drawChange } from '../../lib/secrets/report-life.ts';
import type { ChangeResult } from '../../lib/secrets/set.ts';

export default class SecretsSet extends BaseCommand {
  static override summary = 'set fields of the secret, every other field left as it is';

  static override description = prose(`Values are asked for one after the other, secret ones without an echo, or come
from a file, from stdin, or from this machine's source of randomness; never from an argument.

The new version is made from the current one, and becomes current only if that one still is: where somebody else changed
other fields meanwhile, the change is added to theirs; where they changed the same field, theirs stays.`);

  static override examples = [
    '<%= config.bin %> secrets set AUTH0_CLIENT_SECRET',
    'op read op://ops/jamf/secret | <%= config.bin %> secrets set JAMF_CLIENT_SECRET --from-file - --yes',
    '<%= config.bin %> secrets set SESSION_KEY --generate --length 64 --alphabet base64url',
  ];

  // Left to itself, oclif takes the value on stdin for the name of the field.
  static override args = {
    fields: Args.string({ description: 'names of the fields', multiple: true, required: true, ignoreStdin: true }),
  };

  static override flags = {
    'from-file': Flags.string({
      summary: 'file with the value of the one field, - for stdin; the line break at its end is not part of it',
      helpValue: 'FILE',
      exclusive: ['generate'],
    }),
    generate: Flags.boolean({ summary: 'make the value here', default: false }),
    length: Flags.integer({ summary: 'characters of a generated value', default: 40, helpValue: 'N' }),
    alphabet: Flags.option({
      summary: 'characters to choose from; ascii: every printable one but the space',
      options: ALPHABET_NAMES,
      default: 'alnum' as const,
    })(),
    schema: schemaFlag,
    'dry-run': dryRunFlag,
  };

  async run(): Promise<ChangeResult> {
    const { flags, args } = await this.parse(SecretsSet);
    const { settings, target, context } = await this.beginSecret(flags);
    const { schemaFor } = await import('../../lib/secrets/schema.ts');
    const { setFields } = await import('../../lib/secrets/set.ts');
    const file = flags['from-file'];
    const result = await setFields(
      {
        ...target,
        schema: schemaFor(settings),
        names: args.fields,
        given: file === undefined ? null : (await readText(file))[0],
        generate: flags.generate ? { length: flags.length, alphabet: flags.alphabet } : null,
        dryRun: flags['dry-run'],
      },
      context,
    );
    return this.present(result, drawChange);
  }
}
