import * as Flags from '@oclif/core/flags';
import { BaseCommand, schemaFlag } from '../../lib/cli/base.ts';
import { splitCommand } from '../../lib/cli/child.ts';
import { prose } from '../../lib/cli/prose.ts';

export default class SecretsExec extends BaseCommand {
  static override summary =
    'run a command with the fields of the secret in its environment, and end with its exit code';

  static override description = prose(`What follows -- is a program and its arguments, not a shell line: variables in
it are those of your own shell. For the child's, write -- sh -c 'echo "$JAMF_URL"'.

The command is not started unless the secret could be read and holds every field it should. Streams, terminal and
signals are the child's; the exit code is its own, or 128 + n where signal n ended it.

--mask replaces secret values in the child's output by ***. On a terminal this needs the program script; where stdin,
stdout and stderr are not all the terminal, the child's output is a pipe. A value is known as it is, in JSON,
percent-encoded and in base64; one that a program prints in pieces of its own making is not.

--watch looks every --interval whether another version carries the label, without reading a value, and restarts the
child with the new values, or sends it a signal.`);

  static override usage = '<%= command.id %> [FLAGS] -- COMMAND [ARGUMENT…]';

  static override examples = [
    '<%= config.bin %> secrets exec -- node server.js',
    '<%= config.bin %> secrets exec --only JAMF_URL,JAMF_CLIENT_ID,JAMF_CLIENT_SECRET --pristine -- ./sync.sh',
    '<%= config.bin %> secrets exec --secret nba-mcp/production/database --database-url -- psql',
    '<%= config.bin %> secrets exec --watch --on-change signal:SIGHUP -- ./server',
  ];

  static override flags = {
    stage: Flags.string({ summary: 'staging label of the version', default: 'AWSCURRENT', helpValue: 'LABEL' }),
    only: Flags.string({
      summary: 'take these fields only',
      helpValue: 'FIELD,…',
      multiple: true,
      delimiter: ',',
      multipleNonGreedy: true,
    }),
    prefix: Flags.string({ summary: 'put this before the name of each variable', helpValue: 'TEXT' }),
    map: Flags.string({
      summary: 'call the variable of a field otherwise; may be repeated',
      helpValue: 'NAME=FIELD',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'database-url': Flags.boolean({ summary: 'add DATABASE_URL, composed from the database fields', default: false }),
    pristine: Flags.boolean({
      summary: 'nothing else in the environment but PATH, HOME, TERM and their like',
      default: false,
    }),
    mask: Flags.boolean({ summary: "replace secret values in the child's output by ***", default: false }),
    watch: Flags.boolean({ summary: 'follow the secret while the child runs' }),
    interval: Flags.string({
      summary: 'how often to look for a new version (default: 30s)',
      helpValue: 'TIME',
      dependsOn: ['watch'],
    }),
    'on-change': Flags.string({
      summary: 'what to do then: restart (the default), or signal:NAME',
      helpValue: 'ACTION',
      dependsOn: ['watch'],
    }),
    'stop-within': Flags.string({
      summary: 'how long a restarted child may take to end before it is killed (default: 10s)',
      helpValue: 'TIME',
      dependsOn: ['watch'],
    }),
    schema: schemaFlag,
  };

  async run(): Promise<void> {
    const { own, command } = splitCommand(this.argv);
    const { flags } = await this.parse(SecretsExec, own);
    const { settings, context } = await this.begin(flags);
    const { execWithSecret } = await import('../../lib/cli/exec.ts');
    process.exitCode = await execWithSecret(command, flags, settings, context);
  }
}
