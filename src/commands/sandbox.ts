import * as Flags from '@oclif/core/flags';
import { BaseCommand } from '../lib/cli/base.ts';
import { onInterrupt } from '../lib/cli/interrupt.ts';
import { runChild, splitCommand } from '../lib/cli/child.ts';
import { sandboxed, surround } from '../lib/cli/sandbox.ts';
import { ECS_OUTCOMES } from '../lib/sandbox/ecs-model.ts';
import { startSandbox } from '../lib/sandbox/index.ts';

/** The secret that every command works on without a configuration. */
const SECRET = 'jamf-mcp-server/production';

export default class Sandbox extends BaseCommand {
  static override summary = 'try everything with no account: loopback AWS, Jamf Pro and Auth0';
  static override description =
    'Alone it stays up and prints the exports to paste into another shell. With -- CMD it runs one command inside and ends with its exit code. ' +
    'Secrets Manager, ECS, Lambda, EventBridge, CloudTrail, IAM, STS, SQS, Logs, KMS reads, Jamf Pro and Auth0 are behind it; state is in memory and gone at the end. ' +
    'A dotenv file with the eight fields that its Jamf and Auth0 accept is at $JAMF_MCP_SANDBOX_FIELDS.';
  static override usage = ['<%= command.id %> [FLAGS]', '<%= command.id %> [FLAGS] -- COMMAND [ARGUMENT…]'];
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    `<%= config.bin %> <%= command.id %> -- sh -c '<%= config.bin %> secrets init --from-file "$JAMF_MCP_SANDBOX_FIELDS"'`,
  ];
  static override flags = {
    outcome: Flags.option({ options: ECS_OUTCOMES, summary: 'how ECS deployments end', default: 'steady' as const })(),
    speed: Flags.integer({
      summary: 'how many times faster than the default ECS deploys',
      default: 1,
      min: 1,
      max: 1000,
    }),
    'delivery-delay': Flags.integer({
      summary: 'seconds until CloudTrail shows an event',
      default: 0,
      min: 0,
      max: 3600,
      helpValue: 'SECONDS',
    }),
    seed: Flags.integer({ summary: 'for made-up ids and computers: the same seed gives the same', default: 1 }),
    history: Flags.boolean({ summary: 'start with a made-up past in CloudTrail', default: true, allowNo: true }),
  };

  async run(): Promise<void> {
    const { own, command } = splitCommand(this.argv);
    const { flags } = await this.parse(Sandbox, own);
    const sandbox = await startSandbox({
      outcome: flags.outcome,
      speed: flags.speed,
      deliveryDelayMs: flags['delivery-delay'] * 1000,
      seed: flags.seed,
      history: flags.history,
    });
    const surroundings = await surround(sandbox);
    try {
      const { variables } = surroundings;
      if (command.length > 0)
        process.exitCode = await runChild(command, { env: sandboxed(process.env, variables, SECRET) });
      else await this.stayUp(variables);
    } finally {
      await surroundings.remove();
      await sandbox.close();
    }
  }

  private async stayUp(variables: Record<string, string>): Promise<void> {
    const stopped = onInterrupt().signal;
    const exports = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'\n`);
    if (this.jsonEnabled()) this.logJson({ environment: variables });
    else process.stdout.write(`${exports.join('')}unset AWS_PROFILE\n`);
    process.stderr.write('the sandbox is up until Ctrl-C; paste the lines above into another shell\n');
    await new Promise((resolve) => {
      // Node ends when nothing is left to wait for: the servers keep it alive, the signal ends the wait.
      stopped.addEventListener('abort', resolve);
    });
    process.stderr.write(
      `the sandbox is gone; in a shell that has its exports: unset ${Object.keys(variables).join(' ')}\n`,
    );
  }
}
